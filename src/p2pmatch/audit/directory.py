"""Checks what `p2pmatch match` wrote, from the folder's files alone."""

import csv
import hashlib
import io
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch.audit.book import AuditRules, Book, NoteRecord, OfferRecord, RequestRecord
from p2pmatch.audit.checker import Outcome, check_outcome, expected_size
from p2pmatch.audit.report import Findings, Report
from p2pmatch.audit.sharing import AuditAllocation
from p2pmatch.errors import InvalidValue, P2PMatchError, UnknownName
from p2pmatch.fees import Fees
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.rules import Rules
from p2pmatch.units import (
    amount,
    format_amount,
    format_rate,
    positive_amount,
    rate,
    round_half_up,
    whole_number,
)

__all__ = ["audit_directory"]

_VERSION = 1
_RUN = "run.json"
# The files of a run beside run.json, and the columns that each must have.
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "book.csv": (
            "offer_id",
            "lender_id",
            "amount",
            "min_rate",
            "grades",
            "terms",
            "max_per_loan",
            "max_share",
            "requires",
            "refuses",
            "expires_at",
            "submitted_at",
        ),
        "asked.csv": (
            "request_id",
            "borrower_id",
            "amount",
            "max_rate",
            "grade",
            "term",
            "min_amount",
            "tags",
            "submitted_at",
        ),
        "loans.csv": ("request_id", "principal", "rate", "marginal_rate", "notes", "lenders"),
        "notes.csv": ("request_id", "offer_id", "lender_id", "amount", "rate"),
        "unfunded.csv": ("request_id", "amount", "reason"),
        "summary.json": (),
    }
)

Row = dict[str, str]


def audit_directory(
    path: str | Path, progress: Callable[[Sequence[Row]], Iterable[Row]] = iter
) -> Report:
    """Check a result folder: every sum, rate, limit and priority, and the files themselves.

    Parameters
    ----------
    path : the folder that `match --out` wrote.
    progress : wraps the loop over the requests, to show how far it is.

    Returns
    -------
    Report. A file that is missing or cannot be read is a breach.

    Raises
    ------
    InvalidValue : if it is no such folder: it has no run.json.

    Notes
    -----
    Works the matching out once more along the ranking: O(places read by each request).
    """
    folder = Path(path)
    try:
        run = (folder / _RUN).read_bytes()
    except OSError:
        accepted = f"a folder that `p2pmatch match --out` wrote, with a {_RUN} in it"
        raise InvalidValue("malformed", "folder", str(folder), accepted) from None
    findings = Findings()
    checked: dict[str, int] = {"files": 0, "offers": 0, "requests": 0, "notes": 0}
    contents = _contents(folder, findings)
    description: Mapping[str, Any] = {}
    try:
        description = _description(run)
        rules = _rules(description)
        texts = {name: _text(name, content) for name, content in contents.items()}
        if len(texts) == len(_COLUMNS):
            _Replay(rules, texts, findings, checked).run(progress)
    except _Unreadable as unreadable:
        findings.add("file_unreadable", unreadable.where, unreadable.problem)
    if description:
        # Last, because it says least: what is wrong in a file has been named.
        checked["files"] = len(contents)
        _check_seals(contents, description, findings)
    return Report(tuple(findings.breaches), checked)


