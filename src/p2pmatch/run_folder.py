"""The folder of a file-driven run: loans, notes, what is unfunded, and what an audit needs.

The files are written to a sibling folder which takes its name at the end, so that a run that fails
leaves nothing behind.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

from p2pmatch.batch import Run
from p2pmatch.csv_table import BadInput
from p2pmatch.inputs import OFFER_COLUMNS, REQUEST_COLUMNS
from p2pmatch.rules_file import rules_as_written
from p2pmatch.units import format_amount, format_rate

__all__ = ["FORMAT_VERSION", "check_target", "summary_of", "write_run"]

#: The layout of a result folder; `run.json` says which one it has.
FORMAT_VERSION = 1

_RUN_FILE = "run.json"


def check_target(out: Path) -> None:
    """Raise BadInput unless `out` is free, empty, or holds an earlier run."""
    if not out.exists():
        return
    if not out.is_dir():
        raise BadInput(f"{out}: is a file; accepted: a new folder, or one of an earlier run")
    held = [entry.name for entry in out.iterdir()]
    if held and _RUN_FILE not in held:
        raise BadInput(
            f"{out}: holds other files ({held[0]}); accepted: a new or empty folder, or one of an "
            "earlier run"
        )


def write_run(run: Run, out: Path) -> dict[str, Any]:
    """Write a run's files to the folder `out`, all or none; returns the summary.

    Raises
    ------
    BadInput : if `out` cannot be written, or holds something else.
    """
    check_target(out)
    summary = summary_of(run)
    texts = {
        "loans.csv": _lines(_LOAN_COLUMNS, _loan_rows(run)),
        "notes.csv": _lines(_NOTE_COLUMNS, _note_rows(run)),
        "unfunded.csv": _lines(_UNFUNDED_COLUMNS, _unfunded_rows(run)),
        "book.csv": _book_lines(run),
        "asked.csv": _asked_lines(run),
        "summary.json": json.dumps(summary, indent=1) + "\n",
    }
    files = {name: text.encode() for name, text in texts.items()}
    description = {
        "version": FORMAT_VERSION,
        **run.inputs.sources,
        "rules": rules_as_written(run.inputs.rules),
        "files": {name: _sha256(content) for name, content in files.items()},
    }
    files[_RUN_FILE] = (json.dumps(description, indent=1) + "\n").encode()
    try:
        _replace_folder(out, files)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror}") from None
    return summary


def _replace_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to a sibling of `out`, then let it take the place of `out`."""
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=parent))
    old = partial.with_name(partial.name + "-old")
    try:
        for name, content in files.items():
            (partial / name).write_bytes(content)
        partial.chmod(0o777 & ~_umask())
        if out.exists():
            out.rename(old)
        try:
            partial.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_LOAN_COLUMNS = ("request_id", "principal", "rate", "marginal_rate", "notes", "lenders")
_NOTE_COLUMNS = ("request_id", "offer_id", "lender_id", "amount", "rate")
_UNFUNDED_COLUMNS = ("request_id", "amount", "reason")


