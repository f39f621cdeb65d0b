"""What became of requests: of one, and of many."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.events import (
    Event,
    LoanHeld,
    LoanMade,
    LoansMade,
    RequestRests,
    RequestUnfunded,
    outcome_of,
)
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.orders import Request
from p2pmatch.record import Record
from p2pmatch.request_columns import ids_of

__all__ = ["Result", "Results"]


@attrs.frozen(eq=False, repr=False)
class Result(Record):
    """What became of a request.

    Parameters
    ----------
    loan : the loan that was made; None: none.
    unfunded : what found no money, minor units: it is cancelled, or, if the request rests, looked
        for.
    reason : why, a stable code; None when the request was funded in full; "resting" while it rests.
    committed : what is committed to a request that rests, minor units.
    pending : the loan that waits for the borrower's yes; None: none.
    events : everything that happened, in order.
    """

    loan: Loan | None
    unfunded: int
    reason: str | None
    committed: int
    pending: Loan | None
    events: tuple[Event, ...] = attrs.field(repr=False)


class Results(Sequence[Result]):
    """What became of many requests, in their order: columns that look like a list of `Result`.

    A result is made when it is asked for: O(log n).

    Examples
    --------
    >>> from p2pmatch import Marketplace, Offer, Rules
    >>> market = Marketplace(Rules(grades=["A"], terms=[36]))
    >>> market.post(Offer(offer_id="o", lender_id="ann", amount=50, min_rate=50_000), now=0)
    >>> results = market.submit_many(
    ...     {"request_id": ["r", "s"], "borrower_id": ["bob", "bea"], "amount": [30, 30],
    ...      "max_rate": [90_000, 90_000], "grade": ["A", "A"], "term": [36, 36]}, now=1)
    >>> results.principals.tolist(), results[1].reason, results.notes.amounts.tolist()
    ([30, 0], 'below_min_amount', [30])
    """

    __slots__ = ("_before", "_firsts", "_pieces", "requests")

    def __init__(self, requests: Sequence[Request], events: Iterable[Event]) -> None:
        self.requests = requests
        # Each piece, from which row on it holds: loans made together, or one request's events.
        self._pieces: list[LoansMade | list[Event]] = []
        self._firsts: list[int] = []
        # What was due before the first request.
        self._before: list[Event] = []
        ids = ids_of(requests)
        row = 0
        for event in events:
            if isinstance(event, LoansMade):
                self._pieces.append(event)
                self._firsts.append(row)
                row += len(event.loans)
            elif row < len(ids) and _request_id(event) == ids[row]:
                self._pieces.append([event])
                self._firsts.append(row)
                row += 1
            elif self._pieces and isinstance(self._pieces[-1], list):
                self._pieces[-1].append(event)
            else:
                self._before.append(event)

    @property
    def principals(self) -> npt.NDArray[np.int64]:
        """What each request got as a loan at once, minor units; 0: no loan. O(n)."""
        principals = np.zeros(len(self), dtype=np.int64)
        for first, loans in self._made():
            starts = np.concatenate(([0], loans.ends[:-1]))
            sums = np.add.reduceat(loans.notes.amounts, starts)
            principals[first : first + len(loans)] = sums
        return principals

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each request's notes end among `notes`. O(n)."""
        ends = np.zeros(len(self), dtype=np.int64)
        for first, loans in self._made():
            ends[first : first + len(loans)] = np.diff(loans.ends, prepend=0)
        return ends.cumsum()

    @property
    def notes(self) -> Notes:
        """The notes of all loans, one loan after the other. O(notes)."""
        return Notes.joined([loans.notes for _, loans in self._made()])

    def _made(self) -> Iterator[tuple[int, Loans]]:
        """The loans made, and the rows from which on they are."""
        for first, piece in zip(self._firsts, self._pieces, strict=True):
            if isinstance(piece, LoansMade):
                yield first, piece.loans
                continue
            loan = outcome_of(piece, self.requests[first].request_id)[0]
            if loan is not None:
                yield first, Loans([loan.request], np.array([len(loan.notes)]), loan.notes)

    def __len__(self) -> int:
        return len(self.requests)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> list[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | list[Result]:
        rows = range(len(self))[index]
        if isinstance(rows, range):
            return [self[row] for row in rows]
        at = bisect_right(self._firsts, rows) - 1
        piece = self._pieces[at]
        events: list[Event]
        if isinstance(piece, LoansMade):
            events = [LoanMade(now=piece.now, loan=piece.loans[rows - self._firsts[at]])]
        else:
            events = piece
        if not rows:
            events = [*self._before, *events]
        request_id = self.requests[rows].request_id
        return Result(*outcome_of(events, request_id), tuple(events))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __repr__(self) -> str:
        made = int(np.count_nonzero(self.principals))
        return f"<{len(self)} results, {made} loans>"


def _request_id(event: Event) -> str | None:
    """The request whose matching an event says something of."""
    match event:
        case LoanMade() | LoanHeld():
            return event.loan.request_id
        case RequestUnfunded() | RequestRests():
            return event.request.request_id
        case _:
            return None
