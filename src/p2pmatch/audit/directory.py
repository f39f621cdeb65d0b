"""Checks what `p2pmatch match` wrote, from the folder's files alone."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs

from p2pmatch.audit.book import AuditRules, Book, NoteRecord, OfferRecord, RequestRecord
from p2pmatch.audit.checker import Outcome, check_outcome
from p2pmatch.audit.report import Findings, Report
from p2pmatch.errors import InvalidValue
from p2pmatch.units import amount, format_amount, format_rate, rate, round_half_up

__all__ = ["audit_directory"]

_FILES = ("book.csv", "asked.csv", "loans.csv", "notes.csv", "unfunded.csv", "summary.json")

Row = dict[str, str]


def audit_directory(path: str | Path) -> Report:
    """Check a result folder: every sum, rate, limit and priority, and the files themselves.

    Parameters
    ----------
    path : the folder that `match --out` wrote.

    Raises
    ------
    InvalidValue : if it is not such a folder.

    Notes
    -----
    Works the matching out once more along the ranking: O(places read by each request).
    """
    folder = Path(path)
    description = _description(folder)
    findings = Findings()
    checked: dict[str, int] = {"files": len(_FILES), "offers": 0, "requests": 0, "notes": 0}
    texts = _texts(folder, description, findings)
    if len(texts) == len(_FILES):
        try:
            _Replay(_rules(description["rules"]), texts, findings, checked).run()
        except _Unreadable as unreadable:
            findings.add("file_unreadable", unreadable.where, unreadable.problem)
    return Report(tuple(findings.breaches), checked)


class _Unreadable(Exception):
    """A cell or file that cannot be read."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem


