"""One request against the offers: which offer gives how much of the loan.

Every limit is room already; the loan takes the rooms from the best rate on. Lower targets are tried
until one can be placed whole: the greatest fixed point of the share caps, the tail, start again.
"""

from collections.abc import Iterator, Sequence
from typing import overload

import attrs
import numpy as np

from p2pmatch.allocation import Fifo, Level, Lottery, allocated
from p2pmatch.allocation.notes import take_back
from p2pmatch.along import giving
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.commitments import NO_COMMITMENTS, Commitments
from p2pmatch.in_order import in_order
from p2pmatch.keys import key_bound, rate_of, rates_of
from p2pmatch.offer_names import OfferNames
from p2pmatch.orders import Request
from p2pmatch.placement import Placement
from p2pmatch.rooms import Rooms, Rows
from p2pmatch.share_ceiling import ShareCeiling
from p2pmatch.state import State

__all__ = ["Sweep", "placed", "sweep"]


def sweep(state: State, request: Request, now: int) -> Placement:
    """Find the cheapest loan for a request that the book and the limits allow. Changes nothing.

    Parameters
    ----------
    state : the marketplace's memory.
    request : checked against the marketplace's rules.
    now : offers whose time is up at `now` are left out.

    Returns
    -------
    Placement, without notes if less than the borrower's least amount can be placed.

    Notes
    -----
    O(rows of the ranking up to the last note) for each target tried; the first nearly always does.
    """
    return placed(Rooms(state, request, now))


def placed(rooms: Rooms) -> Placement:
    """The cheapest loan that these rooms make for their request. Changes nothing."""
    placement = in_order(rooms)
    return Sweep(rooms).run(rooms.request.least_amount) if placement is None else placement


