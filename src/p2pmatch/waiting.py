"""Requests that rest and loans that wait for the borrower's yes, with their commitments.

Resting requests are ranked by the rate they accept, highest first, then by arrival.
"""

from collections.abc import Iterator, Sequence

import attrs
from sortedcontainers import SortedList

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.commitments import NO_COMMITMENTS, Commitments
from p2pmatch.loans import Loan
from p2pmatch.orders import Request
from p2pmatch.time_in_force import Immediate, TimeInForce

__all__ = ["Held", "Resting", "Waiting"]

Rank = tuple[int, int, str]


@attrs.define(eq=False)
class Resting:
    """A request that rests: until it closes, or, in a call market, until it is matched or expires.

    hold_for : how long its loan is to wait for the borrower's yes; None: not at all.
    arrival : its number among the requests that waited.
    held : what is committed to it.
    """

    request: Request
    time_in_force: TimeInForce
    hold_for: int | None
    arrival: int
    held: Commitments = NO_COMMITMENTS

    @property
    def deadline(self) -> int | None:
        """The time at which it ends; None: no time is set."""
        if isinstance(self.time_in_force, Immediate):
            return self.request.expires_at
        return self.time_in_force.closes_at

    @property
    def rank(self) -> Rank:
        """Its place among the resting requests."""
        return -self.request.max_rate, self.arrival, self.request.request_id


@attrs.define(eq=False)
class Held:
    """A loan that becomes one when its borrower says yes before `until`.

    keys : int64: the places its notes came from, as they were then.
    """

    loan: Loan
    keys: Amounts
    until: int
    arrival: int

    @property
    def rank(self) -> Rank:
        """As its request's."""
        return -self.loan.request.max_rate, self.arrival, self.loan.request_id


class Waiting:
    """All that waits: `resting` and `held` by request id, in order of rank and of deadline."""

    def __init__(self) -> None:
        self.arrivals = 0
        self.resting: dict[str, Resting] = {}
        self.held: dict[str, Held] = {}
        self._ranked: SortedList[Rank] = SortedList()
        self._deadlines: SortedList[tuple[int, Rank]] = SortedList()

    def __bool__(self) -> bool:
        return bool(self.resting or self.held)

    def rest(self, request: Request, time_in_force: TimeInForce, hold_for: int | None) -> None:
        """A request begins to rest. O(log n)."""
        resting = Resting(request, time_in_force, hold_for, self._next_arrival())
        self.resting[request.request_id] = resting
        self._ranked.add(resting.rank)
        if resting.deadline is not None:
            self._deadlines.add((resting.deadline, resting.rank))

    def hold(self, loan: Loan, keys: Amounts, until: int) -> None:
        """A loan begins to wait for the borrower's yes. O(log n)."""
        held = Held(loan, keys, until, self._next_arrival())
        self.held[loan.request_id] = held
        self._deadlines.add((until, held.rank))

    def leave(self, request_id: str) -> None:
        """A request rests no more, or its loan waits no more; nothing if neither. O(log n)."""
        resting = self.resting.pop(request_id, None)
        if resting is not None:
            self._ranked.remove(resting.rank)
            if resting.deadline is not None:
                self._deadlines.remove((resting.deadline, resting.rank))
        held = self.held.pop(request_id, None)
        if held is not None:
            self._deadlines.remove((held.until, held.rank))

    def leave_many(self, request_ids: Sequence[str]) -> None:
        """Several requests rest no more. O(resting)."""
        gone = set(request_ids)
        for request_id in request_ids:
            del self.resting[request_id]
        self._ranked = SortedList(rank for rank in self._ranked if rank[2] not in gone)
        self._deadlines = SortedList(due for due in self._deadlines if due[1][2] not in gone)

    def has_commitments(self, request_id: str) -> bool:
        """Whether money is committed under that request's id."""
        resting = self.resting.get(request_id)
        return request_id in self.held or (resting is not None and len(resting.held.amounts) > 0)

    def ranked(self) -> Iterator[Resting]:
        """The resting requests by rank."""
        return (self.resting[request_id] for _, _, request_id in self._ranked)

    def first_due(self, now: int) -> str | None:
        """The request whose time is up first, if it is up at `now`; ties by rank. O(log n)."""
        if not self._deadlines or self._deadlines[0][0] > now:
            return None
        return self._deadlines[0][1][2]

    def committed(self) -> Iterator[tuple[Request, Numbers, Numbers, Amounts]]:
        """All that is committed: to whom; slots, lenders and amounts."""
        for resting in self.resting.values():
            held = resting.held
            yield resting.request, held.slots, held.lenders, held.amounts
        for waiting in self.held.values():
            notes = waiting.loan.notes
            yield waiting.loan.request, notes.offers, notes.lenders, notes.amounts

    def _next_arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals - 1
