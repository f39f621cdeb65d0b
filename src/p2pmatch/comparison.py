"""One request at several amounts, terms and grades: quotes side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from html import escape
from types import MappingProxyType
from typing import Any, Final, TypeVar, overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.cost import Cost
from p2pmatch.decide import check_reading
from p2pmatch.errors import InvalidValue, UnknownName
from p2pmatch.extras import part
from p2pmatch.in_order import in_order
from p2pmatch.keys import rates_of
from p2pmatch.loans import Loan, Notes
from p2pmatch.orders import Request
from p2pmatch.pricing import PayAsOffered
from p2pmatch.quote import Quote, quote_without, quoted, whole_quote
from p2pmatch.rooms import Rooms, Rows
from p2pmatch.shared_rooms import Front, SharedRooms, fronts_in
from p2pmatch.state import State
from p2pmatch.units import MAX_AMOUNT, MAX_TERM, format_amount, format_rate

__all__ = ["MAX_ROWS", "MEASURES", "Comparison", "compare"]

#: The most quotes in one comparison.
MAX_ROWS: Final = 1_000

_T = TypeVar("_T")
# A row, or what builds it.
Row = Quote | Callable[[], Quote]
# What a row says, from its quote and its cost.
_Read = Callable[[Quote, Cost | None], Any]
_COLUMNS: Mapping[str, _Read] = MappingProxyType(
    {
        "grade": lambda quote, _: quote.request.grade,
        "term": lambda quote, _: quote.request.term,
        "amount": lambda quote, _: quote.request.amount,
        "principal": lambda quote, _: quote.principal,
        "rate": lambda quote, _: quote.rate,
        "marginal_rate": lambda quote, _: quote.marginal_rate,
        "apr": lambda _, cost: cost and cost.apr,
        "monthly_payment": lambda _, cost: cost and cost.monthly_payment,
        "total_interest": lambda _, cost: cost and cost.total_interest,
        "fees": lambda _, cost: cost and cost.fees,
        "total_cost": lambda _, cost: cost and cost.total_cost,
        "net_yield": lambda quote, _: quote.net_yield,
        "lenders": lambda quote, _: quote.lenders,
        "largest_share": lambda quote, _: quote.largest_share,
        "unfunded": lambda quote, _: quote.unfunded,
        "reason": lambda quote, _: quote.reason,
    }
)
# The columns of text.
_TEXTS: Final = frozenset({"grade", "reason", "apr_rule"})
#: What rows can be ranked by, the least first.
MEASURES: Final = ("apr", "rate", "total_cost", "total_interest", "monthly_payment")

# The columns that are printed: their headings, and how a value is written.
_SHOWN: Mapping[str, tuple[str, Callable[[Any], str]]] = MappingProxyType(
    {
        "grade": ("grade", str),
        "term": ("term", str),
        "amount": ("asked", format_amount),
        "principal": ("obtainable", format_amount),
        "rate": ("rate", format_rate),
        "apr": ("APR", format_rate),
        "monthly_payment": ("a month", format_amount),
        "total_interest": ("interest", format_amount),
        "fees": ("fees", format_amount),
        "total_cost": ("total cost", format_amount),
        "lenders": ("lenders", str),
    }
)


class Comparison(Sequence[Quote]):
    """Quotes of one request at several amounts, terms and grades, as a list of `Quote`.

    `cheapest`, `lowest_payment` and `least` pick a row; `dominated` says which rows nobody would
    choose; `columns` and `to_frame` give all of it as data. Printed it is an aligned table, in a
    notebook an HTML one. What is lent is decided when it is made; a quote is built, and its cost
    worked out, when somebody first asks. Two are equal if their quotes are. A copy is one of its
    quotes, all built; `Quote` says what a copy of those still has.

    Parameters
    ----------
    rows : the quotes, or what builds them.

    Examples
    --------
    >>> from p2pmatch import Marketplace, Offer, Rules
    >>> market = Marketplace(Rules(grades=["A"], terms=[12, 36]))
    >>> market.post(Offer(offer_id="o1", lender_id="ann", amount=90_000, min_rate=60_000), now=0)
    >>> request = Request(request_id="r1", borrower_id="bob", amount=60_000, max_rate=90_000,
    ...                   grade="A", term=12)
    >>> table = market.compare(request, terms=[12, 36], now=1)
    >>> table.lowest_payment().request.term, table.least("total_cost").request.term
    (36, 12)
    """

    __slots__ = ("_costs", "_rows")

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)
        self._costs: list[Cost | None] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comparison):
            return NotImplemented
        return self.rows == other.rows

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - lists

    def __reduce__(self) -> tuple[type["Comparison"], tuple[Sequence[Quote]]]:
        # What builds a quote holds on to the book.
        return Comparison, (self.rows,)

    @overload
    def __getitem__(self, index: int) -> Quote: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Quote]: ...
    def __getitem__(self, index: int | slice) -> Quote | Sequence[Quote]:
        if isinstance(index, slice):
            return self.rows[index]
        row = self._rows[index]
        if not isinstance(row, Quote):
            row = self._rows[index] = row()
        return row

    @property
    def rows(self) -> tuple[Quote, ...]:
        """The quotes. O(1) each after the first time."""
        return tuple(self[at] for at in range(len(self)))

    def cheapest(self) -> Quote | None:
        """The row with the lowest annual percentage rate: `least("apr")`."""
        return self.least("apr")

    def lowest_payment(self) -> Quote | None:
        """The row with the lowest monthly payment: `least("monthly_payment")`."""
        return self.least("monthly_payment")

    def least(self, measure: str) -> Quote | None:
        """The row with the least of a measure, one of `MEASURES`; None: no row has a loan.

        Rows that would be funded in full come before those that would not; of equals the first
        counts.
        """
        if measure not in MEASURES:
            raise UnknownName("unknown_field", "measure", measure, f"one of {list(MEASURES)}")
        values = self._column(measure)
        ranked = [
            (row.unfunded > 0, value, at)
            for at, (row, value) in enumerate(zip(self, values, strict=True))
            if value is not None
        ]
        return self[min(ranked)[2]] if ranked else None

    @property
    def dominated(self) -> tuple[bool, ...]:
        """Which rows nobody would choose, one for each.

        Another row gives at least as much money for a monthly payment and a total cost that are no
        higher, and one of the three is better. A row without a loan is no choice either, where
        another has one. O(n^2), vectorised.
        """
        money = np.array([row.principal for row in self], dtype=np.int64)
        none = np.int64(2 * MAX_AMOUNT)
        monthly, total = (
            np.array([none if v is None else v for v in self._column(name)], dtype=np.int64)
            for name in ("monthly_payment", "total_cost")
        )
        measured = np.stack((-money, monthly, total))
        return tuple(_dominates_any(measured, row) for row in measured.T)

    def columns(self) -> dict[str, list[Any]]:
        """All rows as columns in engine units; None where a row has no loan."""
        columns = {name: self._column(name) for name in _COLUMNS}
        return {
            **columns,
            "apr_rule": [row.apr_rule for row in self],
            "dominated": list(self.dominated),
        }

    def to_frame(self, library: str | None = None) -> Any:  # noqa: ANN401 - any dataframe
        """All rows as a dataframe of polars, pandas or pyarrow (the extra `frames`).

        Parameters
        ----------
        library : its name; None: the first of these that is installed.
        """
        return part("frames", "a dataframe").frame_of(self.columns(), library, _TEXTS)

    def _column(self, name: str) -> list[Any]:
        if self._costs is None:
            self._costs = [row.cost for row in self]
        read = _COLUMNS[name]
        return [read(row, cost) for row, cost in zip(self, self._costs, strict=True)]

    # Shown to people

    def __str__(self) -> str:
        head, rows = self._table()
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)][:-1]
        lines = [
            "  ".join(
                [*(text.rjust(width) for text, width in zip(row, widths, strict=False)), row[-1]]
            )
            for row in [head, *rows]
        ]
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        return f"<Comparison: {len(self)} quotes>"

    def _repr_html_(self) -> str:
        head, rows = self._table()
        cells = ["".join(f"<th>{escape(text)}</th>" for text in head)]
        for row, dominated in zip(rows, self.dominated, strict=True):
            style = ' style="opacity: 0.5"' if dominated else ""
            cells.append("".join(f"<td{style}>{escape(text)}</td>" for text in row))
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The headings, and the cells of each row, as text."""
        columns = {name: self._column(name) for name in _SHOWN}
        # One grade for all, and no fees, need no column.
        hidden = {"grade"} if len(set(columns["grade"])) < 2 else set[str]()
        hidden |= set() if any(columns["fees"]) else {"fees"}
        names = [name for name in _SHOWN if name not in hidden]
        head = [_SHOWN[name][0] for name in names]
        head[names.index("apr")] += f" ({self[0].apr_rule})"
        marks = self._marks()
        return [*head, ""], [
            [*(_text(name, columns[name][at]) for name in names), marks[at]]
            for at in range(len(self))
        ]

    def _marks(self) -> list[str]:
        """What is to be said of each row."""
        best = {"cheapest": self.cheapest(), "lowest payment": self.lowest_payment()}
        marks = []
        for row, dominated in zip(self, self.dominated, strict=True):
            said = [name for name, chosen in best.items() if row is chosen]
            said += ["dominated"] if dominated else []
            said += [] if row.reason is None else [row.reason]
            marks.append(", ".join(said))
        return marks