class Sweep:
    """The search for the largest target that can be placed whole in the rooms it is given."""

    __slots__ = ("increment", "least", "request", "rooms", "rule", "state")

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.state = rooms.state
        self.request = rooms.request
        self.increment = rooms.increment
        self.least = rooms.least
        self.rule = rooms.state.allocation

    def run(self, least_amount: int) -> Placement:
        """Try targets from the request's amount downwards until one can be placed whole.

        Parameters
        ----------
        least_amount : the least that will do, at least 1.
        """
        target = self.rooms.largest()
        reason = None if target == self.request.amount else "borrower_limit"
        ceiling: ShareCeiling | None = None
        if target < least_amount:
            return self._nothing("borrower_limit")
        while target >= least_amount:
            placed, pieces = self._place(target, target)
            if placed == target:
                return self._placement(target, pieces, reason)
            if target == least_amount:
                break
            reason = "not_enough_room"
            if ceiling is None and self.state.any_share:
                ceiling = ShareCeiling(self.rooms)
            target = self._lower(target, placed, ceiling)
        return self._nothing(self.rooms.why_nothing())

    def commit(self, target: int, size: int) -> tuple[Commitments, Commitments]:
        """Place as much of `target` as can be, in a loan that may come to `size`.

        Returns
        -------
        What is placed, and what for its sake is taken back from the commitments that stay.
        """
        stays = self.rooms.stays()
        _, pieces = self._place(target, size)
        rows = Rows.joined(pieces)
        # Those that stay lead the rows, so that the tail could take from them.
        count = len(stays.amounts)
        new = Commitments(
            rows.keys[count:],
            rows.slots[count:],
            rows.lenders[count:],
            rows.given[count:],
        ).positive()
        if not count:
            return new, NO_COMMITMENTS
        left = Commitments(stays.keys, stays.slots, stays.lenders, rows.given[:count])
        return new, stays.minus(left)

    def _place(self, target: int, size: int) -> tuple[int, list[Rows]]:
        """Allocate `target` along the ranking; the sum placed, and the rows with their amounts."""
        if isinstance(self.rule, Fifo):
            return self._place_in_order(target, self.rooms.scan(size))
        if isinstance(self.rule, Lottery):
            return self._place_in_order(target, self.rooms.drawn(size, self.rule.draw))
        placed, rows = self._place_by_level(target, self.rooms.scan(size))
        return placed, [rows]

    def _place_in_order(self, target: int, scan: Iterator[Rows]) -> tuple[int, list[Rows]]:
        """Use up the rows one after the other."""
        scratch = self.rooms.scratch
        pieces = self._staying()
        missing = target
        for rows in scan:
            end, rest = _reach(rows, missing, scratch.take(len(rows.given)))
            if end < 0:
                pieces.append(rows)
                missing -= rest
                continue
            pieces.append(rows.until(end, rest))
            if rest >= self.least:
                return target, pieces
            placed, joined = self._with_tail(target, Rows.joined(pieces))
            return placed, [joined]
        return target - missing, pieces

    def _staying(self) -> list[Rows]:
        """What stays committed, as rows that lead all others."""
        stays = self.rooms.stays()
        if not len(stays.amounts):
            return []
        amounts = stays.amounts
        return [Rows(stays.keys, stays.slots, stays.lenders, amounts, amounts, amounts)]

    def _with_tail(self, target: int, rows: Rows) -> tuple[int, Rows]:
        """Bring a last note below the smallest up to it, or drop it."""
        given = rows.given
        tail = int(given[-1])
        short = self.least - tail
        if rows.raw[-1] < self.least or not take_back(given[:-1], short, self.least):
            given[-1] = 0
            return target - tail, rows
        given[-1] = self.least
        return target, rows

    def _place_by_level(self, target: int, scan: Iterator[Rows]) -> tuple[int, Rows]:
        """As `_place_in_order`, for rules that share a rate: the last is read whole and shared."""
        scratch = self.rooms.scratch
        pieces = []
        missing = target
        bound = None
        for rows in scan:
            if bound is None:
                end, rest = _reach(rows, missing, scratch.take(len(rows.given)))
                if end < 0:
                    missing -= rest
                    pieces.append(rows)
                    continue
                bound = key_bound(rate_of(rows.keys.item(end)))
            if rows.keys[0] >= bound:
                break
            pieces.append(rows.take(slice(0, int(rows.keys.searchsorted(bound)))))
        joined = Rows.joined([*self._staying(), *pieces])
        if bound is None:
            return target - missing, joined
        # A copy, because the columns may be views of rooms.
        given = joined.given.copy()
        placed = self._share_last_rate(target, joined, given)
        return placed, attrs.evolve(joined, given=given)

    def _share_last_rate(self, target: int, rows: Rows, given: Amounts) -> int:
        """Have the rule share out what is needed at the last rate; what is placed in all.

        What it cannot place for want of a whole note is brought up to one at the cost of the
        dearest notes: those at this rate, then those at better ones.
        """
        staying = len(self.rooms.stays().amounts)
        rates = rates_of(rows.keys)
        first = staying + int(rates[staying:].searchsorted(rates[-1]))
        need = target - int(given[staying:first].sum())
        candidates = first + np.flatnonzero(given[first:])
        rooms = given[candidates]
        total = int(rooms.sum())
        if total <= need:
            return target - need + total
        parts = self._shared(need, rooms, rows.slots[candidates])
        placed = int(parts.sum())
        # With one note more all at this rate are the smallest: the dearest spare first.
        more = self.least * (int(np.count_nonzero(parts)) + 1)
        if placed < need < more <= total:
            brought_up = self._shared(more, rooms, rows.slots[candidates])
            if brought_up.sum() == more and take_back(given[:first], more - need, self.least):
                parts, placed = brought_up, need
        given[candidates] = parts
        return target - need + placed

    def _shared(self, need: int, rooms: Amounts, slots: Numbers) -> Amounts:
        level = Level(
            need=need,
            rooms=rooms,
            increment=self.increment,
            min_note=self.least,
            request_id=self.request.request_id,
            offer_ids=_Names(self.state.offer_names, slots),
        )
        if need == rooms.sum():
            return rooms
        return allocated(self.rule, level)

    def _lower(self, target: int, placed: int, ceiling: ShareCeiling | None) -> int:
        """The next target, when only `placed` of one could be placed; `ceiling`: of shares.

        First what all together could give to a loan of what they give; only if that alone would
        allow the target, what could really be placed.
        """
        largest = target if ceiling is None else ceiling.below(target)
        while (capacity := self._capacity(largest)) < largest:
            if ceiling is None:
                return capacity
            largest = ceiling.below(capacity)
        if largest < target:
            return largest
        return placed if ceiling is None else ceiling.below_without_dust(placed)

    def _capacity(self, target: int) -> int:
        """The lesser of `target` and what all lenders together could give a loan of that size.

        The sum over lenders of the least of joint room, share cap and offers' rooms.
        """
        pieces = list(self.rooms.capped(target))
        if not pieces:
            return 0
        rows = Rows.joined(pieces)
        order = rows.lenders.argsort(kind="stable")
        starts = np.flatnonzero(np.diff(rows.lenders[order], prepend=-1))
        sums = np.add.reduceat(rows.own[order], starts)
        # Of capped rows `raw` is the lender's cap.
        return min(target, int(np.minimum(sums, rows.raw[order][starts]).sum()))

    def _placement(self, principal: int, pieces: list[Rows], reason: str | None) -> Placement:
        columns = [giving(rows.keys, rows.slots, rows.lenders, rows.given) for rows in pieces]
        return Placement.joined(principal, columns, self.request.amount - principal, reason)

    def _nothing(self, reason: str) -> Placement:
        return Placement.nothing(self.request.amount, reason)


class _Names(Sequence[str]):
    """The ids of some offers, looked up when somebody asks."""

    def __init__(self, names: OfferNames, slots: Numbers) -> None:
        self._names = names
        self._slots = slots

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return _Names(self._names, self._slots[index])
        return self._names[int(self._slots[index])]


def _reach(rows: Rows, missing: int, reached: Amounts) -> tuple[int, int]:
    """Where `missing` is met: the row and what it gives; or (-1, the sum) if the rows fall short.

    A row whose cap leaves less than a note meets it too if it alone would take all that is missing.
    """
    np.add.accumulate(rows.given, out=reached)
    total: int = reached.item(-1)
    if rows.given is rows.raw:
        if total < missing:
            return -1, total
        end = int(reached.searchsorted(missing))
        return end, missing - reached.item(end) + rows.given.item(end)
    before = reached - rows.given
    meets = before + rows.raw >= missing
    end = int(meets.argmax())
    if not meets[end]:
        return -1, total
    return end, missing - int(before[end])
