"""Many offers or requests at once: named columns in, checked columns out.

The columns bear the names of the CSV files and engine units (minor units, ppm, months). Whatever
repeats from row to row (the cells an offer stands in, its tags) is kept once and referred to by
number.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any, Final, TypeVar, overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.arrays import Numbers
from p2pmatch.coded import coded
from p2pmatch.conditions import NEVER, NO_CAP, NO_SHARE, Place, TagRule, unless
from p2pmatch.errors import InvalidValue
from p2pmatch.orders import Offer
from p2pmatch.request_columns import RequestColumns, keep
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE, MAX_TERM, MAX_TIME, months

__all__ = [
    "MAX_ROWS",
    "OF_OFFERS",
    "OF_REQUESTS",
    "OfferColumns",
    "checked_columns",
    "read_offers",
    "read_requests",
]

#: The most rows one bulk call takes.
MAX_ROWS: Final = 20_000_000

#: The columns of offers; the first four must be there.
OF_OFFERS: Final = (
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
)
#: The columns of requests; the first six must be there.
OF_REQUESTS: Final = (
    "request_id",
    "borrower_id",
    "amount",
    "max_rate",
    "grade",
    "term",
    "min_amount",
    "tags",
    "expires_at",
)
_SEPARATOR = "|"
_NAMES: Final = "text such as 'A|B', or a sequence of such names"
_TERMS: Final = f"an int from 1 to {MAX_TERM}, text such as '12|36', or a sequence of either"
_TEXT: Final = frozenset({str, type(None)})
# What is equal and of these kinds means the same.
_PLAIN: Final = _TEXT | {int}
_T = TypeVar("_T")
_H = TypeVar("_H", bound=Hashable)


@attrs.frozen(eq=False, kw_only=True)
class OfferColumns:
    """Many offers, checked, as columns of equal length n.

    None of it can be changed: arrays are read-only, and copies of what could be written to.

    Parameters
    ----------
    offer_ids, lender_ids : n ids.
    amounts, min_rates : int64, shape (n,), minor units and ppm.
    places, place_codes : the distinct pairs (grades, terms), and int32 positions in them.
    tag_rules, tag_codes : the distinct pairs (requires, refuses), and int32 positions in them.
    max_per_loan, max_share, expires_at : int64, shape (n,); `NO_CAP`, `NO_SHARE`, `NEVER`: not set.
    """

    offer_ids: tuple[str, ...]
    lender_ids: tuple[str, ...]
    amounts: npt.NDArray[np.int64]
    min_rates: npt.NDArray[np.int64]
    places: Sequence[Place]
    place_codes: npt.NDArray[np.int32]
    tag_rules: Sequence[TagRule]
    tag_codes: npt.NDArray[np.int32]
    max_per_loan: npt.NDArray[np.int64]
    max_share: npt.NDArray[np.int64]
    expires_at: npt.NDArray[np.int64]

    def __attrs_post_init__(self) -> None:
        keep(self)

    def __len__(self) -> int:
        return len(self.offer_ids)

    @overload
    def __getitem__(self, index: int) -> Offer: ...
    @overload
    def __getitem__(self, index: slice) -> "OfferColumns": ...
    def __getitem__(self, index: int | slice) -> "Offer | OfferColumns":
        """One of them as an object; or some, with only the places and tag rules that they have."""
        if isinstance(index, slice):
            places, place_codes = _used(self.places, self.place_codes[index])
            tag_rules, tag_codes = _used(self.tag_rules, self.tag_codes[index])
            return OfferColumns(
                offer_ids=self.offer_ids[index],
                lender_ids=self.lender_ids[index],
                amounts=self.amounts[index],
                min_rates=self.min_rates[index],
                places=places,
                place_codes=place_codes,
                tag_rules=tag_rules,
                tag_codes=tag_codes,
                max_per_loan=self.max_per_loan[index],
                max_share=self.max_share[index],
                expires_at=self.expires_at[index],
            )
        grades, terms = self.places[self.place_codes.item(index)]
        requires, refuses = self.tag_rules[self.tag_codes.item(index)]
        return Offer(
            offer_id=self.offer_ids[index],
            lender_id=self.lender_ids[index],
            amount=self.amounts.item(index),
            min_rate=self.min_rates.item(index),
            grades=grades,
            terms=terms,
            max_per_loan=unless(self.max_per_loan.item(index), NO_CAP),
            max_share=unless(self.max_share.item(index), NO_SHARE),
            requires=requires,
            refuses=refuses,
            expires_at=unless(self.expires_at.item(index), NEVER),
        )

    def __iter__(self) -> Iterator[Offer]:
        """The same offers as objects, one at a time."""
        return (self[row] for row in range(len(self)))


def _unless_never(times: npt.NDArray[np.int64]) -> list[int | None]:
    """`unless` of many times."""
    if (times == NEVER).all():
        return [None] * len(times)
    return [unless(time, NEVER) for time in times.tolist()]


def read_offers(columns: Mapping[str, Any]) -> OfferColumns:
    """Check columns of offers.

    Parameters
    ----------
    columns : offer_id, lender_id, amount, min_rate, and optionally grades, terms ("A|B" text,
        sequences, or one term as an int; empty or None: all), max_per_loan, max_share, expires_at
        (None: not set), requires, refuses; further columns are ignored. Lists or arrays of equal
        length, in engine units; spaces around names in text mean nothing.

    Raises
    ------
    InvalidValue : naming column and row.

    Examples
    --------
    >>> offers = read_offers({"offer_id": ["o1", "o2"], "lender_id": ["ann", "ben"],
    ...                       "amount": [50_000, 20_000], "min_rate": [52_000, 61_000],
    ...                       "grades": ["A|B", ""], "terms": ["36", "36"]})
    >>> [sorted(offer.grades or ()) for offer in offers]
    [['A', 'B'], []]
    """
    rows = _row_count(columns, OF_OFFERS)
    grades, grade_codes = _distinct(columns, "grades", rows, _grade_set)
    terms, term_codes = _distinct(columns, "terms", rows, _term_set)
    requires, requires_codes = _distinct(columns, "requires", rows, _tag_set)
    refuses, refuses_codes = _distinct(columns, "refuses", rows, _tag_set)
    places, place_codes = _pairs(grades, grade_codes, terms, term_codes)
    tag_rules, tag_codes = _pairs(requires, requires_codes, refuses, refuses_codes)
    for number, (needed, barred) in enumerate(tag_rules):
        if needed & barred:
            row = int((tag_codes == number).argmax())
            raise _contradicting(needed & barred, f"refuses[{row}]")
    return _made(columns, "", rows, (places, place_codes), (tag_rules, tag_codes))


def checked_columns(fields: Mapping[str, Any]) -> OfferColumns:
    """The fields of an `OfferColumns` that came from outside, checked as `read_offers` does.

    Parameters
    ----------
    fields : lists; of `max_per_loan`, `max_share` and `expires_at` those may be left out in which
        nothing is set, and None stands for a single value that is not set.

    Raises
    ------
    InvalidValue : naming field and row.
    """
    columns = {name: fields[name] for name in fields if name not in {"places", "tag_rules"}}
    rows = _row_count(columns, ("offer_ids", *columns))
    places, tag_rules = fields["places"], fields["tag_rules"]
    for grades, terms in places:
        if grades is not None:
            checks.check_ids(grades, "places")
        for term in terms or ():
            checks.check_whole(term, "places", 1, MAX_TERM)
        if grades == frozenset() or terms == frozenset():
            raise InvalidValue("empty", "places", [], "at least one grade and term, or None")
    for needed, barred in tag_rules:
        checks.check_ids(needed | barred, "tag_rules")
        if needed & barred:
            raise _contradicting(needed & barred, "tag_rules")
    place_codes = _numbers(columns, "place_codes", rows, 0, len(places) - 1)
    tag_codes = _numbers(columns, "tag_codes", rows, 0, len(tag_rules) - 1)
    used_places = _used(places, place_codes.astype(np.int32))
    used_tags = _used(tag_rules, tag_codes.astype(np.int32))
    return _made(columns, "s", rows, used_places, used_tags)


def _made(
    columns: Mapping[str, Any],
    ending: str,
    rows: int,
    places: tuple[Sequence[Place], Numbers],
    tag_rules: tuple[Sequence[TagRule], Numbers],
) -> OfferColumns:
    """The columns whose names end so: as in a file, or in the plural as in `OfferColumns`."""
    return OfferColumns(
        offer_ids=_ids(columns, f"offer_id{ending}"),
        lender_ids=_ids(columns, f"lender_id{ending}"),
        amounts=_numbers(columns, f"amount{ending}", rows, 1, MAX_AMOUNT),
        min_rates=_numbers(columns, f"min_rate{ending}", rows, 0, MAX_RATE),
        places=places[0],
        place_codes=places[1],
        tag_rules=tag_rules[0],
        tag_codes=tag_rules[1],
        max_per_loan=_numbers(columns, "max_per_loan", rows, 1, MAX_AMOUNT, absent=NO_CAP),
        max_share=_numbers(columns, "max_share", rows, 1, FULL_SHARE, absent=NO_SHARE),
        expires_at=_numbers(columns, "expires_at", rows, -MAX_TIME, MAX_TIME, absent=NEVER),
    )


def _contradicting(tags: frozenset[str], field: str) -> InvalidValue:
    return InvalidValue("contradiction", field, sorted(tags), "tags not also required")


def read_requests(columns: Mapping[str, Any]) -> RequestColumns:
    """Check columns of requests.

    Parameters
    ----------
    columns : request_id, borrower_id, amount, max_rate, grade, term, and optionally min_amount
        (None: the whole amount), tags ("a|b" text or sequences) and expires_at (None: never);
        further columns are ignored.

    Raises
    ------
    InvalidValue : naming column and row.

    Examples
    --------
    >>> read_requests({"request_id": ["r1"], "borrower_id": ["bob"], "amount": [100_000],
    ...                "max_rate": [90_000], "grade": ["A"], "term": [36]})[0].amount
    100000
    """
    rows = _row_count(columns, OF_REQUESTS)
    tags, tag_codes = _distinct(columns, "tags", rows, _tag_set)
    least = _numbers(columns, "min_amount", rows, 1, MAX_AMOUNT, absent=NO_CAP)
    ends = _numbers(columns, "expires_at", rows, -MAX_TIME, MAX_TIME, absent=NEVER)
    amounts = _numbers(columns, "amount", rows, 1, MAX_AMOUNT)
    whole = least == NO_CAP
    above = (least > amounts) & ~whole
    if above.any():
        row = int(above.argmax())
        accepted = f"at most the amount, {amounts[row]}"
        raise InvalidValue("above_amount", f"min_amount[{row}]", int(least[row]), accepted)
    grades = _ids(columns, "grade")
    terms = _numbers(columns, "term", rows, 1, MAX_TERM).tolist()
    cells, cell_codes = coded([*zip(grades, terms, strict=True)])
    return RequestColumns(
        request_ids=_ids(columns, "request_id"),
        borrower_ids=_ids(columns, "borrower_id"),
        amounts=amounts,
        max_rates=_numbers(columns, "max_rate", rows, 0, MAX_RATE),
        least_amounts=np.where(whole, amounts, least),
        whole=whole,
        cells=cells,
        cell_codes=cell_codes,
        tags=tags,
        tag_codes=tag_codes,
        expires_at=_unless_never(ends),
    )


def _row_count(columns: Mapping[str, Any], known: Sequence[str]) -> int:
    """How many rows all the known columns have that are there; the first must be."""
    first = known[0]
    rows = len(_column(columns, first))
    if rows > MAX_ROWS:
        raise InvalidValue("too_large", first, rows, f"at most {MAX_ROWS} rows in one call")
    for name in known:
        if name in columns and (found := len(_column(columns, name))) != rows:
            raise InvalidValue("contradiction", name, found, f"{rows} rows, as {first} has")
    return rows


def _column(columns: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any array will do
    if name not in columns:
        raise InvalidValue("missing_column", name, sorted(map(str, columns)), f"a column {name!r}")
    column = columns[name]
    # Text has no rows, and those of sets and mappings have no order.
    rowless = isinstance(column, str | bytes | bytearray | Set | Mapping)
    if rowless or not hasattr(column, "__len__") or getattr(column, "ndim", 1) == 0:
        raise _no_column(name, column)
    return column


def _no_column(name: str, column: object) -> InvalidValue:
    return InvalidValue("wrong_type", name, column, "a list or an array with one dimension")


def _as_list(columns: Mapping[str, Any], name: str) -> list[Any]:
    """A column as a list, which may be the caller's own."""
    column = _column(columns, name)
    if type(column) is list:
        return column
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    if len(values) != len(column):  # a dataframe, say, which has rows and gives its columns' names
        raise _no_column(name, column)
    return values