def _text(name: str, value: object) -> str:
    return "-" if value is None else _SHOWN[name][1](value)


def _dominates_any(measured: npt.NDArray[np.int64], row: npt.NDArray[np.int64]) -> bool:
    """Whether some column of `measured` is nowhere above `row`, and somewhere below it."""
    column = row[:, np.newaxis]
    return bool(((measured <= column).all(axis=0) & (measured < column).any(axis=0)).any())


def compare(
    state: State,
    request: Request,
    now: int,
    *,
    amounts: Iterable[int] | None,
    terms: Iterable[int] | None,
    grades: Iterable[str] | None,
) -> Comparison:
    """Quotes of a request at several amounts, terms and grades, each as `quote` would give it.

    Raises
    ------
    P2PMatchError : whenever submitting one of these requests would be refused, or for no amounts,
        twice the same one, or more than `MAX_ROWS` rows.
    """
    checks.check_instance(request, Request, "request", "a Request")
    check_amount = partial(checks.check_whole, low=1, high=MAX_AMOUNT)
    check_term = partial(checks.check_whole, low=1, high=MAX_TERM)
    sizes = _distinct("amounts", amounts, request.amount, check_amount)
    months = _distinct("terms", terms, request.term, check_term)
    ratings = _distinct("grades", grades, request.grade, checks.check_id)
    count = len(sizes) * len(months) * len(ratings)
    if count > MAX_ROWS:
        raise InvalidValue("too_large", "amounts", count, f"at most {MAX_ROWS} rows in all")
    first = attrs.evolve(request, grade=ratings[0], term=months[0])
    for size in sizes:
        now = check_reading(state, first.resized(size), now)
    rows: list[Row] = []
    for grade in ratings:
        for term in months:
            rows += _one_cell(state, attrs.evolve(request, grade=grade, term=term), sizes, now)
    return Comparison(rows)


