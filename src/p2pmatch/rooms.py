"""What every place of a cell could give to one request: limits turned into integer room.

The request's limits are made ready once; then the ranking is read a line at a time, in vector
passes. Nothing is allocated here: the sweep decides which of the rooms are used.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.along import Found
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.chunk import PIECE
from p2pmatch.commitments import NO_COMMITMENTS, Commitments
from p2pmatch.conditions import NO_CAP, NO_SHARE
from p2pmatch.keys import key_bound, rates_of
from p2pmatch.line import Line, Repeats
from p2pmatch.orders import Request
from p2pmatch.state import State
from p2pmatch.taken import Taken
from p2pmatch.units import FULL_SHARE

__all__ = ["NO_ROWS", "Rooms", "Rows"]

# A limit's name, and what counts against it, by lender.
Limited = tuple[str, Amounts | None]
_NO_LIMITS: Final[Sequence[Limited]] = ()
_ONLY_PER_LOAN: Final[Sequence[Limited]] = (("per_loan", None),)
# From a request's id and offers' ids to the lots by which the offers are ranked.
Draw = Callable[[str, Sequence[str]], Sequence[bytes]]


# Not frozen, because a frozen one takes twice as long to make; nobody changes it all the same.
@attrs.define(eq=False)
class Rows:
    """Places in rank order with what each could give, minor units.

    own : the offer's own room: its budget's rest, its cap per loan, its share cap; 0 where it may
        not take part.
    raw : what its lender's cap leaves of that, given what the rows before it give.
    given : `raw`, or 0 where that is below the smallest note. The same array where none is.

    All but keys, slots and lenders hold only until the next scan begins.
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
    """The limits of one request, made ready to be read off the ladder of its cell.

    `scan` walks the places that may take part; `capped` the same, everybody by itself; `largest` is
    where the loan's size begins; `why_nothing` says what stands in the way of any loan.

    Parameters
    ----------
    state : the marketplace's memory.
    request : checked against the marketplace's rules.
    now : offers whose time is up at `now` are left out.
    held : what is committed to this request already. It does not count against the limits twice,
        and, unless a subclass says otherwise, it stays what it is.
    """

    #: Whether what is read is kept for other sizes.
    remembers = False
    __slots__ = (
        "barred",
        "held",
        "held_by",
        "increment",
        "joint",
        "key_bound",
        "ladder",
        "least",
        "limits",
        "lines",
        "now",
        "overdue",
        "request",
        "scratch",
        "selective",
        "state",
        "tag_fits",
    )

    def __init__(
        self, state: State, request: Request, now: int, held: Commitments = NO_COMMITMENTS
    ) -> None:
        self.state = state
        self.scratch = state.scratch
        self.request = request
        self.now = now
        self.held = held
        self.held_by: Amounts | None = None
        holds = held is not NO_COMMITMENTS
        if holds:
            self.held_by = np.zeros(len(state.lender_names), dtype=np.int64)
            np.add.at(self.held_by, held.lenders, held.amounts)
        cell = state.cell_of[request.grade, request.term]
        self.ladder = state.ladders[cell]
        self.increment = state.rules.increment
        self.least = state.least
        self.key_bound = key_bound(state.highest_rank_rate(cell, request.max_rate))
        self.overdue = bool(state.due(now)) if state.expiries else False
        caps = state.lender_caps
        #: The joint room, if that is known to be one number for all.
        self.joint = caps.only_per_loan
        if self.joint is not None:
            self.joint -= self.joint % self.increment
            self.limits = _ONLY_PER_LOAN
        else:
            self.limits = self._limits() if caps.in_force else _NO_LIMITS
        pattern, self.tag_fits = state.tags_fit(request.tags) if self.ladder.tagged else (b"", None)
        self.lines = self.ladder.lines(pattern)
        self.barred = self._barred()
        #: Whether places may have to be told apart by more than money, tags and rates.
        self.selective = bool(self.barred) or self.overdue or holds

    def scan(self, size: int) -> Iterator[Rows]:
        """Walk the places that may take part in a loan of `size` in rank order, line by line.

        When the next piece is asked for, what this one could give counts as taken.
        """
        taken = self.begin()
        drawn: dict[int, int] = self._held_of_wholes()
        for line, room, joint in self.found():
            rows, cap = self._rows(line, room, joint, size, drawn, taken)
            yield rows
            if cap is not None:
                taken.add(line.lender_rows, rows.given)

    def _rows(
        self,
        line: Line,
        room: Amounts,
        joint: Amounts | int | None,
        size: int,
        drawn: dict[int, int],
        taken: Taken,
    ) -> tuple[Rows, Amounts | int | None]:
        """What places could give to a loan of `size`, given what is taken; the lenders' caps."""
        own = self._within_offers(line.slots, room, size, drawn, dust=False)
        cap = self._lender_cap(line.lender_rows, joint, size)
        raw = own
        if cap is not None:
            raw = self.scratch.take(len(own))
            taken.room(line.lender_rows, own, cap, self.least, line.repeats, raw)
        given = raw
        if self.least > self.increment:
            given = np.multiply(raw, raw >= self.least, out=self.scratch.take(len(raw)))
        return Rows(line.keys, line.slots, line.lenders, own, raw, given), cap

    def capped(self, size: int, *, dust: bool = True) -> Iterator[Rows]:
        """The same places, each by itself: `raw` and `given` are the lenders' caps.

        With `dust`, parts of one offer that are too small for a note count against its cap too.
        """
        drawn: dict[int, int] = self._held_of_wholes()
        self.scratch.begin()
        for line, room, joint in self.found():
            own = self._within_offers(line.slots, room, size, drawn, dust=dust)
            cap = self._lender_cap(line.lenders, joint, size)
            raw = np.broadcast_to(np.int64(NO_CAP) if cap is None else cap, own.shape)
            yield Rows(line.keys, line.slots, line.lenders, own, raw, raw)

    def drawn(self, size: int, draw: Draw) -> Iterator[Rows]:
        """As `scan`, with the places of each rate in the order of the lots that `draw` gives them.

        Pieces end where a rate ends.
        """
        taken = self.begin()
        waiting: list[Rows] = []
        for every in chain(self.capped(size, dust=False), [NO_ROWS]):
            rows = every.take(every.own.nonzero()[0])
            whole = 0
            if len(rows.keys):
                rates = rates_of(rows.keys)
                whole = int(rates.searchsorted(rates[-1]))
                waiting.append(rows.take(slice(0, whole)))
            if whole or every is NO_ROWS:
                yield from self._in_drawn_order(Rows.joined(waiting), draw, taken)
                waiting.clear()
            waiting.append(rows.take(slice(whole, None)))

    def _in_drawn_order(self, rows: Rows, draw: Draw, taken: Taken) -> Iterator[Rows]:
        lots = draw(self.request.request_id, self.state.offer_names.at(rows.slots))
        rates = rates_of(rows.keys).tolist()
        order = np.array(
            sorted(range(len(lots)), key=lambda row: (rates[row], lots[row])), dtype=np.intp
        )
        for first in range(0, len(order), PIECE):
            piece = rows.take(order[first : first + PIECE])
            repeats = Repeats.among(piece.lenders)
            raw = np.empty_like(piece.own)
            taken.room(piece.lenders, piece.own, piece.raw, self.least, repeats, raw)
            given = raw * (raw >= self.least)
            yield attrs.evolve(piece, raw=raw, given=given)
            taken.add(piece.lenders, given)

    def begin(self) -> Taken:
        """The count of what each lender gives: nothing yet, but for what stays committed."""
        self.scratch.begin()
        taken = self.state.taken
        taken.begin(len(self.state.lender_names))
        stays = self.stays()
        if len(stays.amounts):
            taken.add(stays.lenders, stays.amounts)
        return taken

    def stays(self) -> Commitments:
        """What of the commitments is not for this sweep to place."""
        return self.held

    def _held_of_wholes(self) -> dict[int, int]:
        """What of each offer counts against its cap before anything is placed, by first slot.

        All offers with commitments and a cap are in it, so that all rows of theirs are capped
        together.
        """
        held = self.held
        if not len(held.slots):
            return {}
        table, whole_of = self.state.table, self.state.whole_of
        bound = table.cap.take(held.slots) != NO_CAP
        bound |= table.share.take(held.slots) != NO_SHARE
        slots: list[int] = held.slots[bound].tolist()
        sums = {whole_of.get(slot, slot): 0 for slot in slots}
        # All of it stays, or nothing does.
        if len(self.stays().slots):
            for slot, amount in zip(slots, held.amounts[bound].tolist(), strict=True):
                sums[whole_of.get(slot, slot)] += amount
        return sums

    # What one line's places may give

    @property
    def parts_bind(self) -> bool:
        """Whether parts of one offer have to know of each other, as they share its caps."""
        state = self.state
        return bool(state.parts) and (state.shared or self.ladder.capped)

    def found(self) -> Iterator[Found]:
        """The places that may take part, line by line."""
        key = -1
        while (step := self.behind(key)) is not None:
            found, key = step
            yield found

    def behind(self, key: int) -> tuple[Found, int] | None:
        """The next line behind a key with places that may take part, and where it ends.

        None: there is none. Who finds other places than these overrides `found`, and is not for
        `in_order`.
        """
        last_key = self.ladder.last_key
        while key < last_key:
            step = self.lines.after(key, self._from_ladder)
            if step is None:
                return None
            line, key = step
            if line.first_key >= self.key_bound:
                return None
            found = self._taking_part(line) if line.count else None
            if found is not None:
                return found, key
        return None

    def _from_ladder(self, key: int, pieces: int) -> tuple[Line, int] | None:
        """The places behind a key, in the ladder's next pieces."""
        remaining, least = self.state.table.remaining, self.state.least
        found = self.ladder.behind(key, pieces, remaining, least)
        if found is None:
            return None
        (keys, slots, lenders, tags, caps), end = found
        line = Line(keys, slots, lenders, caps)
        if self.tag_fits is not None:
            line = line.take(self.tag_fits.take(tags).nonzero()[0])
        return line, end

    def _taking_part(self, line: Line) -> Found | None:
        """The places of a line; None if none of them may take part."""
        least = self.least
        line, room = self.lines.money(line, self.state.table.remaining, least, self.scratch)
        if not line.count:
            return None
        if self.ladder.capped:
            np.minimum(room, line.caps, out=room)
        if self.increment > 1:
            room -= room % self.increment
        if self.selective or line.last_key >= self.key_bound:
            fits = room >= least
            self._bar(line, fits)
            room *= fits
            if not fits.any():
                return None
        elif least > 1:
            room *= room >= least
        joint: Amounts | int | None = self.joint
        if joint is None and self.limits:
            joint = self._joint_room(line.lender_rows)
        if joint is not None and least > 1:
            # Who has no note of it left takes no part, and ends no loan.
            room *= joint >= least
        return line, room, joint

    def _bar(self, line: Line, fits: npt.NDArray[np.bool_]) -> None:
        """Take the places out of `fits` that are not eligible."""
        if line.last_key >= self.key_bound:
            fits[int(line.keys.searchsorted(self.key_bound)) :] = False
        for lender in self.barred:
            fits &= line.lenders != lender
        if self.overdue:
            fits &= self.state.table.expires.take(line.slots) > self.now

    def _joint_room(self, lenders: Numbers | Amounts) -> Amounts | int | None:
        """Each lender's joint room: the tightest of its limits less what counts against it.

        One number where no limit differs between lenders; None where there is no limit.
        """
        room: Amounts | int | None = None
        count = len(self.state.lender_names)
        for name, outstanding in self.limits:
            left = self.state.lender_caps.of(name, lenders, count)
            if outstanding is not None:
                counted = self.scratch.take(len(lenders))
                outstanding.take(lenders, out=counted, mode="clip")
                left = np.subtract(left, counted, out=counted)
                if self.held_by is not None:
                    left += self.held_by.take(lenders)
            if room is None:
                room = left
            elif isinstance(left, int):
                room = _lesser(room, left)
            else:
                room = np.minimum(room, left, out=left)
        if isinstance(room, np.ndarray):
            np.maximum(room, 0, out=room)
        return room if room is None or self.increment == 1 else room - room % self.increment

    def _lender_cap(
        self, lenders: Numbers | Amounts, joint: Amounts | int | None, target: int
    ) -> Amounts | int | None:
        """The joint room, and the lender's share of a loan of `target`, whichever is less."""
        share = self.lender_share(lenders)
        if share is None:
            return joint
        cap = self._share_of(share, target)
        return cap if joint is None else _lesser(joint, cap)

    def lender_share(self, lenders: Numbers | Amounts) -> Amounts | int | None:
        """The most a lender may lend of a loan, ppm of it; None where nobody has such a limit."""
        caps = self.state.lender_caps
        share: Amounts | int | None = self.state.rules.max_share
        if "max_share" in caps.in_force:
            own = caps.of("max_share", lenders, len(self.state.lender_names))
            share = own if share is None else _lesser(share, own)
        return share

    def offer_share(self, slots: Numbers) -> Numbers | None:
        """The most an offer may lend of a loan, ppm of it; None where none has such a limit."""
        return self.state.table.share.take(slots) if self.state.shared else None

    def _share_of(self, share: Amounts | Numbers | int, target: int) -> Amounts | int:
        """A share of a loan of `target`, minor units, in whole increments; `NO_SHARE`: no cap."""
        # NO_SHARE * MAX_AMOUNT fits an int64.
        if isinstance(share, int):
            exact = share * target // FULL_SHARE
            return NO_CAP if share == NO_SHARE else exact - exact % self.increment
        exacts = share.astype(np.int64) * target // FULL_SHARE
        return np.where(share == NO_SHARE, NO_CAP, exacts - exacts % self.increment)

    def _within_offers(
        self, slots: Numbers, own: Amounts, size: int, drawn: dict[int, int], *, dust: bool
    ) -> Amounts:
        """Cap each row by its offer's share of a loan of `size`, and an offer's rows together."""
        state = self.state
        share = self.offer_share(slots)
        if share is not None:
            own = np.minimum(own, self._share_of(share, size))
        several = state.table.joint.take(slots) if self.parts_bind else None
        if drawn:
            held = np.isin(slots, np.fromiter(drawn, dtype=np.int64))
            several = held if several is None else several | held
        if several is None:
            return own
        several &= own > 0
        if not several.any():
            return own
        own = own.copy()
        # They are few, so one by one.
        for row in np.flatnonzero(several).tolist():
            slot = int(slots[row])
            whole = state.whole_of.get(slot, slot)
            before = drawn.get(whole, 0)
            # The cap may be lower than when money was committed.
            left = max(self._offer_cap(whole, size) - before, 0)
            own[row] = room = min(int(own[row]), left)
            if room >= self.least or dust:
                drawn[whole] = before + room
        return own

    def _offer_cap(self, whole: int, size: int) -> int:
        """The most an offer may give to a loan of `size`, all its rows together."""
        table = self.state.table
        cap = min(int(table.cap[whole]), int(self._share_of(int(table.share[whole]), size)))
        return cap - cap % self.increment

    def by_limit(
        self, slots: Numbers, lenders: Numbers, size: int
    ) -> Iterator[tuple[str, Amounts]]:
        """What each limit alone leaves each place of a loan of `size`, before any note of it.

        First the lenders' limits that are in force, then the offers' caps, whose names begin with
        "offer_". May be below 0, and no whole increments.
        """
        state, table = self.state, self.state.table
        count = len(state.lender_names)
        for name, outstanding in self.limits:
            room = np.broadcast_to(state.lender_caps.of(name, lenders, count), lenders.shape)
            yield name, room if outstanding is None else room - outstanding.take(lenders)
        share = self._lender_cap(lenders, None, size)
        if share is not None:
            yield "max_share", np.broadcast_to(share, lenders.shape)
        yield "offer_max_per_loan", table.cap.take(slots)
        yield "offer_max_share", np.asarray(self._share_of(table.share.take(slots), size))

    # What the request brings

    def largest(self) -> int:
        """The most this borrower may borrow now: the amount, or what its limit leaves."""
        limit = self.state.borrower_caps.total(self.request.borrower_id)
        if limit is None:
            return self.request.amount
        owed = self.state.exposure.owed_by(self.request.borrower_id) - self.held.total
        room = max(limit - owed, 0)
        return min(self.request.amount, room - room % self.increment)

    def _limits(self) -> Sequence[Limited]:
        """The limits in money that anybody has, each with what counts against it, by lender."""
        limits: list[Limited] = []
        exposure = self.state.exposure
        count = len(self.state.lender_names)
        in_force = self.state.lender_caps.in_force
        if "per_loan" in in_force:
            limits.append(("per_loan", None))
        if "per_borrower" in in_force:
            owed = exposure.to_borrower(self.request.borrower_id, count)
            limits.append(("per_borrower", owed))
        if "per_grade" in in_force:
            limits.append(("per_grade", exposure.in_grade(self.request.grade, count)))
        if "total" in in_force:
            limits.append(("total", exposure.in_total(count)))
        return limits

    def _barred(self) -> list[int]:
        """The lenders that are the borrower or in its declared group."""
        borrower = self.request.borrower_id
        numbers = self.state.lenders
        barred = [numbers[borrower]] if borrower in numbers else []
        if self.state.groups:
            parties = self.state.groups.get(borrower, ())
            barred += [numbers[party] for party in parties if party in numbers]
        return barred

    def why_nothing(self) -> str:
        """Why no loan could be made although the borrower's limit allows one."""
        posted = self.state.posted
        if posted is not None and not self.key_bound:
            rate = posted[self.state.cell_of[self.request.grade, self.request.term]]
            return "no_posted_rate" if rate is None else "below_posted_rate"
        remaining, expires = self.state.table.remaining, self.state.table.expires
        standing = False
        key = -1
        while (found := self.ladder.behind(key, 1, remaining, self.least)) is not None:
            (keys, slots, lenders, tags, caps), key = found
            if standing and keys[0] >= self.key_bound:
                break
            fits = remaining.take(slots) >= self.least
            standing = standing or bool((expires.take(slots)[fits] > self.now).any())
            if self.tag_fits is not None:
                fits &= self.tag_fits.take(tags)
            self._bar(Line(keys, slots, lenders, caps), fits)
            if fits.any():
                return "below_min_amount"
        if standing:
            return "no_eligible_offer"
        self.ladder.sweep_out(remaining, self.least)
        return "empty_book"


def _lesser(one: Amounts | int, other: Amounts | int) -> Amounts | int:
    """The lesser of two, each one number or one per row."""
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    lesser: Amounts = np.minimum(one, other)
    return lesser