def _ids(columns: Mapping[str, Any], name: str) -> tuple[str, ...]:
    ids = tuple(_as_list(columns, name))
    if checks.are_ids(ids):
        return ids
    return tuple(checks.check_id(value, f"{name}[{row}]") for row, value in enumerate(ids))


def _numbers(
    columns: Mapping[str, Any], name: str, rows: int, low: int, high: int, absent: int | None = None
) -> npt.NDArray[np.int64]:
    """A column of ints from `low` to `high`; `absent` stands for None in an optional column."""
    numbers = _read_numbers(columns, name, rows, low, high, absent)
    # It is ours: read-only it need not be copied once more.
    numbers.setflags(write=False)
    return numbers


def _read_numbers(
    columns: Mapping[str, Any], name: str, rows: int, low: int, high: int, absent: int | None
) -> npt.NDArray[np.int64]:
    if absent is not None and name not in columns:
        return np.full(rows, absent, dtype=np.int64)
    column = _column(columns, name)
    plain = isinstance(column, np.ndarray) and not np.ma.is_masked(column)
    # What a mask hides is None in a list.
    array = np.asarray(column) if plain else _tight(_as_list(columns, name))
    if array.dtype.kind in "mM":  # or their nanoseconds would pass for the caller's time
        raise InvalidValue("wrong_type", name, column, f"ints from {low} to {high}")
    if array.dtype.kind in "iu" and array.ndim == 1:
        bad = (array < low) | (array > high)
        if not bad.any():
            return array.astype(np.int64)
    read = []
    for row, value in enumerate(array.tolist()):
        if absent is not None and value is None:
            read.append(absent)
        else:
            read.append(checks.check_whole(checks.as_plain(value), f"{name}[{row}]", low, high))
    return np.array(read, dtype=np.int64)