class _Written(dict[int, str]):
    """Numbers and how they are written, each worked out once."""

    def __init__(self, write: Callable[[int], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, number: int) -> str:
        text = self[number] = self._write(number)
        return text


_TO_QUOTE = re.compile(r'[,"\r\n]')
_PERHAPS_TO_QUOTE = re.compile(r'[,"\s]')


def _cell(text: str) -> str:
    """A field as CSV writes it: quoted only where it must be."""
    if _TO_QUOTE.search(text) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _cells(texts: Sequence[str]) -> Sequence[str]:
    """`_cell` of many texts, most of which are plain."""
    return [*map(_cell, texts)] if _PERHAPS_TO_QUOTE.search("".join(texts)) else texts


def _lines(header: Sequence[str], rows: Iterable[str]) -> str:
    """A CSV file with the line ends of RFC 4180."""
    return "\r\n".join([",".join(header), *rows, ""])


def _loan_rows(run: Run) -> Iterable[str]:
    for row, result in zip(run.order, run.results, strict=True):
        loan = result.loan
        if loan is not None:
            yield (
                f"{_cell(run.inputs.requests['request_id'][row])},{format_amount(loan.principal)},"
                f"{format_rate(loan.rate)},{format_rate(loan.marginal_rate)},"
                f"{len(loan.notes)},{loan.lenders}"
            )


def _note_rows(run: Run) -> Iterable[str]:
    amounts, rates = _Written(format_amount), _Written(format_rate)
    for row, result in zip(run.order, run.results, strict=True):
        if result.loan is None:
            continue
        request = _cell(run.inputs.requests["request_id"][row])
        notes = result.loan.notes
        columns = (
            repeat(request),
            _cells(notes.offer_ids.tolist()),
            _cells(notes.lender_ids.tolist()),
            map(amounts.__getitem__, notes.amounts.tolist()),
            map(rates.__getitem__, notes.rates.tolist()),
        )
        yield from map(",".join, zip(*columns, strict=False))


def _unfunded_rows(run: Run) -> Iterable[str]:
    for row, result in zip(run.order, run.results, strict=True):
        if result.unfunded:
            request = _cell(run.inputs.requests["request_id"][row])
            yield f"{request},{format_amount(result.unfunded)},{result.reason}"


def _book_lines(run: Run) -> str:
    """The offers as they were read, in order of arrival."""
    times = [run.offer_times[row] for row in run.book_order]
    return _input_lines(OFFER_COLUMNS, "offers", run, run.book_order, times)


def _asked_lines(run: Run) -> str:
    """The requests as they were read, in order of processing."""
    times = [run.request_times[row] for row in run.order]
    return _input_lines(REQUEST_COLUMNS, "requests", run, run.order, times)


def _input_lines(
    names: Sequence[str], kind: str, run: Run, rows: Sequence[int], times: Sequence[int]
) -> str:
    """One side of the input, normalised, with the columns that are only carried along."""
    columns = run.inputs.offers if kind == "offers" else run.inputs.requests
    written: list[Iterable[str]] = []
    for name in names:
        if name == "submitted_at":
            written.append(map(str, times))
            continue
        values = [columns[name][row] for row in rows]
        if name in _IDS:
            written.append(_cells(values))
            continue
        texts = {value: _cell(_write_value(name, value)) for value in set(values)}
        written.append(map(texts.__getitem__, values))
    extras = run.inputs.extras[kind]
    written.extend(_cells([column[row] for row in rows]) for column in extras.values())
    header = [*names, *map(_cell, extras)]
    return _lines(header, map(",".join, zip(*written, strict=True)))


_IDS = ("offer_id", "lender_id", "request_id", "borrower_id")
_RATES = ("min_rate", "max_rate", "max_share")
_AMOUNTS = ("amount", "max_per_loan", "min_amount")


def _write_value(name: str, value: Any) -> str:  # noqa: ANN401 - any cell
    if value is None:
        return ""
    if name in _AMOUNTS:
        return format_amount(value)
    if name in _RATES:
        return format_rate(value)
    if isinstance(value, tuple):
        return "|".join(map(str, value))
    return str(value)


def summary_of(run: Run) -> dict[str, Any]:
    """The run in numbers; amounts as text of major units."""
    loans = [result.loan for result in run.results if result.loan is not None]
    lent = sum(loan.principal for loan in loans)
    interest = sum(int(loan.notes.amounts @ loan.notes.rates) for loan in loans)
    reasons = Counter(result.reason for result in run.results if result.reason is not None)
    return {
        "offers": len(run.book_order),
        "offers_expired_on_arrival": run.expired,
        "requests": len(run.results),
        "loans": len(loans),
        "notes": sum(len(loan.notes) for loan in loans),
        "asked": format_amount(sum(run.inputs.requests["amount"])),
        "lent": format_amount(lent),
        "unfunded": format_amount(sum(result.unfunded for result in run.results)),
        "mean_rate": format_rate((2 * interest + lent) // (2 * lent)) if lent else None,
        "unfunded_because": dict(sorted(reasons.items())),
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
