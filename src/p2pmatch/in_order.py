"""The commonest sweep: offers used up in rank order, until the request is filled or they end.

What it finds `Sweep` finds too. Whatever needs a second thought is left to `Sweep`.
"""

from p2pmatch.allocation import Fifo
from p2pmatch.along import Columns, along
from p2pmatch.commitments import NO_COMMITMENTS
from p2pmatch.placement import Placement
from p2pmatch.rooms import Rooms

__all__ = ["in_order"]


def in_order(rooms: Rooms) -> Placement | None:
    """Fill a request along the ranking; None: that needs more than this. Changes nothing.

    Notes
    -----
    O(rows of the ranking up to the last note). Not for: other rules than `Fifo`, shares of the
    loan, offers in parts where any offer has a cap, commitments, a borrower's limit, a last note
    below the smallest; nor for less than what is asked where a note has to be larger than the
    increment: then lenders may have more to give than what they give in order.
    """
    state = rooms.state
    missing = rooms.request.amount
    if (
        rooms.remembers
        or not isinstance(state.allocation, Fifo)
        or state.any_share
        or (state.parts and rooms.parts_bind)
        or rooms.held is not NO_COMMITMENTS
        or rooms.largest() < missing
    ):
        return None
    units = rooms.increment, rooms.least
    found = along(rooms.behind, missing, units, rooms.begin(), rooms.scratch)
    if found is None:
        return None
    pieces, unfunded = found
    if not unfunded:
        return Placement.joined(missing, pieces)
    return _less(rooms, pieces, unfunded) if rooms.least == rooms.increment else None


def _less(rooms: Rooms, pieces: list[Columns], unfunded: int) -> Placement:
    """All that can be had, if the borrower takes so little."""
    request = rooms.request
    placed = request.amount - unfunded
    if not placed or placed < request.least_amount:
        return Placement.nothing(request.amount, rooms.why_nothing())
    return Placement.joined(placed, pieces, unfunded, "not_enough_room")
