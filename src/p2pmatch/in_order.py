"""The commonest sweep, written out: offers used up in rank order, the request filled whole.

What it finds `Sweep` finds too; it is here because a call for each small step costs as much as the
steps. Whatever needs a second thought is left to `Sweep`.
"""

import numpy as np

from p2pmatch.allocation import Fifo
from p2pmatch.line import Line
from p2pmatch.placement import Placement
from p2pmatch.rooms import Amounts, Rooms

__all__ = ["in_order"]

# A line, its rows from and to which the loan takes money, and how much.
Piece = tuple[Line, int, int, Amounts]


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
        or not isinstance(state.rules.allocation_rule, Fifo)
        or state.any_share
        or (state.parts and rooms.ladder.capped)
        or len(rooms.held.amounts)
        or rooms.largest() < missing
    ):
        return None
    scratch, least = rooms.scratch, rooms.least
    scratch.begin()
    taken = state.taken if rooms.limits else None
    if taken is not None:
        taken.begin(len(state.lender_names))
    pieces: list[Piece] = []
    for line, own, joint in rooms.found():
        given = own
        if taken is not None and joint is not None:
            given = scratch.take(len(line))
            taken.room(line.lender_rows, own, joint, least, line.repeats, given)
            if least > rooms.increment:
                given *= given >= least
        reached = np.add.accumulate(given, out=scratch.take(len(line)))
        total: int = reached.item(-1)
        if total < missing:
            pieces.append((line, 0, len(line), given))
            missing -= total
            if taken is not None:
                taken.add(line.lender_rows, given)
            continue
        end = int(reached.searchsorted(missing))
        last = missing - reached.item(end) + given.item(end)
        if last < least:
            return None
        # What leads the line without money is no part of the loan.
        first = 0 if given.item(0) else int(reached.searchsorted(0, side="right"))
        given = given[first : end + 1].copy()
        given[-1] = last
        pieces.append((line, first, end + 1, given))
        return _placement(rooms.request.amount, pieces)
    return None


def _placement(principal: int, pieces: list[Piece]) -> Placement:
    if len(pieces) == 1:
        line, first, end, given = pieces[0]
        keys, slots, lenders = line.keys[first:end], line.slots[first:end], line.lenders[first:end]
    else:
        keys = np.concatenate([line.keys[first:end] for line, first, end, _ in pieces])
        slots = np.concatenate([line.slots[first:end] for line, first, end, _ in pieces])
        lenders = np.concatenate([line.lenders[first:end] for line, first, end, _ in pieces])
        given = np.concatenate([given for _, _, _, given in pieces])
    if np.count_nonzero(given) < len(given):
        used = given.nonzero()[0]
        keys, slots, lenders = keys.take(used), slots.take(used), lenders.take(used)
        given = given.take(used)
    elif len(pieces) == 1:
        # Copies, because the columns are a chunk's, which changes under the loan's notes.
        slots, lenders = slots.copy(), lenders.copy()
    return Placement(principal, keys, slots, lenders, given, 0, None)
