"""The offers and requests of a run, from files checked whole before anything is matched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeVar

import attrs

from p2pmatch import checks
from p2pmatch.columns import OF_OFFERS, OF_REQUESTS
from p2pmatch.csv_table import Problems, Table, read_table
from p2pmatch.errors import InvalidValue, Refused, UnknownName
from p2pmatch.rules import Rules
from p2pmatch.rules_file import read_rules, rules_for
from p2pmatch.units import (
    MAX_TIME,
    format_amount,
    months,
    positive_amount,
    rate,
    share,
    whole_number,
)

__all__ = [
    "OFFER_COLUMNS",
    "REQUEST_COLUMNS",
    "Inputs",
    "read_inputs",
]

_T = TypeVar("_T")

#: The columns of an offers file; the first six must be there.
OFFER_COLUMNS = (*OF_OFFERS, "submitted_at")
#: The columns of a requests file; the first six must be there. They are matched as they come.
REQUEST_COLUMNS = (*(name for name in OF_REQUESTS if name != "expires_at"), "submitted_at")
_REQUIRED_OF_OFFERS = OFFER_COLUMNS[:6]
_REQUIRED_OF_REQUESTS = REQUEST_COLUMNS[:6]


@attrs.frozen(eq=False)
class Inputs:
    """A run's input as columns of plain values, in file order.

    offers and requests have the names of the CSV files; a cell that is not set is None. `extras`
    are the columns nobody knows, which are carried along. `remarks` : what is worth a word, such as
    which of them may be meant for one that is not there. `sources` : the files, and the SHA-256 of
    what was read of them.
    """

    rules: Rules
    offers: dict[str, list[Any]]
    requests: dict[str, list[Any]]
    extras: Mapping[str, Mapping[str, Sequence[str]]]
    remarks: Sequence[str]
    sources: Mapping[str, Mapping[str, str]]


def read_inputs(
    offers: Path,
    requests: Path | None,
    rules: Path | None,
    grades: Sequence[str] = (),
    terms: Sequence[int] = (),
) -> Inputs:
    """Read and check the files of a run.

    Parameters
    ----------
    offers, requests : CSV files; without `requests` there are none.
    rules : a TOML file; None: the defaults, with the files' own grades and terms.
    grades, terms : those that will be asked for: they are the marketplace's where nothing says
        which it has.

    Raises
    ------
    BadInput : with file, line, column and what would be accepted, for every bad row.
    """
    problems = Problems()
    settings = read_rules(rules)
    offer_table = read_table(offers, _REQUIRED_OF_OFFERS, problems)
    request_table = Table("", {}, (), problems, "")
    if requests is not None:
        request_table = read_table(requests, _REQUIRED_OF_REQUESTS, problems)
    problems.raise_if_any()
    offer_columns = _offer_columns(offer_table)
    request_columns = _request_columns(request_table)
    problems.raise_if_any()
    made = rules_for(
        settings,
        rules,
        grades=[*_members(offer_columns["grades"]), *request_columns["grade"]] or grades,
        terms=[*_members(offer_columns["terms"]), *request_columns["term"]] or terms,
    )
    _check_offers(offer_table, offer_columns, made)
    _check_requests(request_table, request_columns, made)
    problems.raise_if_any()
    extras = {
        "offers": _unknown(offer_table, OFFER_COLUMNS),
        "requests": _unknown(request_table, REQUEST_COLUMNS),
    }
    remarks = [
        *_misspelt(offer_table, OFFER_COLUMNS, extras["offers"]),
        *_misspelt(request_table, REQUEST_COLUMNS, extras["requests"]),
        *_untimed(offer_table, offer_columns),
        *_untimed(request_table, request_columns),
        *_unread(request_table),
    ]
    sources = {
        kind: {"path": table.file, "sha256": table.sha256}
        for kind, table in (("offers", offer_table), ("requests", request_table))
    }
    return Inputs(made, offer_columns, request_columns, extras, remarks, sources)


# Columns


def _offer_columns(table: Table) -> dict[str, list[Any]]:
    return {
        "offer_id": _ids(table, "offer_id"),
        "lender_id": _ids(table, "lender_id"),
        "amount": table.read("amount", positive_amount),
        "min_rate": table.read("min_rate", rate),
        "grades": table.read("grades", _names),
        "terms": table.read("terms", _terms),
        "max_per_loan": table.read("max_per_loan", positive_amount, optional=True),
        "max_share": table.read("max_share", share, optional=True),
        "requires": table.read("requires", _names),
        "refuses": table.read("refuses", _names),
        "expires_at": table.read("expires_at", _time, optional=True),
        "submitted_at": table.read("submitted_at", _time, optional=True),
    }


def _request_columns(table: Table) -> dict[str, list[Any]]:
    return {
        "request_id": _ids(table, "request_id"),
        "borrower_id": _ids(table, "borrower_id"),
        "amount": table.read("amount", positive_amount),
        "max_rate": table.read("max_rate", rate),
        "grade": table.read("grade", _grade),
        "term": table.read("term", months),
        "min_amount": table.read("min_amount", positive_amount, optional=True),
        "tags": table.read("tags", _names),
        "submitted_at": table.read("submitted_at", _time, optional=True),
    }


def _ids(table: Table, name: str) -> list[str]:
    ids = [text.strip() for text in table.columns.get(name, ())]
    return ids if ids and checks.are_ids(ids) else table.read(name, _id)


def _id(text: str) -> str:
    return checks.check_id(text, "id")


def _time(text: str) -> int:
    if whole_number(text.removeprefix("-")) is None:
        accepted = f"a whole number from {-MAX_TIME} to {MAX_TIME}, or nothing"
        raise InvalidValue("malformed", "time", text, accepted)
    return checks.check_time(int(text))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(member.strip() for member in text.split("|")) if text else ()


def _names(text: str) -> tuple[str, ...]:
    members = _parts(text)
    checks.check_ids(members, "name")
    return members


def _grade(text: str) -> str:
    if "|" in text:
        raise InvalidValue("malformed", "grade", text, "one grade")
    return checks.check_id(text, "grade")


def _terms(text: str) -> tuple[int, ...]:
    return tuple(map(months, _parts(text)))


def _members(column: Sequence[Sequence[_T]]) -> list[_T]:
    return [member for cell in dict.fromkeys(column) for member in cell]


# Checks that need more than one cell


def _check_offers(table: Table, columns: dict[str, list[Any]], rules: Rules) -> None:
    _check_known(table, "grades", columns["grades"], rules.grades, "unknown_grade")
    _check_known(table, "terms", columns["terms"], rules.terms, "unknown_term")
    ids = columns["offer_id"]
    if not checks.are_distinct(ids):
        seen: set[str] = set()
        for line, offer_id in zip(table.lines, ids, strict=True):
            if offer_id in seen:
                table.note(line, "offer_id", Refused("duplicate_id", "", offer_id, "each id once"))
            seen.add(offer_id)
    tags = list(zip(columns["requires"], columns["refuses"], strict=True))
    both = {pair: sorted(set(pair[0]) & set(pair[1])) for pair in set(tags)}
    if any(both.values()):
        for line, pair in zip(table.lines, tags, strict=True):
            if both[pair]:
                error = InvalidValue("contradiction", "", both[pair], "tags not also required")
                table.note(line, "refuses", error)


def _check_requests(table: Table, columns: dict[str, list[Any]], rules: Rules) -> None:
    grades = [(grade,) for grade in columns["grade"]]
    _check_known(table, "grade", grades, rules.grades, "unknown_grade")
    terms = [(term,) for term in columns["term"]]
    _check_known(table, "term", terms, rules.terms, "unknown_term")
    texts = table.columns
    for i, (line, whole, least) in enumerate(
        zip(table.lines, columns["amount"], columns["min_amount"], strict=True)
    ):
        if whole % rules.increment:
            accepted = f"a multiple of {format_amount(rules.increment)}"
            error = InvalidValue("not_multiple", "", texts["amount"][i], accepted)
            table.note(line, "amount", error)
        if least is not None and least > whole:
            accepted = f"at most the amount, {format_amount(whole)}"
            error = InvalidValue("above_amount", "", texts["min_amount"][i], accepted)
            table.note(line, "min_amount", error)


def _check_known(
    table: Table, name: str, cells: Sequence[Sequence[Any]], known: Sequence[Any], code: str
) -> None:
    strangers = {
        cell: member for cell in dict.fromkeys(cells) for member in cell if member not in known
    }
    if strangers:
        for line, cell in zip(table.lines, cells, strict=True):
            if cell in strangers:
                table.note(line, name, UnknownName(code, "", strangers[cell], f"{list(known)}"))


def _misspelt(table: Table, known: Sequence[str], unknown: Iterable[str]) -> Iterator[str]:
    missing = [name for name in known if name not in table.columns]
    for column in unknown:
        for meant in missing:
            if _are_alike(column.strip().lower(), meant):
                yield f"{table.file}: column {column!r} is not read; is {meant!r} meant?"


def _untimed(table: Table, columns: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    times = columns["submitted_at"]
    missing = times.count(None)
    if 0 < missing < len(times):
        yield f"{table.file}: rows without submitted_at: {missing}; they come before all with one"


def _unread(table: Table) -> Iterator[str]:
    if any(text.strip() for text in table.columns.get("expires_at", ())):
        because = "a file's requests are matched as they come"
        yield f"{table.file}: column 'expires_at' is not read: {because}"


def _are_alike(one: str, other: str) -> bool:
    """Whether six sevenths of the letters match, in their order."""
    enough = 6 * (len(one) + len(other))
    # Most pairs are too different in length.
    if 14 * min(len(one), len(other)) < enough:
        return False
    blocks = SequenceMatcher(None, one, other).get_matching_blocks()
    return 14 * sum(block.size for block in blocks) >= enough


def _unknown(table: Table, known: Sequence[str]) -> dict[str, Sequence[str]]:
    return {name: column for name, column in table.columns.items() if name not in known}
