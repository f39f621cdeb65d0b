"""What a request lost to each thing that stood in its way.

The reasons are lifted one after the other, in the order of `LIFTED`, until the request would be
funded in full. Each is charged with what lifting it brings when those before it are lifted already;
what no lifting brings is not in the book. So the charges add up to the unfunded amount.
"""

from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from p2pmatch.along import Found
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.keys import key_bound
from p2pmatch.limits import LIMIT_NAMES
from p2pmatch.line import Line
from p2pmatch.orders import Request
from p2pmatch.reasons import REASONS
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import Sweep
from p2pmatch.units import MAX_RATE

__all__ = ["LIFTED", "Shortfall", "shortfalls"]

#: The reasons that can be lifted, in that order: first what the borrower can change, then what the
#: platform and the lenders have set.
LIFTED: Final = (
    "rate",
    "borrower_limit",
    "tags",
    "same_party",
    "max_share",
    "offer_max_per_loan",
    "offer_max_share",
    "per_loan",
    "per_borrower",
    "per_grade",
    "total",
    "below_min_note",
)


@attrs.frozen
class Shortfall:
    """What a reason, a key of `p2pmatch.reasons.REASONS`, costs a request, in minor units."""

    reason: str
    amount: int

    @property
    def meaning(self) -> str:
        """The reason in words."""
        return REASONS[self.reason]


def shortfalls(state: State, request: Request, now: int, principal: int) -> tuple[Shortfall, ...]:
    """Why a request gets `principal`, less than its amount; they add up to what is missing.

    Notes
    -----
    A sweep for each reason that is in force, each of which may read the whole cell.
    """
    missing = request.amount - principal
    if state.rules.matching == "call":
        return (Shortfall("resting", missing),)
    if state.posted and state.posted[state.cell_of[request.grade, request.term]] is None:
        return (Shortfall("no_posted_rate", missing),)
    found = []
    reached = principal
    for reason, placed in _lifting(state, request, now):
        if placed > reached:
            found.append(Shortfall(reason, placed - reached))
            reached = placed
        if reached == request.amount:
            break
    else:
        found.append(Shortfall("empty_book", request.amount - reached))
    return tuple(found)


def _lifting(state: State, request: Request, now: int) -> Iterator[tuple[str, int]]:
    """Each reason, and the loan that could be made once it and those before it are lifted."""
    rooms = Rooms(state, request, now)
    # Any loan at all will do; what the borrower would not take is the first reason.
    yield "below_min_amount", Sweep(rooms).run(1).principal
    lifted: set[str] = set()
    for reason in _in_force(rooms):
        lifted.add(reason)
        freer = LiftedRooms(state, request, now, frozenset(lifted))
        yield reason, Sweep(freer).run(1).principal


def _in_force(rooms: Rooms) -> list[str]:
    """The reasons that anything could be lost to; lifting another would bring nothing."""
    state, request, ladder = rooms.state, rooms.request, rooms.ladder
    cell = state.cell_of[request.grade, request.term]
    limits = {name for name, _ in rooms.limits}
    found = {
        "rate": rooms.key_bound < key_bound(state.highest_rank_rate(cell, MAX_RATE)),
        "borrower_limit": rooms.largest() < request.amount,
        "tags": rooms.tag_fits is not None,
        "same_party": bool(rooms.barred),
        "max_share": state.any_share,
        "offer_max_per_loan": ladder.capped,
        "offer_max_share": state.shared,
        **{name: name in limits for name in LIMIT_NAMES},
        "below_min_note": rooms.least > rooms.increment,
    }
    return [reason for reason in LIFTED if found[reason]]


class LiftedRooms(Rooms):
    """The rooms that would be there without some of the reasons not to lend.

    Parameters
    ----------
    lifted : the reasons that do not count, names in `LIFTED`.
    """

    __slots__ = ("lifted", "note_room")

    def __init__(self, state: State, request: Request, now: int, lifted: frozenset[str]) -> None:
        super().__init__(state, request, now)
        self.lifted = lifted
        # Less than a note never stands in the book, however small notes may be here.
        self.note_room = self.least
        if "rate" in lifted:
            cell = state.cell_of[request.grade, request.term]
            self.key_bound = key_bound(state.highest_rank_rate(cell, MAX_RATE))
        if "tags" in lifted:
            self.lines, self.tag_fits = self.ladder.lines(b""), None
        if "same_party" in lifted:
            self.barred = []
        if "below_min_note" in lifted:
            self.least = self.increment
        self.limits = [limit for limit in self.limits if limit[0] not in lifted]

    def largest(self) -> int:
        """The amount, or what the borrower's limit leaves."""
        return self.request.amount if "borrower_limit" in self.lifted else super().largest()

    def _taking_part(self, line: Line) -> Found | None:
        room = self.state.table.remaining.take(line.slots)
        fits = room >= self.note_room
        self._bar(line, fits)
        if "offer_max_per_loan" not in self.lifted:
            np.minimum(room, line.caps, out=room)
        room -= room % self.increment
        fits &= room >= self.least
        joint = self._joint_room(line.lenders)
        if joint is not None:
            fits &= joint >= self.least
        return (line, room * fits, joint) if fits.any() else None

    def lender_share(self, lenders: Numbers | Amounts) -> Amounts | int | None:
        """None, if that is lifted."""
        return None if "max_share" in self.lifted else super().lender_share(lenders)

    def offer_share(self, slots: Numbers) -> Numbers | None:
        """None, if that is lifted."""
        return None if "offer_max_share" in self.lifted else super().offer_share(slots)

    def _within_offers(
        self, slots: Numbers, own: Amounts, size: int, drawn: dict[int, int], *, dust: bool
    ) -> Amounts:
        if "offer_max_share" in self.lifted:
            return own
        return super()._within_offers(slots, own, size, drawn, dust=dust)

    def _offer_cap(self, whole: int, size: int) -> int:
        if "offer_max_per_loan" not in self.lifted:
            return super()._offer_cap(whole, size)
        return int(self._share_of(int(self.state.table.share[whole]), size))
