"""One request against the offers: which offer gives how much of the loan.

The book is read along the ranking, a chunk at a time. Every limit is first turned into integer room
per row; then the loan takes the rooms from the best rate on. Lower targets are tried until one can
be placed whole (SEMANTICS: the greatest fixed point of the share caps; the tail; start again).
"""

from collections.abc import Callable, Iterator
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.allocation import Fifo, Level
from p2pmatch.columns import NO_CAP
from p2pmatch.errors import InvariantError
from p2pmatch.exposure import LIMIT_NAMES
from p2pmatch.ladder import Chunk, key_bound, rates_of
from p2pmatch.orders import Request
from p2pmatch.state import State
from p2pmatch.units import FULL_SHARE

__all__ = ["Placement", "Sweep", "sweep"]

# Rows without money that a chunk may keep before they are dropped.
_DEAD_ROWS: Final = 64

Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


@attrs.frozen(eq=False)
class Placement:
    """Where the money of one loan comes from, in rank order.

    Parameters
    ----------
    slots, lenders : int32, shape (n,).
    amounts, asks : int64, shape (n,), minor units and ppm.
    unfunded : what of the request found no money, minor units.
    reason : why, a stable code; None when the request is funded in full.
    """

    slots: Numbers
    lenders: Numbers
    amounts: Amounts
    asks: Amounts
    unfunded: int
    reason: str | None

    @property
    def principal(self) -> int:
        """The loan's size, minor units."""
        return int(self.amounts.sum())


@attrs.frozen(eq=False)
class Rows:
    """Eligible places in rank order, with what each could give.

    raw : what the tightest cap leaves of each, given what the rows before it take, minor units.
    given : the same, or 0 where it is below the smallest note.
    own : the offer's own room alone (for the sum of the fixed point).
    """

    keys: Amounts
    slots: Numbers
    lenders: Numbers
    own: Amounts
    raw: Amounts
    given: Amounts

    def take(self, rows: slice | npt.NDArray[np.intp]) -> "Rows":
        """Some of the rows."""
        return Rows(
            self.keys[rows],
            self.slots[rows],
            self.lenders[rows],
            self.own[rows],
            self.raw[rows],
            self.given[rows],
        )

    @staticmethod
    def joined(pieces: list["Rows"]) -> "Rows":
        """Pieces one after the other."""
        if len(pieces) == 1:
            return pieces[0]
        return Rows(
            np.concatenate([piece.keys for piece in pieces]),
            np.concatenate([piece.slots for piece in pieces]),
            np.concatenate([piece.lenders for piece in pieces]),
            np.concatenate([piece.own for piece in pieces]),
            np.concatenate([piece.raw for piece in pieces]),
            np.concatenate([piece.given for piece in pieces]),
        )


