"""CSV files as people write them: named text columns, and every bad cell with its line.

Spreadsheets' byte order mark, line ends and quoting are understood. Nothing is raised for a bad
cell: it is noted, and `Problems.raise_if_any` says all of them at once.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader, FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from p2pmatch.errors import P2PMatchError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["BadInput", "Problems", "Table", "read_table"]

# So many rows are turned into columns at once.
_AT_ONCE = 2_000
# How many problems are told one by one.
_TOLD = 20

_T = TypeVar("_T")


class BadInput(Exception):
    """Files that cannot be used as they are; the message has a line for each thing to mend."""


class Problems:
    """What is wrong with the input, gathered to be told together."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, str]] = []

    def add(self, file: str, line: int, text: str) -> None:
        """Note something; `line` is 0 where it concerns the whole file."""
        self._found.append((file, line, text))

    def raise_if_any(self) -> None:
        """Raise BadInput with the first twenty, in the order of files and lines."""
        if not self._found:
            return
        files = list(dict.fromkeys(file for file, _, _ in self._found))
        found = sorted(self._found, key=lambda problem: (files.index(problem[0]), problem[1]))
        told = [
            f"{file}:{line}: {text}" if line else f"{file}: {text}"
            for file, line, text in found[:_TOLD]
        ]
        if len(found) > _TOLD:
            told.append(f"and {len(found) - _TOLD} more")
        raise BadInput("\n".join(told))


@attrs.frozen(eq=False)
class Table:
    """A file's columns of text, the line each row begins at, and the SHA-256 of what was read."""

    file: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    problems: Problems
    sha256: str

    def __len__(self) -> int:
        return len(self.lines)

    def read(
        self, name: str, read: Callable[[str], _T], *, optional: bool = False
    ) -> list[_T | Any]:
        """A column's values, each distinct text read once.

        Parameters
        ----------
        name : the column. If the file has no such column, all its cells count as empty.
        read : turns text into a value, or raises a P2PMatchError.
        optional : whether an empty cell is None; otherwise it is read like any other.

        Returns
        -------
        One value a row; nothing at all if any cell was bad (each is noted).
        """
        texts = self.columns.get(name)
        if texts is None:
            texts = [""] * len(self)
        values: dict[str, _T | None] = {}
        bad: dict[str, P2PMatchError] = {}
        for text in dict.fromkeys(texts):
            cell = text.strip()
            try:
                values[text] = None if optional and not cell else read(cell)
            except P2PMatchError as error:
                bad[text] = error
        if not bad:
            return [values[text] for text in texts]
        for line, text in zip(self.lines, texts, strict=True):
            if text in bad:
                self.note(line, name, bad[text])
        return []

    def note(self, line: int, column: str, error: P2PMatchError) -> None:
        """Note a refused cell."""
        self.problems.add(self.file, line, f"column {column}: {_without_field(error)}")


def _without_field(error: P2PMatchError) -> str:
    return str(error).removeprefix(f"{error.field}: ")


class _Hashed(FileIO):
    """A file whose bytes are hashed as they are read: it may be another one a moment later."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read up to so many bytes."""
        count = super().readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        return count


def read_table(path: Path, required: Sequence[str], problems: Problems) -> Table:
    """Read a CSV file into columns of text; whatever is wrong with it is noted.

    The header's names may come in any order, and more of them than are known. Rows with more or
    fewer fields than the header are left out.
    """
    file = str(path)
    header: list[str] = []
    columns: list[list[str]] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    sha256 = ""
    try:
        with (
            _Hashed(path) as raw,
            TextIOWrapper(BufferedReader(raw), encoding="utf-8-sig", newline="") as text,
        ):
            reader = csv.reader(text, strict=True)
            for row in reader:
                if row and not header:
                    header = [name.strip() for name in row]
                    columns = [[] for _ in header]
                elif row and len(row) == len(header):
                    rows.append(row)
                    lines.append(line)
                    if len(rows) == _AT_ONCE:
                        _move(rows, columns)
                elif row:
                    accepted = f"accepted: {len(header)}, as the header"
                    problems.add(file, line, f"has {len(row)} fields; {accepted}")
                line = reader.line_num + 1
            sha256 = raw.sha256.hexdigest()
    except csv.Error as error:
        problems.add(file, line, f"cannot be read: {error}; accepted: comma-separated values")
    except (OSError, UnicodeDecodeError) as error:
        problems.add(file, 0, _unreadable(error))
    else:
        _check_header(file, header, required, problems)
    _move(rows, columns)
    return Table(file, dict(zip(header, columns, strict=True)), lines, problems, sha256)


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 text (byte {error.start}); accepted: UTF-8"
    if isinstance(error, FileNotFoundError):
        return "no such file; accepted: the path of a CSV file"
    return f"cannot be read: {error.strerror}; accepted: a CSV file"


def _move(rows: list[list[str]], columns: list[list[str]]) -> None:
    """Move rows to the ends of the columns: a few at a time, while they are in the cache."""
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
        column.extend(cells)
    rows.clear()


def _check_header(
    file: str, header: list[str], required: Sequence[str], problems: Problems
) -> None:
    if not header:
        problems.add(file, 0, f"is empty; accepted: a header with {', '.join(required)}")
        return
    if len(header) == 1 and len(re.split("[;\t]", header[0])) >= len(required):
        problems.add(file, 1, f"is one column, {header[0]!r}; accepted: fields parted by commas")
        return
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            problems.add(file, 1, f"column {name!r} stands there twice; accepted: each once")
    for name in required:
        if name not in header:
            problems.add(file, 1, f"column {name!r} is missing; accepted: {', '.join(required)}")