def _tight(values: list[Any]) -> npt.NDArray[Any]:
    """An integer array if every value is an int, an object array otherwise."""
    if set(map(type, values)) <= {int}:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            pass
    return np.fromiter(values, dtype=object, count=len(values))


def _distinct(
    columns: Mapping[str, Any], name: str, rows: int, read: Callable[[Any, str], _H]
) -> tuple[list[_H], Numbers]:
    """The distinct meanings of the cells of an optional column, and which of them each row has."""
    if name not in columns:
        return [read(None, name)][:rows], np.zeros(rows, dtype=np.int32)
    cells = _as_list(columns, name)
    kinds = set(map(type, cells))
    if not kinds <= {tuple, *_PLAIN}:
        cells = [_cell(value) for value in cells]
        kinds = set(map(type, cells))
    # Each distinct cell is read once; row by row only where one is refused, or cannot be hashed.
    try:
        found, codes = coded(cells)
        meanings, numbers = coded([read(cell, name) for cell in found])
        # 36.0 and True are equal to ints, and yet no terms; to text only text is equal.
        if _opened(kinds, found) <= _TEXT or _opened(kinds, cells) <= _PLAIN:
            return meanings, numbers[codes]
    except (InvalidValue, TypeError):
        pass
    return coded([read(cell, f"{name}[{row}]") for row, cell in enumerate(cells)])


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value a cell may hold
    """A cell's value; of a sequence of names or numbers, a tuple."""
    if type(value) is list:
        return tuple(value)
    value = value.tolist() if isinstance(value, np.ndarray) else checks.as_plain(value)
    is_one = isinstance(value, str | bytes) or not isinstance(value, Iterable)
    return value if is_one else tuple(value)


