"""One request against the offers: which offer gives how much of the loan.

Every limit is room already; the loan takes the rooms from the best rate on. Lower targets are tried
until one can be placed whole: the greatest fixed point of the share caps, the tail, start again.
"""

import attrs
import numpy as np

from p2pmatch.allocation import Level
from p2pmatch.errors import InvariantError
from p2pmatch.ladder import key_bound, rates_of
from p2pmatch.orders import Request
from p2pmatch.rooms import NO_ROWS, Amounts, Numbers, Rooms, Rows
from p2pmatch.state import State

__all__ = ["Placement", "Sweep", "sweep"]


@attrs.frozen(eq=False)
class Placement:
    """Where the money of one loan comes from, in rank order.

    Parameters
    ----------
    principal : the loan's size, minor units.
    slots, lenders : int32, shape (n,).
    amounts, asks : int64, shape (n,), minor units and ppm.
    unfunded : what of the request found no money, minor units.
    reason : why, a stable code; None when the request is funded in full.
    """

    principal: int
    slots: Numbers
    lenders: Numbers
    amounts: Amounts
    asks: Amounts
    unfunded: int
    reason: str | None


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
    return Sweep(state, request, now).run()


class Sweep:
    """The search for the largest target that can be placed whole."""

    __slots__ = ("increment", "least", "request", "rooms", "state")

    def __init__(self, state: State, request: Request, now: int) -> None:
        self.state = state
        self.request = request
        self.increment = state.rules.increment
        self.least = state.least
        self.rooms = Rooms(state, request, now)

    def run(self) -> Placement:
        """Try targets from the request's amount downwards until one can be placed whole."""
        request = self.request
        least_amount = request.least_amount
        target = self.rooms.borrower_room()
        reason = None if target == request.amount else "borrower_limit"
        if target < least_amount:
            return self._nothing("borrower_limit")
        place = self._place if self.state.fifo else self._place_by_level
        while target >= least_amount and target > 0:
            placed, rows = place(target)
            if placed == target:
                return self._placement(target, rows, reason)
            reason = "not_enough_room"
            # Money was left over. First the sum over lenders at this target; only if that alone
            # would allow the target, what could really be placed.
            capacity = self._capacity(target)
            target = capacity if capacity < target else placed
        return self._nothing(self.rooms.why_nothing())

    def _place(self, target: int) -> tuple[int, Rows]:
        """Allocate `target` along the ranking; the sum placed, and the rows with their amounts."""
        pieces = []
        missing = target
        for rows in self.rooms.scan(target):
            end, rest = _reach(rows, missing)
            if end < 0:
                pieces.append(rows)
                missing -= rest
                continue
            pieces.append(rows.until(end, rest))
            joined = Rows.joined(pieces)
            return self._with_tail(target, joined) if rest < self.least else (target, joined)
        return target - missing, Rows.joined(pieces)

    def _with_tail(self, target: int, rows: Rows) -> tuple[int, Rows]:
        """Bring a last note below the smallest up to it, or drop it."""
        given = rows.given
        tail = int(given[-1])
        short = self.least - tail
        spare = np.where(given[:-1] > 0, given[:-1] - self.least, 0)
        if rows.raw[-1] < self.least or spare.sum() < short:
            return target - tail, rows
        # The dearest first: each gives what those behind it could not spare.
        from_back = spare[::-1].cumsum()
        still_short = np.maximum(short - (from_back - spare[::-1]), 0)
        given[:-1] -= np.minimum(spare[::-1], still_short)[::-1]
        given[-1] = self.least
        return target, rows

    def _place_by_level(self, target: int) -> tuple[int, Rows]:
        """As `_place`, for rules that share a rate: the marginal rate is read whole and shared."""
        pieces = []
        missing = target
        bound = None
        for rows in self.rooms.scan(target):
            if bound is None:
                end, rest = _reach(rows, missing)
                if end < 0:
                    missing -= rest
                    pieces.append(rows)
                    continue
                bound = key_bound(int(rates_of(rows.keys[end : end + 1])[0]))
            if rows.keys[0] >= bound:
                break
            pieces.append(rows.take(slice(0, int(rows.keys.searchsorted(bound)))))
        joined = Rows.joined(pieces)
        if bound is None:
            return target - missing, joined
        given = self._share_last_rate(target, joined)
        return int(given.sum()), attrs.evolve(joined, given=given)

    def _share_last_rate(self, target: int, rows: Rows) -> Amounts:
        """What each row gives when the rule shares out what is needed at the last rate."""
        state = self.state
        rates = rates_of(rows.keys)
        first = int(rates.searchsorted(rates[-1]))
        need = target - int(rows.given[:first].sum())
        candidates = first + np.flatnonzero(rows.given[first:])
        rooms = rows.given[candidates]
        given = rows.given.copy()
        if rooms.sum() > need:
            slots = rows.slots[candidates].tolist()
            level = Level(
                need=need,
                rooms=rooms,
                increment=self.increment,
                min_note=self.least,
                request_id=self.request.request_id,
                offer_ids=[state.offer_names[slot] for slot in slots],
            )
            given[candidates] = self._checked(state.rules.allocation_rule.allocate(level), level)
        return given

    def _checked(self, parts: Amounts, level: Level) -> Amounts:
        """Hold a rule to its contract, ours or a third party's. O(n)."""
        sound = (
            len(parts) == len(level.rooms)
            and not (parts > level.rooms).any()
            and not ((parts < self.least) & (parts != 0)).any()
            and not (parts % self.increment).any()
            and parts.sum() <= level.need
        )
        if not sound:
            rule = self.state.rules.allocation_rule
            raise InvariantError(f"{rule!r} gave parts outside the rooms it was handed")
        return parts

    def _capacity(self, target: int) -> int:
        """The lesser of `target` and what all lenders together could give a loan of that size.

        The sum over lenders of the least of joint room, share cap and offers' rooms.
        """
        pieces = list(self.rooms.scan(target, alone=True))
        if not pieces:
            return 0
        rows = Rows.joined(pieces)
        order = rows.lenders.argsort(kind="stable")
        starts = np.flatnonzero(np.diff(rows.lenders[order], prepend=-1))
        sums = np.add.reduceat(rows.own[order], starts)
        # With `alone`, `raw` holds the lender's cap.
        return min(target, int(np.minimum(sums, rows.raw[order][starts]).sum()))

    def _placement(self, principal: int, rows: Rows, reason: str | None) -> Placement:
        keys, slots, lenders, given = rows.keys, rows.slots, rows.lenders, rows.given
        if np.count_nonzero(given) < len(given):
            used = given.nonzero()[0]
            keys, slots, lenders, given = keys[used], slots[used], lenders[used], given[used]
        # Copies, because the columns may be views of a chunk, which changes under the loan's notes.
        return Placement(
            principal,
            slots.copy(),
            lenders.copy(),
            given.copy(),
            rates_of(keys),
            self.request.amount - principal,
            reason,
        )

    def _nothing(self, reason: str) -> Placement:
        none = NO_ROWS
        return Placement(
            0, none.slots, none.lenders, none.given, none.given, self.request.amount, reason
        )


def _reach(rows: Rows, missing: int) -> tuple[int, int]:
    """Where `missing` is met: the row and what it gives; or (-1, the sum) if the rows fall short.

    A row whose cap leaves less than a note meets it too if it alone would take all that is missing.
    """
    reached = rows.given.cumsum()
    total = int(reached[-1])
    if rows.given is rows.raw:
        if total < missing:
            return -1, total
        end = int(reached.searchsorted(missing))
        return end, missing - int(reached[end] - rows.given[end])
    before = reached - rows.given
    meets = before + rows.raw >= missing
    end = int(meets.argmax())
    if not meets[end]:
        return -1, total
    return end, missing - int(before[end])
