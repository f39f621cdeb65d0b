"""The commonest sweep: offers used up in rank order, the request filled whole.

What it finds `Sweep` finds too. Whatever needs a second thought is left to `Sweep`.
"""

from p2pmatch.allocation import Fifo
from p2pmatch.along import along
from p2pmatch.commitments import NO_COMMITMENTS
from p2pmatch.placement import Placement
from p2pmatch.rooms import Rooms

__all__ = ["in_order"]


def in_order(rooms: Rooms) -> Placement | None:
    """Fill a request whole along the ranking; None: that needs more than this. Changes nothing.

    Notes
    -----
    O(rows of the ranking up to the last note). Not for: other rules than `Fifo`, shares of the
    loan, offers in parts where any offer has a cap, commitments, a borrower's limit, a last note
    below the smallest.
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
    pieces = along(rooms.behind, missing, units, rooms.begin(), rooms.scratch)
    return None if pieces is None else Placement.joined(missing, pieces)
