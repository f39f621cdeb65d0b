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

from p2pmatch.allocation import Level
from p2pmatch.columns import NO_CAP
from p2pmatch.errors import InvariantError
from p2pmatch.exposure import LIMIT_NAMES
from p2pmatch.ladder import Chunk, key_bound, rates_of
from p2pmatch.orders import Request
from p2pmatch.state import State
from p2pmatch.units import FULL_SHARE

__all__ = ["Placement", "Sweep", "sweep"]

# A chunk with fewer rows is joined with those after it, if they are sparse too.
_SPARSE: Final = 192
# Rows without money that a chunk may keep before they are dropped.
_DEAD_ROWS: Final = 64

Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


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


@attrs.frozen(eq=False)
class Rows:
    """Places that may take part, in rank order, with what each could give, minor units.

    own : the offer's own room: its budget's rest, its cap per loan, its share cap.
    raw : what its lender's cap leaves of that, given what the rows before it give.
    given : `raw`, or 0 where that is below the smallest note. The same array where none is.
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

    def until(self, end: int, rest: int) -> "Rows":
        """The rows up to row `end`, which gives only `rest`."""
        upto = slice(0, end + 1)
        given = self.given[upto].copy()
        given[end] = rest
        return Rows(
            self.keys[upto],
            self.slots[upto],
            self.lenders[upto],
            self.own[upto],
            self.raw[upto],
            given,
        )

    @staticmethod
    def joined(pieces: list["Rows"]) -> "Rows":
        """Pieces one after the other."""
        if len(pieces) == 1:
            return pieces[0]
        if not pieces:
            return _NO_ROWS
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

    __slots__ = (
        "barred",
        "increment",
        "key_bound",
        "ladder",
        "least",
        "limits",
        "now",
        "overdue",
        "request",
        "state",
        "tag_fits",
    )

    def __init__(self, state: State, request: Request, now: int) -> None:
        self.state = state
        self.request = request
        self.now = now
        self.ladder = state.ladders[state.cell_of[request.grade, request.term]]
        self.increment = state.rules.increment
        self.least = state.least
        self.key_bound = key_bound(request.max_rate)
        self.overdue = bool(state.due(now)) if state.expiries else False
        self.limits = self._limits()
        self.tag_fits = self._tag_fits() if self.ladder.tagged else None
        self.barred = self._barred()

    def run(self) -> Placement:
        """Try targets from the request's amount downwards until one can be placed whole."""
        request = self.request
        least_amount = request.least_amount
        target = self._borrower_room()
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
        return self._nothing(self._why_nothing())

    def _place(self, target: int) -> tuple[int, Rows]:
        """Allocate `target` along the ranking; the sum placed, and the rows with their amounts."""
        pieces = []
        missing = target
        for rows in self._scan(target):
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
        for rows in self._scan(target):
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
        """Walk the places that may take part in rank order, chunk by chunk.

        When the next piece is asked for, what this one could give counts as taken. With `alone`
        nothing is taken: `raw` and `given` are then the lenders' caps.
        """
        state = self.state
        taken = state.taken
        taken.begin(len(state.lender_names))
        taken_of_whole: dict[int, int] = {}
        for chunk in self._chunks():
            found = self._taking_part(chunk)
            if found is None:
                continue
            keys, slots, lenders, own, joint = found
            if state.shared:
                own = np.minimum(own, self._share_of(state.table.share.take(slots), target))
            if state.parts:
                own = self._within_whole(slots, own, target, taken_of_whole, alone=alone)
            cap = self._lender_cap(lenders, joint, target)
            if alone:
                raw = np.broadcast_to(np.int64(NO_CAP) if cap is None else cap, own.shape)
                yield Rows(keys, slots, lenders, own, raw, raw)
                continue
            raw = own if cap is None else taken.room(lenders, own, cap, self.least)
            given = raw
            if self.least > self.increment:
                given = np.where(raw >= self.least, raw, 0)
            yield Rows(keys, slots, lenders, own, raw, given)
            if cap is not None:
                taken.add(lenders, given)

    # What one chunk's places may give

    def _chunks(self) -> Iterator[Chunk]:
        """The chunks that the request's rate reaches."""
        chunks = self.ladder.chunks
        at = 0
        while at < len(chunks):
            chunk = chunks[at]
            if chunk.keys[chunk.start] >= self.key_bound:
                return
            if chunk.stop - chunk.start < _SPARSE:
                self.ladder.join_next(at)
            yield chunk
            if chunk.start == chunk.stop:
                self.ladder.forget(at)
            else:
                at += 1

    def _taking_part(
        self, chunk: Chunk
    ) -> tuple[Amounts, Numbers, Numbers, Amounts, Amounts | int | None] | None:
        """The rows of a chunk that may take part: keys, slots, lenders, own and joint room."""
        alive, room = self._alive(chunk)
        if not len(room):
            return None
        used = slice(chunk.start, chunk.stop)
        slots, lenders = chunk.slots[used], chunk.lenders[used]
        fits = self._fits(chunk, used, slots, lenders, alive)
        if self.ladder.capped:
            np.minimum(room, chunk.caps[used], out=room)
            fits &= room >= self.least
        if self.increment > 1:
            room -= room % self.increment
        joint = self._joint_room(lenders)
        if joint is not None:
            fits &= joint >= self.least
        count = np.count_nonzero(fits)
        if count == len(room):
            return chunk.keys[used], slots, lenders, room, joint
        if not count:
            return None
        rows = fits.nonzero()[0]
        if isinstance(joint, np.ndarray):
            joint = joint[rows]
        return chunk.keys[used][rows], slots[rows], lenders[rows], room[rows], joint

    def _alive(self, chunk: Chunk) -> tuple[npt.NDArray[np.bool_], Amounts]:
        """Which places have money for a note, and how much money each has.

        Rows without that lead the chunk or are many are dropped on the way.
        """
        remaining = self.state.table.remaining
        room = remaining.take(chunk.slots[chunk.start : chunk.stop])
        alive = room >= self.least
        count = int(np.count_nonzero(alive))
        if count == len(room):
            return alive, room
        if not count:
            chunk.start = chunk.stop
            return alive[:0], room[:0]
        first = int(alive.argmax())
        if len(room) - first - count >= _DEAD_ROWS:
            chunk.keep(alive)
            return alive[alive], room[alive]
        chunk.start += first
        return alive[first:], room[first:]

    def _fits(
        self,
        chunk: Chunk,
        used: slice,
        slots: Numbers,
        lenders: Numbers,
        alive: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """Which of the places alive are eligible; changes `alive`."""
        fits = alive
        if chunk.keys[chunk.stop - 1] >= self.key_bound:
            fits[int(chunk.keys[used].searchsorted(self.key_bound)) :] = False
        if self.tag_fits is not None:
            fits &= self.tag_fits.take(chunk.tags[used])
        for lender in self.barred:
            fits &= lenders != lender
        if self.overdue:
            fits &= self.state.table.expires.take(slots) > self.now
        return fits

    def _joint_room(self, lenders: Numbers) -> Amounts | int | None:
        """Each lender's joint room: the tightest of its limits less what counts against it.

        One number where no limit differs between lenders; None where there is no limit.
        """
        room: Amounts | int | None = None
        count = len(self.state.lender_names)
        for name, outstanding in self.limits:
            left = self.state.lender_caps.of(name, lenders, count)
            if outstanding is not None:
                left = left - outstanding.take(lenders)
            room = left if room is None else _lesser(room, left)
        if isinstance(room, np.ndarray):
            np.maximum(room, 0, out=room)
        return room if room is None or self.increment == 1 else room - room % self.increment

    def _lender_cap(
        self, lenders: Numbers, joint: Amounts | int | None, target: int
    ) -> Amounts | int | None:
        """The joint room, and the lender's share of a loan of `target`, whichever is less."""
        cap = joint
        caps = self.state.lender_caps
        shares: list[Amounts | int] = []
        if self.state.rules.max_share is not None:
            shares.append(self.state.rules.max_share)
        if "max_share" in caps.in_force:
            shares.append(caps.of("max_share", lenders, len(self.state.lender_names)))
        for share in shares:
            share_cap = self._share_of(share, target)
            cap = share_cap if cap is None else _lesser(cap, share_cap)
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
        names = [name for name in self.state.lender_caps.in_force if name in LIMIT_NAMES]
        if not names:
            return []
        exposure = self.state.exposure
        count = len(self.state.lender_names)
        counted: dict[str, Callable[[], Amounts | None]] = {
            "per_loan": lambda: None,
            "per_borrower": lambda: exposure.to_borrower(self.request.borrower_id, count),
            "per_grade": lambda: exposure.in_grade(self.request.grade, count),
            "total": lambda: exposure.in_total(count),
        }
        return [(name, counted[name]()) for name in names]

    def _tag_fits(self) -> npt.NDArray[np.bool_]:
        """For each tag rule whether the request's tags satisfy it."""
        tags = self.request.tags
        return np.array([needs <= tags and not bars & tags for needs, bars in self.state.tag_rules])

    def _barred(self) -> list[int]:
        """The lenders that are the borrower or in its declared group."""
        borrower = self.request.borrower_id
        numbers = self.state.lenders
        parties = [borrower, *self.state.groups.get(borrower, ())]
        return [numbers[party] for party in parties if party in numbers]

    # The outcome

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
        none = _NO_ROWS
        return Placement(
            0, none.slots, none.lenders, none.given, none.given, self.request.amount, reason
        )

    def _why_nothing(self) -> str:
        """Why no loan could be made although the borrower's limit allows one."""
        standing = False
        for chunk in self.ladder.chunks:
            used = slice(chunk.start, chunk.stop)
            slots = chunk.slots[used]
            table = self.state.table
            alive = (table.remaining.take(slots) >= self.least) & (
                table.expires.take(slots) > self.now
            )
            standing |= bool(alive.any())
            if self._fits(chunk, used, slots, chunk.lenders[used], alive).any():
                return "below_min_amount"
        return "no_eligible_offer" if standing else "empty_book"


def _lesser(one: Amounts | int, other: Amounts | int) -> Amounts | int:
    """The lesser of two, each one number or one per row."""
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    lesser: Amounts = np.minimum(one, other)
    return lesser


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