class _Unreadable(Exception):
    """A cell or file that cannot be read."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem


def _contents(folder: Path, findings: Findings) -> dict[str, bytes]:
    """The files' bytes, of those that are there."""
    contents = {}
    for name in _COLUMNS:
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            findings.add("file_missing", name, f"{error.strerror}")
    return contents


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unreadable(name, f"not UTF-8 at byte {error.start}") from None


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(name, f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _Unreadable(name, "not a JSON object")
    return found


def _description(content: bytes) -> dict[str, Any]:
    description = _object(_RUN, _text(_RUN, content))
    version = description.get("version")
    if type(version) is not int or version != _VERSION:
        raise _Unreadable(_RUN, f"version {version!r}, expected {_VERSION}")
    for name in ("rules", "files"):
        if not isinstance(description.get(name), dict):
            raise _Unreadable(_RUN, f"no table {name!r}")
    return description


def _check_seals(
    contents: Mapping[str, bytes], description: Mapping[str, Any], findings: Findings
) -> None:
    """Every file is the one that was written."""
    for name, content in contents.items():
        written = description["files"].get(name)
        found = hashlib.sha256(content).hexdigest()
        if found != written:
            findings.add("file_changed", name, f"SHA-256 {found}, expected {written}")


def _rules(description: Mapping[str, Any]) -> AuditRules:
    """The rules as run.json has them; what is absent or null is not set."""
    given = {name: value for name, value in description["rules"].items() if value is not None}
    # Rules with parameters are tables; the auditor reads those itself.
    with_parameters = {
        name: given.pop(name) for name in _WITH_PARAMETERS if isinstance(given.get(name), dict)
    }
    try:
        for name, written in given.items():
            # What a folder cannot say must not lift what its loans are held to.
            if name not in _RULES:
                raise UnknownName("unknown_field", "rules", name, f"among {list(_RULES)}")
            given[name] = _RULES[name](written)
        fields: dict[str, Any] = {}
        for name, table in with_parameters.items():
            fields |= _WITH_PARAMETERS[name](table)
        return attrs.evolve(AuditRules.of(Rules(**given)), **fields)
    except (P2PMatchError, LookupError, TypeError, AttributeError) as error:
        raise _Unreadable(_RUN, f"rules: {error}") from None


def _lender_limits(written: Mapping[str, str]) -> Limits:
    return Limits(
        **{
            name: rate(text) if name == "max_share" else amount(text)
            for name, text in written.items()
        }
    )


def _borrower_limits(written: Mapping[str, str]) -> BorrowerLimits:
    return BorrowerLimits(**{name: amount(text) for name, text in written.items()})


def _fees(written: Mapping[str, str]) -> Fees:
    given: dict[str, Any] = {
        name: text
        if name == "paid"
        else amount(text)
        if name == "origination_fixed"
        else rate(text)
        for name, text in written.items()
    }
    return Fees(**given)


def _money(written: object) -> int:
    if not isinstance(written, str):
        raise InvalidValue("wrong_type", "amount", written, "text such as '25.00'")
    return amount(written)


def _allocation(table: Mapping[str, Any]) -> dict[str, object]:
    return {"allocation": AuditAllocation.read(table)}


def _posted(table: Mapping[str, Any]) -> dict[str, object]:
    if table["rule"] != "posted":
        raise UnknownName("unknown_rule", "rule", table["rule"], "'posted'")
    rates = {
        (grade, _whole(term)): rate(text)
        for grade, by_term in table["rates"].items()
        for term, text in by_term.items()
    }
    return {"pricing": "posted", "posted": rates}


def _as_it_is(written: object) -> object:
    return written


_WITH_PARAMETERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = MappingProxyType(
    {"allocation": _allocation, "pricing": _posted}
)
_RULES: Mapping[str, Callable[[Any], object]] = MappingProxyType(
    {
        "grades": _as_it_is,
        "terms": _as_it_is,
        "increment": _money,
        "min_note": _money,
        "max_share": rate,
        "allocation": _as_it_is,
        "pricing": _as_it_is,
        "lender_limits": _lender_limits,
        "borrower_limits": _borrower_limits,
        "fees": _fees,
        "apr_rule": _as_it_is,
    }
)


@attrs.define(eq=False)
class _Replay:
    """Offers and requests once more in the order they came, beside what was recorded."""

    rules: AuditRules
    texts: Mapping[str, str]
    findings: Findings
    checked: dict[str, int]

    def run(self, progress: Callable[[Sequence[Row]], Iterable[Row]]) -> None:
        """Let everything come once more."""
        book = Book(self.rules)
        offers = _rows(self.texts, "book.csv")
        asked = _rows(self.texts, "asked.csv")
        times = self._times("book.csv", offers)
        results = _Results.read(self.texts, asked, self.findings)
        posted = 0
        asked_at = self._times("asked.csv", asked)
        own_ids = _own_ids([row["request_id"] for row in asked])
        for row, own_id, now in zip(progress(asked), own_ids, asked_at, strict=True):
            while posted < len(offers) and times[posted] <= now:
                self._post(book, offers[posted])
                posted += 1
            request = _request(row, own_id)
            where = f"request {request.request_id} (asked.csv:{row['#line']})"
            outcome = results.take(request, where, partial(expected_size, book, request, now))
            self.checked["notes"] += len(outcome.notes)
            check_outcome(book, request, outcome, now=now, where=where, findings=self.findings)
        for row in offers[posted:]:
            self._post(book, row)
        self.checked["offers"] = len(offers)
        self.checked["requests"] = len(asked)
        results.left_over()
        self._summary(offers, asked)

    def _times(self, name: str, rows: list[Row]) -> list[int]:
        """When each row came; no row came before the one above it."""
        times: list[int] = [_read(name, row, "submitted_at", _integer) for row in rows]
        for row, time, earlier in zip(rows[1:], times[1:], times, strict=False):
            if time < earlier:
                where = f"{name}:{row['#line']}"
                self.findings.add("time_backwards", where, f"{time} after {earlier}")
        return times

    def _post(self, book: Book, row: Row) -> None:
        offer = _offer(row)
        where = f"book.csv:{row['#line']}"
        strangers = book.strangers(offer.grades or (), offer.terms or ())
        if strangers:
            self.findings.add("unknown_cell", where, f"{offer.offer_id}: {strangers}")
        if offer.offer_id in book.parts:
            self.findings.add("duplicate_offer", where, offer.offer_id)
        else:
            book.post(offer)

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
        summary = _object("summary.json", self.texts["summary.json"])
        for name, value in expected.items():
            if summary.get(name) != value:
                message = f"{name} is {summary.get(name)}, expected {value}"
                self.findings.add("summary", "summary.json", message)


class _Answers:
    """One file's rows by request id, to be taken in the order in which they stand."""

    def __init__(self, name: str, texts: Mapping[str, str], findings: Findings) -> None:
        self.name = name
        self._findings = findings
        self._waiting: defaultdict[str, deque[Row]] = defaultdict(deque)
        self._latest = 0
        self._in_order = True
        for row in _rows(texts, name):
            self._waiting[row["request_id"]].append(row)

    def next(self, request_id: str) -> Row | None:
        """The next row under an id, left where it is."""
        waiting = self._waiting.get(request_id)
        return waiting[0] if waiting else None

    def count(self, request_id: str) -> int:
        """How many rows under an id are left."""
        return len(self._waiting.get(request_id, ()))

    def take(self, request_id: str) -> Row:
        """The next row under an id. The first row out of order is a breach."""
        row = self._waiting[request_id].popleft()
        line = int(row["#line"])
        if line < self._latest and self._in_order:
            self._in_order = False
            message = f"{request_id} stands before line {self._latest}, was processed after it"
            self._findings.add("result_order", f"{self.name}:{line}", message)
        self._latest = max(line, self._latest)
        return row

    def left_over(self) -> None:
        """What is left belongs to no request."""
        for request_id, waiting in self._waiting.items():
            if waiting:
                where = f"{self.name}:{waiting[0]['#line']}"
                message = f"{request_id}: {len(waiting)} rows too many"
                self._findings.add("unknown_request", where, message)


@attrs.define(eq=False)
class _Results:
    """What was recorded, to be taken in the order of processing."""

    loans: _Answers
    notes: _Answers
    unfunded: _Answers
    findings: Findings
    to_come: Counter[str]

    @classmethod
    def read(cls, texts: Mapping[str, str], asked: list[Row], findings: Findings) -> "_Results":
        """The three result files."""
        return cls(
            loans=_Answers("loans.csv", texts, findings),
            notes=_Answers("notes.csv", texts, findings),
            unfunded=_Answers("unfunded.csv", texts, findings),
            findings=findings,
            to_come=Counter(row["request_id"] for row in asked),
        )

    def take(self, request: RequestRecord, where: str, expected_size: Callable[[], int]) -> Outcome:
        """What was recorded for the next request.

        `expected_size`, what it should get, decides where either of two rows could be about it.
        """
        request_id = request.request_id
        self.to_come[request_id] -= 1
        loan, rest = self.loans.next(request_id), self.unfunded.next(request_id)
        principal = 0 if loan is None else _read("loans.csv", loan, "principal", amount)
        left = 0 if rest is None else _read("unfunded.csv", rest, "amount", amount)
        if loan is not None and rest is not None and self.to_come[request_id]:
            # The same id comes again: each of the two rows may be about another request.
            only_loan, only_rest = principal == request.amount, left == request.amount
            if only_loan and only_rest:
                only_loan = expected_size() > 0
            if only_loan:
                rest, left = None, 0
            elif only_rest:
                loan, principal = None, 0
        reason = None if rest is None else self.unfunded.take(request_id)["reason"]
        if loan is None and rest is None:
            self.findings.add("missing_result", where, "neither a loan nor a reason why not")
            return Outcome(0, [], request.amount, None, None, None)
        if loan is None:
            return Outcome(0, [], left, reason, None, None)
        return Outcome(
            principal,
            self._notes(request_id, self.loans.take(request_id)),
            left,
            reason,
            _read("loans.csv", loan, "rate", rate),
            _read("loans.csv", loan, "marginal_rate", rate),
        )

    def _notes(self, request_id: str, loan: Row) -> list[NoteRecord]:
        """The notes of a loan, as many as it says if its id comes again."""
        count = _read("loans.csv", loan, "notes", _whole)
        there = self.notes.count(request_id)
        again = self.loans.count(request_id) > 0
        taken = min(count, there) if again else there
        notes = [_note(self.notes.take(request_id)) for _ in range(taken)]
        where = f"loans.csv:{loan['#line']} request {request_id}"
        if len(notes) != count:
            self.findings.add("note_count", where, f"{count}, expected {len(notes)}")
        lenders = len({note.lender_id for note in notes})
        if lenders != _read("loans.csv", loan, "lenders", _whole):
            self.findings.add("lender_count", where, f"{loan['lenders']}, expected {lenders}")
        return notes

    def left_over(self) -> None:
        """Rows that belong to no request."""
        for answers in (self.loans, self.notes, self.unfunded):
            answers.left_over()


def _rows(texts: Mapping[str, str], name: str) -> list[Row]:
    """A file's rows by column, each with its line; the file must end with a line end."""
    text = texts[name]
    if not text.endswith("\n"):
        raise _Unreadable(name, "is cut off: the last line has no end")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = next(lines)
        for column in _COLUMNS[name]:
            if header.count(column) != 1:
                raise _Unreadable(f"{name}:1", f"has not one column {column}")
        for cells in lines:
            if len(cells) != len(header):
                problem = f"{len(cells)} fields, expected {len(header)}"
                raise _Unreadable(f"{name}:{lines.line_num}", problem)
            row = dict(zip(header, cells, strict=True))
            row["#line"] = str(lines.line_num)
            rows.append(row)
    except csv.Error as error:
        raise _Unreadable(f"{name}:{lines.line_num}", str(error)) from None
    return rows


def _read(name: str, row: Row, column: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401
    try:
        return read(row[column])
    except P2PMatchError as error:
        raise _Unreadable(f"{name}:{row['#line']}", f"column {column}: {error}") from None


def _whole(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise InvalidValue("malformed", "number", text, "a whole number")
    return number


def _integer(text: str) -> int:
    return -_whole(text[1:]) if text.startswith("-") else _whole(text)


def _total(name: str, rows: list[Row]) -> str:
    return format_amount(sum(_read(name, row, "amount", amount) for row in rows))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split("|")) if text else frozenset()


def _optional(read: Callable[[str], int]) -> Callable[[str], int | None]:
    return lambda text: read(text) if text else None


def _note(row: Row) -> NoteRecord:
    return NoteRecord(
        row["offer_id"],
        row["lender_id"],
        _read("notes.csv", row, "amount", amount),
        _read("notes.csv", row, "rate", rate),
        f"notes.csv:{row['#line']}",
    )


def _offer(row: Row) -> OfferRecord:
    def read(column: str, how: Callable[[str], Any]) -> Any:  # noqa: ANN401
        return _read("book.csv", row, column, how)

    return OfferRecord(
        offer_id=row["offer_id"],
        lender_id=row["lender_id"],
        amount=read("amount", positive_amount),
        rate=read("min_rate", rate),
        grades=_names(row["grades"]) or None,
        terms=read("terms", lambda text: frozenset(map(_whole, _names(text)))) or None,
        max_per_loan=read("max_per_loan", _optional(amount)),
        max_share=read("max_share", _optional(rate)),
        requires=_names(row["requires"]),
        refuses=_names(row["refuses"]),
        expires_at=read("expires_at", _optional(_integer)),
    )


def _own_ids(ids: list[str]) -> Iterable[str]:
    """By which id each row's lots are drawn: one that comes again has #2, #3, ... behind it."""
    used = set(ids)
    last: dict[str, int] = {}
    for request_id in ids:
        number = last.get(request_id, 0) + 1
        own_id = request_id
        if number > 1:
            free = (n for n in count(number) if f"{request_id[:180]}#{n}" not in used)
            number = next(free)
            own_id = f"{request_id[:180]}#{number}"
        last[request_id] = number
        used.add(own_id)
        yield own_id


def _request(row: Row, own_id: str) -> RequestRecord:
    def read(column: str, how: Callable[[str], Any]) -> Any:  # noqa: ANN401
        return _read("asked.csv", row, column, how)

    whole = read("amount", positive_amount)
    least = read("min_amount", _optional(amount))
    return RequestRecord(
        request_id=row["request_id"],
        own_id=own_id,
        borrower_id=row["borrower_id"],
        amount=whole,
        max_rate=read("max_rate", rate),
        grade=row["grade"],
        term=read("term", _whole),
        least_amount=whole if least is None else least,
        tags=_names(row["tags"]),
    )