def _description(folder: Path) -> dict[str, Any]:
    accepted = "a folder that `p2pmatch match --out` wrote"
    try:
        description: dict[str, Any] = json.loads((folder / "run.json").read_bytes())
        sound = description["version"] == 1 and description["rules"] and description["files"]
        _rules(description["rules"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InvalidValue("malformed", "folder", str(folder), accepted) from None
    if not sound:
        raise InvalidValue("malformed", "folder", str(folder), accepted)
    return description


def _texts(folder: Path, description: Mapping[str, Any], findings: Findings) -> dict[str, str]:
    """The files' texts; what is missing or not as it was written is a breach."""
    texts = {}
    for name in _FILES:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            findings.add("file_missing", name)
            continue
        if hashlib.sha256(content).hexdigest() != description["files"].get(name):
            findings.add("file_changed", name)
        try:
            texts[name] = content.decode()
        except UnicodeDecodeError as error:
            findings.add("file_unreadable", name, f"not UTF-8 at byte {error.start}")
    return texts


def _rules(written: Mapping[str, Any]) -> AuditRules:
    lender_limits: dict[str, int | None] = {
        name: rate(text) if name == "max_share" else amount(text)
        for name, text in written["lender_limits"].items()
    }
    total = written["borrower_limits"].get("total")
    share = written["max_share"]
    return AuditRules(
        grades=tuple(written["grades"]),
        terms=tuple(written["terms"]),
        increment=amount(written["increment"]),
        min_note=amount(written["min_note"]),
        max_share=None if share is None else rate(share),
        allocation=written["allocation"],
        pricing=written["pricing"],
        lender_limits=lender_limits,
        borrower_total=None if total is None else amount(total),
    )


@attrs.define(eq=False)
class _Replay:
    """Offers and requests once more in the order they came, beside what was recorded."""

    rules: AuditRules
    texts: Mapping[str, str]
    findings: Findings
    checked: dict[str, int]

    def run(self) -> None:
        book = Book(self.rules)
        offers = _rows(self.texts, "book.csv")
        asked = _rows(self.texts, "asked.csv")
        results = _Results.read(self.texts)
        counts = Counter(row["request_id"] for row in asked)
        posted = 0
        for row in asked:
            now = _read("asked.csv", row, "submitted_at", int)
            while posted < len(offers) and _arrival(offers[posted]) <= now:
                book.post(_offer(offers[posted]))
                posted += 1
            request = _request(row)
            outcome = results.take(request, self.findings, repeated=counts[request.request_id] > 1)
            self.checked["notes"] += len(outcome.notes)
            check_outcome(
                book,
                request,
                outcome,
                now=now,
                where=f"request {request.request_id} (asked.csv:{row['#line']})",
                findings=self.findings,
            )
        self.checked["offers"] = len(offers)
        self.checked["requests"] = len(asked)
        results.left_over(self.findings)
        self._summary(offers, asked)

    def _summary(self, offers: list[Row], asked: list[Row]) -> None:
        """The totals of the summary are those of the other files."""
        loans, notes = _rows(self.texts, "loans.csv"), _rows(self.texts, "notes.csv")
        unfunded = _rows(self.texts, "unfunded.csv")
        lent = sum(_read("loans.csv", row, "principal", amount) for row in loans)
        interest = sum(
            _read("notes.csv", row, "amount", amount) * _read("notes.csv", row, "rate", rate)
            for row in notes
        )
        expected = {
            "offers": len(offers),
            "requests": len(asked),
            "loans": len(loans),
            "notes": len(notes),
            "asked": _total("asked.csv", asked),
            "lent": format_amount(lent),
            "unfunded": _total("unfunded.csv", unfunded),
            "mean_rate": format_rate(round_half_up(Fraction(interest, lent))) if lent else None,
            "unfunded_because": dict(Counter(row["reason"] for row in unfunded)),
        }
        try:
            summary = json.loads(self.texts["summary.json"])
            found = {name: summary.get(name) for name in expected}
        except (ValueError, AttributeError):
            raise _Unreadable("summary.json", "not a JSON object") from None
        for name, value in expected.items():
            if found[name] != value:
                message = f"{name} is {found[name]}, expected {value}"
                self.findings.add("summary", "summary.json", message)


@attrs.define(eq=False)
class _Results:
    """What was recorded, to be taken in the order of processing."""

    loans: list[Row]
    notes: list[Row]
    unfunded: list[Row]

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> "_Results":
        """The three result files, the next row last."""
        names = ("loans.csv", "notes.csv", "unfunded.csv")
        return cls(*(_rows(texts, name)[::-1] for name in names))

    def take(self, request: RequestRecord, findings: Findings, *, repeated: bool) -> Outcome:
        """What was recorded for the next request."""
        loan = self._next(self.loans, request)
        rest = self._next(self.unfunded, request)
        principal = 0 if loan is None else _read("loans.csv", loan, "principal", amount)
        left = 0 if rest is None else _read("unfunded.csv", rest, "amount", amount)
        if repeated and principal + left != request.amount:
            # The same id comes again: one of the two rows is the other request's.
            loan, principal = (None, 0) if left == request.amount else (loan, principal)
            rest, left = (None, 0) if principal == request.amount else (rest, left)
        if loan is not None:
            self.loans.pop()
        if rest is not None:
            self.unfunded.pop()
        if loan is None and rest is None:
            findings.add("missing_result", f"request {request.request_id}")
            return Outcome(0, [], request.amount, None, None)
        if loan is None:
            return Outcome(0, [], left, None, None)
        count = _read("loans.csv", loan, "notes", int)
        notes = self._notes(request, count if repeated else None)
        where = f"loans.csv:{loan['#line']} request {request.request_id}"
        if len(notes) != count:
            findings.add("note_count", where, f"{count}, expected {len(notes)}")
        lenders = len({note.lender_id for note in notes})
        if lenders != _read("loans.csv", loan, "lenders", int):
            findings.add("lender_count", where, f"{loan['lenders']}, expected {lenders}")
        return Outcome(
            principal,
            notes,
            left,
            _read("loans.csv", loan, "rate", rate),
            _read("loans.csv", loan, "marginal_rate", rate),
        )

    def _next(self, rows: list[Row], request: RequestRecord) -> Row | None:
        if rows and rows[-1]["request_id"] == request.request_id:
            return rows[-1]
        return None

    def _notes(self, request: RequestRecord, most: int | None) -> list[NoteRecord]:
        notes: list[NoteRecord] = []
        while self._next(self.notes, request) is not None and len(notes) != most:
            row = self.notes.pop()
            notes.append(
                NoteRecord(
                    row["offer_id"],
                    row["lender_id"],
                    _read("notes.csv", row, "amount", amount),
                    _read("notes.csv", row, "rate", rate),
                )
            )
        return notes

    def left_over(self, findings: Findings) -> None:
        """Rows that belong to no request, or stand out of order."""
        for name in ("loans", "notes", "unfunded"):
            rows: list[Row] = getattr(self, name)
            if rows:
                row = rows[-1]
                where = f"{name}.csv:{row['#line']}"
                findings.add("unknown_request", where, f"{row['request_id']}, or out of order")


def _rows(texts: Mapping[str, str], name: str) -> list[Row]:
    """A file's rows by column, each with its line; the file must end with a line end."""
    text = texts[name]
    if not text.endswith("\n"):
        raise _Unreadable(name, "is cut off: the last line has no end")
    try:
        lines = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as error:
        raise _Unreadable(name, str(error)) from None
    header = lines[0]
    rows = []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(header):
            raise _Unreadable(f"{name}:{number}", f"{len(cells)} fields, expected {len(header)}")
        rows.append({**dict(zip(header, cells, strict=True)), "#line": str(number)})
    return rows


def _read(name: str, row: Row, column: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401
    try:
        return read(row[column])
    except (ValueError, KeyError) as error:
        raise _Unreadable(f"{name}:{row['#line']}", f"column {column}: {error}") from None


def _arrival(row: Row) -> int:
    when: int = _read("book.csv", row, "submitted_at", int)
    return when


def _total(name: str, rows: list[Row]) -> str:
    return format_amount(sum(_read(name, row, "amount", amount) for row in rows))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split("|")) if text else frozenset()


def _optional(read: Callable[[str], int]) -> Callable[[str], int | None]:
    return lambda text: read(text) if text else None


def _offer(row: Row) -> OfferRecord:
    def read(column: str, how: Callable[[str], Any]) -> Any:  # noqa: ANN401
        return _read("book.csv", row, column, how)

    terms = read("terms", lambda text: frozenset(map(int, _names(text))))
    return OfferRecord(
        offer_id=row["offer_id"],
        lender_id=row["lender_id"],
        amount=read("amount", amount),
        rate=read("min_rate", rate),
        grades=read("grades", _names) or None,
        terms=terms or None,
        max_per_loan=read("max_per_loan", _optional(amount)),
        max_share=read("max_share", _optional(rate)),
        requires=read("requires", _names),
        refuses=read("refuses", _names),
        expires_at=read("expires_at", _optional(int)),
    )


def _request(row: Row) -> RequestRecord:
    def read(column: str, how: Callable[[str], Any]) -> Any:  # noqa: ANN401
        return _read("asked.csv", row, column, how)

    whole = read("amount", amount)
    least = read("min_amount", _optional(amount))
    return RequestRecord(
        request_id=row["request_id"],
        borrower_id=row["borrower_id"],
        amount=whole,
        max_rate=read("max_rate", rate),
        grade=row["grade"],
        term=read("term", int),
        least_amount=whole if least is None else least,
        tags=read("tags", _names),
    )
