"""What every place of a cell could give to one request: limits turned into integer room.

The request's limits are made ready once; then the ranking is read a chunk at a time, in vector
passes. Nothing is allocated here: the sweep decides which of the rooms are used.
"""

from collections.abc import Callable, Iterator
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.caps import LIMIT_NAMES
from p2pmatch.columns import NO_CAP
from p2pmatch.ladder import Chunk, key_bound
from p2pmatch.orders import Request
from p2pmatch.state import State
from p2pmatch.units import FULL_SHARE

__all__ = ["NO_ROWS", "Amounts", "Numbers", "Rooms", "Rows"]

# A chunk with fewer rows is joined with those after it, if they are sparse too.
_SPARSE: Final = 192
# Rows without money that a chunk may keep before they are dropped.
_DEAD_ROWS: Final = 64

Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


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
            return NO_ROWS
        return Rows(
            np.concatenate([piece.keys for piece in pieces]),
            np.concatenate([piece.slots for piece in pieces]),
            np.concatenate([piece.lenders for piece in pieces]),
            np.concatenate([piece.own for piece in pieces]),
            np.concatenate([piece.raw for piece in pieces]),
            np.concatenate([piece.given for piece in pieces]),
        )


NO_ROWS: Final = Rows(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int32),
    *(np.empty(0, dtype=np.int64) for _ in range(3)),
)


class Rooms:
    """The limits of one request, made ready to be read off.

    `scan` walks the places that may take part; `borrower_room` is where the loan's size begins;
    `why_nothing` says what stands in the way of any loan.
    """

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

    def scan(self, target: int, *, alone: bool = False) -> Iterator[Rows]:
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

    def borrower_room(self) -> int:
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

    def why_nothing(self) -> str:
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