def _one_cell(state: State, request: Request, amounts: Sequence[int], now: int) -> list[Row]:
    """The quotes of one cell."""
    check_reading(state, request, now)
    if state.rules.matching == "call":
        return [quote_without(state, request.resized(amount), now, "resting") for amount in amounts]
    descending = sorted(amounts, reverse=True)
    found: dict[int, Row] = {}
    if isinstance(state.pricing, PayAsOffered):
        found |= _along_the_ranking(state, request, descending, now)
    rest = [amount for amount in descending if amount not in found]
    if rest:
        found |= _over_one_reading(state, request, rest, now)
    return [found[amount] for amount in amounts]


def _along_the_ranking(
    state: State, request: Request, amounts: Sequence[int], now: int
) -> dict[int, Row]:
    """The quotes that `in_order` finds, and what is within them, until it leaves one to others.

    A smaller loan's notes are those of a larger one up to its last, unless that is too small. The
    amounts descend.
    """
    found: dict[int, Row] = {}
    rest = amounts
    while rest:
        rooms = Rooms(state, request.resized(rest[0]), now)
        placement = in_order(rooms)
        if placement is None:
            break
        first = found[rest[0]] = quoted(rooms, placement)
        given = placement.amounts
        line = Rows(placement.keys, placement.slots, placement.lenders, given, given, given)
        found |= _smaller(state, first, fronts_in(line, rest[1:], rooms.least))
        rest = [amount for amount in rest if amount not in found]
    return found


def _over_one_reading(
    state: State, request: Request, amounts: Sequence[int], now: int
) -> dict[int, Row]:
    """The quotes over what the largest has read. The amounts descend."""
    largest, *others = amounts
    rooms = SharedRooms(state, request.resized(largest), now)
    first = quoted(rooms)
    found: dict[int, Row] = {largest: first}
    loan = None if first.unfunded else first.loan
    if loan is not None and isinstance(state.pricing, PayAsOffered):
        found |= _smaller(state, first, rooms.fronts(others, loan))
    for amount in others:
        if amount not in found:
            rooms.ask(request.resized(amount))
            found[amount] = quoted(rooms)
    return found


def _smaller(state: State, first: Quote, fronts: Mapping[int, Front]) -> dict[int, Row]:
    """Quotes for smaller amounts than that of `first`, which end there.

    Where every note bears its own rate, nothing but the notes themselves is needed for a quote.
    """
    return {
        amount: partial(_quote_of_front, state, first, amount, front)
        for amount, front in fronts.items()
    }


def _quote_of_front(state: State, first: Quote, amount: int, front: Front) -> Quote:
    """The quote for a smaller amount than that of `first`, whose notes are these."""
    request, rows = first.request.resized(amount), front.rows()
    names = state.offer_names, state.lender_names
    notes = Notes(rows.given, rates_of(rows.keys), rows.slots, rows.lenders, *names)
    return whole_quote(first, Loan(request, amount, notes))


def _distinct(
    field: str, values: Iterable[_T] | None, own: _T, check: Callable[[object, str], _T]
) -> list[_T]:
    """The values to compare, in their order; the request's own where there are none."""
    if values is None:
        return [own]
    accepted = "a list of distinct values, or None for the request's own"
    given = checks.in_order(values, MAX_ROWS + 1)
    if not isinstance(given, tuple):
        raise InvalidValue("wrong_type", field, values, accepted)
    if len(given) > MAX_ROWS:
        raise InvalidValue("too_large", field, len(given), f"at most {MAX_ROWS} rows in all")
    found = [check(value, field) for value in given]
    checks.check_distinct(found, field, accepted)
    return found
