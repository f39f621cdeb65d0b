"""A loan and its notes: a few columns inside, one `Note` at a time at the door."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from fractions import Fraction
from typing import overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.coded import coded
from p2pmatch.errors import InvalidValue
from p2pmatch.offer_names import OfferNames
from p2pmatch.orders import Request
from p2pmatch.record import Record
from p2pmatch.units import MAX_AMOUNT, MAX_RATE, round_half_up

__all__ = ["Loan", "Loans", "Note", "Notes"]


@attrs.frozen(eq=False, repr=False)
class Note(Record):
    """One lender's part of one loan: principal in minor units, rate in ppm a year.

    `rate_source` says where the rate comes from: "own_ask", "marginal", "first_rejected",
    "max_rate" (the borrower's), "midpoint", "posted", "clearing" (a call auction's), or what a
    pricing rule of the user's own says.
    """

    offer_id: str
    lender_id: str
    amount: int
    rate: int
    rate_source: str = "own_ask"


class Notes(Sequence[Note]):
    """The notes of one loan in rank order, as columns that look like a list of `Note`.

    Parameters
    ----------
    amounts : int64, shape (n,), minor units.
    rates : int64, shape (n,), ppm a year.
    offers, lenders : integers, shape (n,): positions in the two lists of names.
    offer_names, lender_names : the names by position: lists that may grow but whose entries never
        change, or mappings; of a marketplace's offers, its `OfferNames`, by slot.
    rate_source : where the rates of all the notes come from (see `Note`).

    A note object is made when it is asked for: O(1) each. The columns are read-only.

    Examples
    --------
    >>> notes = Notes.of([Note("o1", "ann", 2_500, 52_000), Note("o2", "ben", 7_500, 53_000)])
    >>> notes[1].lender_id, int(notes.amounts.sum()), notes.offer_ids.tolist()
    ('ben', 10000, ['o1', 'o2'])
    """

    __slots__ = (
        "_lender_names",
        "_offer_names",
        "amounts",
        "lenders",
        "offers",
        "rate_source",
        "rates",
    )

    def __init__(
        self,
        amounts: npt.NDArray[np.int64],
        rates: npt.NDArray[np.int64],
        offers: npt.NDArray[np.int32],
        lenders: npt.NDArray[np.int32],
        offer_names: Sequence[str] | Mapping[int, str] | OfferNames,
        lender_names: Sequence[str] | Mapping[int, str],
        rate_source: str = "own_ask",
    ) -> None:
        self.amounts = amounts
        self.rates = rates
        self.offers = offers
        self.lenders = lenders
        self._offer_names = offer_names
        self._lender_names = lender_names
        self.rate_source = rate_source
        amounts.setflags(write=False)
        rates.setflags(write=False)
        offers.setflags(write=False)
        lenders.setflags(write=False)

    @classmethod
    def of(cls, notes: Iterable[Note]) -> "Notes":
        """Build the columns from note objects. O(n).

        Where their sources differ, `rate_source` is "several".

        Raises
        ------
        InvalidValue : for what is no list of `Note`, and for a note without ids, with an amount
            other than an int from 1 to `MAX_AMOUNT`, or a rate other than an int from 0 to
            `MAX_RATE`.

        Examples
        --------
        >>> Notes.of([Note("o1", "ann", 2_500, 52_000), "o2"])
        Traceback (most recent call last):
        ...
        p2pmatch.errors.InvalidValue: notes[1]: 'o2' has the wrong type; accepted: a Note
        """
        given = checks.in_order(notes)
        if not isinstance(given, tuple):
            raise InvalidValue("wrong_type", "notes", notes, "a list of Note")
        checked = [_checked(note, f"notes[{row}]") for row, note in enumerate(given)]
        return cls._of_columns(
            np.array([note.amount for note in checked], dtype=np.int64),
            np.array([note.rate for note in checked], dtype=np.int64),
            [note.offer_id for note in checked],
            [note.lender_id for note in checked],
            _source_of({note.rate_source for note in checked}),
        )

    @classmethod
    def _of_columns(
        cls,
        amounts: npt.NDArray[np.int64],
        rates: npt.NDArray[np.int64],
        offer_ids: Sequence[str],
        lender_ids: Sequence[str],
        rate_source: str,
    ) -> "Notes":
        """Notes that have their names to themselves; nothing is checked."""
        # Who has several notes stands once among the names: lenders are counted by their numbers.
        offer_names, offers = coded(offer_ids)
        lender_names, lenders = coded(lender_ids)
        return cls(amounts, rates, offers, lenders, offer_names, lender_names, rate_source)

    @classmethod
    def joined(cls, pieces: Sequence["Notes"]) -> "Notes":
        """The notes of several loans of one marketplace, one loan after the other.

        Where their sources differ, `rate_source` is "several".
        """
        if len(pieces) == 1:
            return pieces[0]
        if not pieces:
            return cls.of([])
        first = pieces[0]
        return cls(
            np.concatenate([piece.amounts for piece in pieces]),
            np.concatenate([piece.rates for piece in pieces]),
            np.concatenate([piece.offers for piece in pieces]),
            np.concatenate([piece.lenders for piece in pieces]),
            first._offer_names,  # noqa: SLF001 - one of us
            first._lender_names,  # noqa: SLF001
            _source_of({piece.rate_source for piece in pieces}),
        )

    @property
    def offer_ids(self) -> npt.NDArray[np.str_]:
        """The offers' ids, shape (n,)."""
        return np.array(_at(self._offer_names, self.offers), dtype=np.str_)

    @property
    def lender_ids(self) -> npt.NDArray[np.str_]:
        """The lenders' ids, shape (n,)."""
        return np.array(_at(self._lender_names, self.lenders), dtype=np.str_)

    @property
    def offer_numbers(self) -> npt.NDArray[np.int32]:
        """How manieth each offer was posted, as journals have it, where the marketplace knows."""
        names = self._offer_names
        return names.numbers_of(self.offers) if isinstance(names, OfferNames) else self.offers

    def __len__(self) -> int:
        return len(self.amounts)

    @overload
    def __getitem__(self, index: int) -> Note: ...
    @overload
    def __getitem__(self, index: slice) -> "Notes": ...
    def __getitem__(self, index: int | slice) -> "Note | Notes":
        if isinstance(index, slice):
            return Notes(
                self.amounts[index],
                self.rates[index],
                self.offers[index],
                self.lenders[index],
                self._offer_names,
                self._lender_names,
                self.rate_source,
            )
        return Note(
            self._offer_names[int(self.offers[index])],
            self._lender_names[int(self.lenders[index])],
            int(self.amounts[index]),
            int(self.rates[index]),
            self.rate_source,
        )

    def __iter__(self) -> Iterator[Note]:
        for offer, lender, amount, rate in zip(
            _at(self._offer_names, self.offers),
            _at(self._lender_names, self.lenders),
            self.amounts.tolist(),
            self.rates.tolist(),
            strict=True,
        ):
            yield Note(offer, lender, amount, rate, self.rate_source)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Notes):
            return NotImplemented
        return (
            self.rate_source == other.rate_source
            and np.array_equal(self.amounts, other.amounts)
            and np.array_equal(self.rates, other.rates)
            and np.array_equal(self.offer_ids, other.offer_ids)
            and np.array_equal(self.lender_ids, other.lender_ids)
        )

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __reduce__(self) -> tuple[Callable[..., "Notes"], tuple[object, ...]]:
        # A copy takes its own notes along, not the marketplace's names.
        offer_ids = _at(self._offer_names, self.offers)
        lender_ids = _at(self._lender_names, self.lenders)
        columns = self.amounts, self.rates, offer_ids, lender_ids
        return Notes._of_columns, (*columns, self.rate_source)

    def __repr__(self) -> str:
        return f"<{len(self)} notes, {int(self.amounts.sum())} minor units>"


