"""The commonest sweep, written out: offers used up in rank order, the request filled whole.

What it finds `Sweep` finds too; it is here because a call for each small step costs as much as the
steps. Whatever needs a second thought is left to `Sweep`.
"""

import numpy as np

from p2pmatch.allocation import Fifo
from p2pmatch.commitments import NO_COMMITMENTS
from p2pmatch.placement import Columns, Placement, giving
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
    scratch, least = rooms.scratch, rooms.least
    scratch.begin()
    taken = state.taken
    taken.begin(len(state.lender_names))
    pieces: list[Columns] = []
    key = -1
    while (step := rooms.behind(key)) is not None:
        (line, own, joint), key = step
        given, free = own, scratch.take(line.count)
        if joint is not None:
            given, free = free, own
            taken.room(line.lender_rows, own, joint, least, line.repeats, given)
            if least > rooms.increment:
                given *= given >= least
        reached = np.add.accumulate(given, out=free)
        total: int = reached.item(-1)
        if total < missing:
            pieces.append(giving(line.keys, line.slots, line.lenders, given))
            missing -= total
            if joint is not None:
                taken.add(line.lender_rows, given)
            continue
        end = int(reached.searchsorted(missing))
        last = missing - reached.item(end) + given.item(end)
        if last < least:
            return None
        given[end] = last
        pieces.append(giving(line.keys, line.slots, line.lenders, given[: end + 1]))
        return Placement.joined(rooms.request.amount, pieces)
    return None