def _opened(kinds: Set[type], cells: Sequence[Any]) -> Set[type]:
    """The kinds of cells, with the kinds of their members in place of tuples."""
    if tuple not in kinds:
        return kinds
    tuples = cells if len(kinds) == 1 else [cell for cell in cells if type(cell) is tuple]
    return kinds - {tuple} | set(map(type, chain.from_iterable(tuples)))


def _pairs(
    firsts: Sequence[Any],
    first_codes: npt.NDArray[np.int32],
    seconds: Sequence[Any],
    second_codes: npt.NDArray[np.int32],
) -> tuple[list[Any], Numbers]:
    """The distinct pairs of two coded columns, and which of them each row has."""
    if len(firsts) == 1:
        return [(firsts[0], second) for second in seconds], second_codes
    if len(seconds) == 1:
        return [(first, seconds[0]) for first in firsts], first_codes
    both = first_codes.astype(np.int64) * len(seconds) + second_codes
    used, codes = _numbered(both)
    return [(firsts[pair // len(seconds)], seconds[pair % len(seconds)]) for pair in used], codes


def _used(values: Sequence[_T], codes: Numbers) -> tuple[list[_T], Numbers]:
    """The values that are referred to, and the references renumbered."""
    used, renumbered = _numbered(codes)
    return [values[code] for code in used], renumbered


def _numbered(codes: npt.NDArray[np.integer[Any]]) -> tuple[list[int], Numbers]:
    """The distinct codes by first appearance, as if rows came one by one, and their numbers."""
    used, first_row, places = np.unique(codes, return_index=True, return_inverse=True)
    order = first_row.argsort()
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return used[order].tolist(), rank[places]


def _members(value: Any, field: str, accepted: str) -> list[Any]:  # noqa: ANN401 - as in `_cell`
    if value is None:
        return []
    if isinstance(value, str):
        # As in a file.
        text = value.strip()
        return [member.strip() for member in text.split(_SEPARATOR)] if text else []
    if isinstance(value, tuple):
        return list(value)
    raise InvalidValue("wrong_type", field, value, accepted)


def _tag_set(value: Any, field: str) -> frozenset[str]:  # noqa: ANN401
    members = _members(value, field, _NAMES)
    return frozenset(checks.check_ids(members, field))


def _grade_set(value: Any, field: str) -> frozenset[str] | None:  # noqa: ANN401
    return _tag_set(value, field) or None


def _term_set(value: Any, field: str) -> frozenset[int] | None:  # noqa: ANN401
    members = (value,) if type(value) is int else _members(value, field, _TERMS)
    return frozenset(_term(member, field) for member in members) or None


def _term(value: object, field: str) -> int:
    if isinstance(value, str):
        return months(value, field)
    term = checks.as_plain(value)
    if type(term) is not int:
        raise InvalidValue("wrong_type", field, value, _TERMS)
    return checks.check_whole(term, field, 1, MAX_TERM)