def _at(
    names: Sequence[str] | Mapping[int, str] | OfferNames, positions: npt.NDArray[np.int32]
) -> list[str]:
    """The names at some positions."""
    if isinstance(names, OfferNames):
        return names.at(positions)
    return list(map(names.__getitem__, positions.tolist()))


def _checked(note: object, where: str) -> Note:
    """A note with plain fields, each in range; `where` is what a refusal calls it."""
    if not isinstance(note, Note):
        raise InvalidValue("wrong_type", where, note, "a Note")
    return Note(
        checks.check_id(note.offer_id, f"{where}.offer_id"),
        checks.check_id(note.lender_id, f"{where}.lender_id"),
        checks.check_whole(checks.as_plain(note.amount), f"{where}.amount", 1, MAX_AMOUNT),
        checks.check_whole(checks.as_plain(note.rate), f"{where}.rate", 0, MAX_RATE),
        checks.check_id(note.rate_source, f"{where}.rate_source"),
    )


def _source_of(sources: Set[str]) -> str:
    """Where the rates of notes come from whose own sources are these."""
    if not sources:
        return "own_ask"
    return next(iter(sources)) if len(sources) == 1 else "several"


@attrs.frozen(eq=False, repr=False)
class Loan(Record):
    """Money lent: one request, and the notes that fund it.

    Parameters
    ----------
    request : the request it answers.
    principal : the sum of the notes, minor units.
    notes : who lends how much of it at which rate, in rank order.
    """

    request: Request
    principal: int
    notes: Notes

    @property
    def request_id(self) -> str:
        """The request's id, which also names the loan."""
        return self.request.request_id

    @property
    def borrower_id(self) -> str:
        """Who owes it."""
        return self.request.borrower_id

    @property
    def grade(self) -> str:
        """The risk grade it was made in."""
        return self.request.grade

    @property
    def term(self) -> int:
        """Months."""
        return self.request.term

    @property
    def exact_rate(self) -> Fraction:
        """The blended rate: the principal-weighted mean of the notes' rates, exact, ppm. O(n)."""
        # MAX_AMOUNT * MAX_RATE fits an int64, so this sum cannot overflow.
        return Fraction(int(self.notes.amounts @ self.notes.rates), self.principal)

    @property
    def rate(self) -> int:
        """The blended rate, rounded half up to 1 ppm. O(n)."""
        return round_half_up(self.exact_rate)

    @property
    def marginal_rate(self) -> int:
        """The highest rate any of the notes bears, ppm. O(n)."""
        return int(self.notes.rates.max())

    @property
    def lenders(self) -> int:
        """How many lenders share it. O(n log n)."""
        return len(np.unique(self.notes.lenders))