_NO_ROWS: Final = Rows(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int32),
    *(np.empty(0, dtype=np.int64) for _ in range(3)),
)


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
    """The limits of one request, made ready to be read off in vector passes."""

    def __init__(self, state: State, request: Request, now: int) -> None:
        rules = state.rules
        self.state = state
        self.request = request
        self.ladder = state.ladders[state.cell_of[request.grade, request.term]]
        self.increment = rules.increment
        self.least = rules.smallest_note
        self.key_bound = key_bound(request.max_rate)
        self.allocation = rules.allocation_rule
        self.any_due = bool(state.due(now)) if state.expiries else False
        self.now = now
        self.limits = self._limits()
        self.tag_fits = self._tag_fits() if self.ladder.tagged else None
        self.barred = self._barred()

    def run(self) -> Placement:
        """Try targets from the request's amount downwards until one can be placed whole."""
        request = self.request
        target = self._borrower_room()
        reason = None if target == request.amount else "borrower_limit"
        if target < request.least_amount:
            return self._nothing("borrower_limit")
        while target >= request.least_amount and target > 0:
            placed, rows = self._place(target)
            if placed == target:
                return self._placement(rows, reason)
            reason = "not_enough_room"
            # Money was left over. First the sum over lenders at this target; only if that alone
            # would allow the target, what could really be placed.
            capacity = self._capacity(target)
            target = capacity if capacity < target else placed
        return self._nothing(self._why_nothing())

    def _place(self, target: int) -> tuple[int, Rows]:
        """Allocate `target` along the ranking; the sum placed, and the rows with their amounts."""
        if not isinstance(self.allocation, Fifo):
            return self._place_by_level(target)
        pieces = []
        missing = target
        for rows in self._scan(target):
            end, rest = _reach(rows, missing)
            if end < 0:
                pieces.append(rows)
                missing -= rest
                continue
            last = rows.take(slice(0, end + 1))
            last.given[end] = rest
            pieces.append(last)
            return self._with_tail(target, Rows.joined(pieces))
        return target - missing, Rows.joined(pieces or [_NO_ROWS])

    def _with_tail(self, target: int, rows: Rows) -> tuple[int, Rows]:
        """Bring a last note below the smallest up to it, or drop it."""
        tail = int(rows.given[-1])
        short = self.least - tail
        if short <= 0:
            return target, rows
        if rows.raw[-1] < self.least:
            return target - tail, rows
        given = rows.given
        spare = np.where(given[:-1] > 0, given[:-1] - self.least, 0)
        if spare.sum() < short:
            return target - tail, rows
        # The dearest first: what the notes after each one could not spare.
        from_back = spare[::-1].cumsum()
        taken = np.minimum(spare[::-1], np.maximum(short - (from_back - spare[::-1]), 0))[::-1]
        given[:-1] -= taken
        given[-1] = self.least
        return target, rows

    def _place_by_level(self, target: int) -> tuple[int, Rows]:
        """As `_place`, for rules that share a rate: the marginal rate is read whole and shared."""
        pieces = []
        missing = target
        bound = None
        for rows in self._scan(target):
            if bound is None:
                end, rest = _reach(rows, missing)
                if end < 0:
                    missing -= rest
                else:
                    bound = key_bound(int(rates_of(rows.keys[end : end + 1])[0]))
            if bound is not None:
                if rows.keys[0] >= bound:
                    break
                rows = rows.take(slice(0, int(rows.keys.searchsorted(bound))))
            pieces.append(rows)
        if bound is None:
            return target - missing, Rows.joined(pieces or [_NO_ROWS])
        return self._share_last_rate(target, Rows.joined(pieces))

    def _share_last_rate(self, target: int, rows: Rows) -> tuple[int, Rows]:
        rates = rates_of(rows.keys)
        first = int(rates.searchsorted(rates[-1]))
        need = target - int(rows.given[:first].sum())
        candidates = first + np.flatnonzero(rows.given[first:])
        rooms = rows.given[candidates]
        rows.given[first:] = 0
        if rooms.sum() <= need:
            rows.given[candidates] = rooms
            return int(rows.given.sum()), rows
        names = self.state.offer_names
        parts = self.allocation.allocate(
            Level(
                need=need,
                rooms=rooms,
                increment=self.increment,
                min_note=self.least,
                request_id=self.request.request_id,
                offer_ids=[names[slot] for slot in rows.slots[candidates].tolist()],
            )
        )
        self._check_parts(parts, rooms, need)
        rows.given[candidates] = parts
        return int(rows.given.sum()), rows

    def _check_parts(self, parts: Amounts, rooms: Amounts, need: int) -> None:
        """Hold a rule to its contract, ours or a third party's."""
        sound = (
            len(parts) == len(rooms)
            and not (parts > rooms).any()
            and not ((parts < self.least) & (parts != 0)).any()
            and not (parts % self.increment).any()
            and parts.sum() <= need
        )
        if not sound:
            raise InvariantError(f"{self.allocation!r} gave parts outside the rooms it was handed")

    def _capacity(self, target: int) -> int:
        """The lesser of `target` and what all lenders together could give a loan of that size.

        The sum over lenders of the least of joint room, share cap and offers' rooms.
        """
        pieces = list(self._scan(target, alone=True))
        if not pieces:
            return 0
        rows = Rows.joined(pieces)
        order = rows.lenders.argsort(kind="stable")
        starts = np.flatnonzero(np.diff(rows.lenders[order], prepend=-1))
        sums = np.add.reduceat(rows.own[order], starts)
        # With `alone`, `raw` holds the lender's cap.
        return min(target, int(np.minimum(sums, rows.raw[order][starts]).sum()))

    def _scan(self, target: int, *, alone: bool = False) -> Iterator[Rows]:
        """Walk the eligible places in rank order, chunk by chunk.

        What a piece could give counts as taken for the pieces after it. With `alone` nothing is
        taken: `raw` and `given` are then the lenders' caps.
        """
        taken = self.state.taken
        taken.begin(len(self.state.lender_names))
        taken_of_whole: dict[int, int] = {}
        chunks = self.ladder.chunks
        at = 0
        while at < len(chunks) and chunks[at].keys[chunks[at].start] < self.key_bound:
            chunk = chunks[at]
            if not self._drop_dead(chunk):
                self.ladder.forget(at)
                continue
            at += 1
            fits = self._fits(chunk)
            rows = np.flatnonzero(fits)
            if not len(rows):
                continue
            rows += chunk.start
            keys, slots, lenders = chunk.keys[rows], chunk.slots[rows], chunk.lenders[rows]
            own = self._own_room(chunk, rows, slots)
            joint = self._joint_room(lenders)
            takes_part = own >= self.least
            if joint is not None:
                takes_part &= joint >= self.least
            if not takes_part.all():
                keys, slots, lenders = keys[takes_part], slots[takes_part], lenders[takes_part]
                own = own[takes_part]
                joint = None if joint is None else joint[takes_part]
                if not len(keys):
                    continue
            if self.state.shared:
                own = np.minimum(own, self._share_of(self.state.table.share.take(slots), target))
            if self.state.parts:
                own = self._within_whole(slots, own, target, taken_of_whole, alone=alone)
            cap = self._lender_cap(lenders, joint, target)
            if alone:
                raw = np.full(len(own), NO_CAP) if cap is None else cap
                yield Rows(keys, slots, lenders, own, raw, raw)
                continue
            raw = own if cap is None else taken.room(lenders, own, cap, self.least)
            given = np.where(raw >= self.least, raw, 0)
            if cap is not None:
                taken.add(lenders, given)
            yield Rows(keys, slots, lenders, own, raw, given)

    # What one chunk's places may give

    def _drop_dead(self, chunk: Chunk) -> bool:
        """Drop rows without money that lead a chunk or are many; say whether any are left."""
        slots = chunk.slots[chunk.start : chunk.stop]
        alive = self.state.table.remaining.take(slots) >= self.least
        count = int(np.count_nonzero(alive))
        if count == len(alive):
            return True
        if not count:
            return False
        first = int(alive.argmax())
        if len(alive) - first - count >= _DEAD_ROWS:
            chunk.keep(alive)
        else:
            chunk.start += first
        return True

    def _fits(self, chunk: Chunk) -> npt.NDArray[np.bool_]:
        """Which places of a chunk have money and are eligible, before any limit."""
        used = slice(chunk.start, chunk.stop)
        table = self.state.table
        slots = chunk.slots[used]
        fits: npt.NDArray[np.bool_] = table.remaining.take(slots) >= self.least
        keys = chunk.keys[used]
        if keys[-1] >= self.key_bound:
            fits[int(keys.searchsorted(self.key_bound)) :] = False
        if self.tag_fits is not None:
            fits &= self.tag_fits[chunk.tags[used]]
        for lender in self.barred:
            fits &= chunk.lenders[used] != lender
        if self.any_due:
            fits &= table.expires.take(slots) > self.now
        return fits

    def _own_room(self, chunk: Chunk, rows: npt.NDArray[np.intp], slots: Numbers) -> Amounts:
        """Each offer's own room: its budget's rest, at most its cap per loan, in increments."""
        room = self.state.table.remaining.take(slots)
        if self.ladder.capped:
            np.minimum(room, chunk.caps[rows], out=room)
        if self.increment > 1:
            room -= room % self.increment
        return room

    def _joint_room(self, lenders: Numbers) -> Amounts | None:
        """Each lender's joint room: the tightest of its limits less what counts against it."""
        room: Amounts | int | None = None
        count = len(self.state.lender_names)
        for name, outstanding in self.limits:
            left = self.state.lender_caps.of(name, lenders, count)
            if left is None:
                continue
            if outstanding is not None:
                left = left - outstanding.take(lenders)
            room = left if room is None else np.minimum(room, left)
        if room is None:
            return None
        joint: Amounts = np.maximum(np.broadcast_to(room, lenders.shape), 0)
        return joint - joint % self.increment

    def _lender_cap(self, lenders: Numbers, joint: Amounts | None, target: int) -> Amounts | None:
        """The joint room, and the lender's share of a loan of `target`, whichever is less."""
        caps = [] if joint is None else [joint]
        own_share = self.state.lender_caps.of("max_share", lenders, len(self.state.lender_names))
        for share in (self.state.rules.max_share, own_share):
            if share is not None:
                caps.append(np.broadcast_to(self._share_of(share, target), lenders.shape))
        if not caps:
            return None
        cap = caps[0]
        for other in caps[1:]:
            cap = np.minimum(cap, other)
        return cap

    def _share_of(self, share: Amounts | Numbers | int, target: int) -> Amounts | int:
        """A share of a loan of `target`, minor units, in whole increments."""
        # NO_SHARE * MAX_AMOUNT fits an int64.
        exact = (share if isinstance(share, int) else share.astype(np.int64)) * target // FULL_SHARE
        return exact - exact % self.increment

    def _within_whole(
        self, slots: Numbers, own: Amounts, target: int, taken: dict[int, int], *, alone: bool
    ) -> Amounts:
        """Cap the parts of an amended offer together; they are few, so one by one."""
        table = self.state.table
        rows = np.flatnonzero(table.joint.take(slots))
        if not len(rows):
            return own
        own = own.copy()
        for row in rows.tolist():
            slot = int(slots[row])
            whole = self.state.whole_of.get(slot, slot)
            cap = min(int(table.cap[whole]), int(self._share_of(int(table.share[whole]), target)))
            cap -= cap % self.increment
            before = taken.get(whole, 0)
            own[row] = room = min(int(own[row]), cap - before)
            if room >= self.least or alone:
                taken[whole] = before + room
        return own

    # What the request brings

    def _borrower_room(self) -> int:
        """The most this borrower may borrow now: the amount, or what its limit leaves."""
        limit = self.state.borrower_caps.total(self.request.borrower_id)
        if limit is None:
            return self.request.amount
        room = max(limit - self.state.exposure.owed_by(self.request.borrower_id), 0)
        return min(self.request.amount, room - room % self.increment)

    def _limits(self) -> list[tuple[str, Amounts | None]]:
        """The limits in money that anybody has, each with what counts against it, by lender."""
        exposure = self.state.exposure
        count = len(self.state.lender_names)
        counted: dict[str, Callable[[], Amounts | None]] = {
            "per_loan": lambda: None,
            "per_borrower": lambda: exposure.to_borrower(self.request.borrower_id, count),
            "per_grade": lambda: exposure.in_grade(self.request.grade, count),
            "total": lambda: exposure.in_total(count),
        }
        in_force = self.state.lender_caps.in_force
        return [(name, counted[name]()) for name in LIMIT_NAMES if in_force(name)]

    def _tag_fits(self) -> npt.NDArray[np.bool_]:
        """For each tag rule whether the request's tags satisfy it."""
        tags = self.request.tags
        return np.array([needs <= tags and not bars & tags for needs, bars in self.state.tag_rules])

    def _barred(self) -> list[int]:
        """The lenders that are the borrower or in its declared group."""
        borrower = self.request.borrower_id
        parties = {borrower} | self.state.groups.get(borrower, frozenset())
        numbers = self.state.lenders
        return sorted(numbers[party] for party in parties if party in numbers)

    # The outcome

    def _placement(self, rows: Rows, reason: str | None) -> Placement:
        used = np.flatnonzero(rows.given)
        amounts = rows.given[used]
        return Placement(
            rows.slots[used],
            rows.lenders[used],
            amounts,
            rates_of(rows.keys[used]),
            self.request.amount - int(amounts.sum()),
            reason,
        )

    def _nothing(self, reason: str) -> Placement:
        return Placement(
            _NO_ROWS.slots,
            _NO_ROWS.lenders,
            _NO_ROWS.given,
            _NO_ROWS.given,
            self.request.amount,
            reason,
        )

    def _why_nothing(self) -> str:
        """Why no loan could be made although the borrower's limit allows one."""
        if any(self._fits(chunk).any() for chunk in self.ladder.chunks):
            return "below_min_amount"
        table = self.state.table
        slots = self.ladder.slots(table.remaining, self.least)
        standing = (table.expires.take(slots) > self.now).any()
        return "no_eligible_offer" if standing else "empty_book"


def _reach(rows: Rows, missing: int) -> tuple[int, int]:
    """Where `missing` is met: the row and what it gives; or (-1, the sum) if the rows fall short.

    A row whose cap leaves less than a note meets it too if it alone would take all that is missing.
    """
    reached = rows.given.cumsum()
    before = reached - rows.given
    meets = before + rows.raw >= missing
    end = int(meets.argmax())
    if not meets[end]:
        return -1, int(reached[-1])
    return end, missing - int(before[end])