class Loans(Sequence[Loan]):
    """Many loans made together, as columns that look like a list of `Loan`.

    Parameters
    ----------
    requests : one per loan, in the order of the loans.
    ends : int64, shape (n,): where each loan's notes end among all notes.
    notes : the notes of all of them, one loan after the other.

    A loan is made when it is asked for: O(1) each.

    Examples
    --------
    >>> request = Request(request_id="r", borrower_id="bob", amount=30, max_rate=90_000,
    ...                   grade="A", term=36)
    >>> notes = Notes.of([Note("o1", "ann", 10, 50_000), Note("o2", "ben", 20, 50_000)])
    >>> loans = Loans([request], np.array([2]), notes)
    >>> len(loans), loans[0].principal
    (1, 30)
    """

    __slots__ = ("ends", "notes", "requests")

    def __init__(
        self, requests: Sequence[Request], ends: npt.NDArray[np.int64], notes: Notes
    ) -> None:
        self.requests = requests
        self.ends = ends
        self.notes = notes

    def __len__(self) -> int:
        return len(self.requests)

    @overload
    def __getitem__(self, index: int) -> Loan: ...
    @overload
    def __getitem__(self, index: slice) -> list[Loan]: ...
    def __getitem__(self, index: int | slice) -> Loan | list[Loan]:
        rows = range(len(self))[index]
        if isinstance(rows, range):
            return [self[row] for row in rows]
        first = int(self.ends[rows - 1]) if rows else 0
        notes = self.notes[first : int(self.ends[rows])]
        return Loan(self.requests[rows], int(notes.amounts.sum()), notes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Loans):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __repr__(self) -> str:
        return f"<{len(self)} loans, {len(self.notes)} notes>"
