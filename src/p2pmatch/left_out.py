"""The best eligible room that a loan leaves unused."""

import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.keys import rate_of
from p2pmatch.rooms import Rooms

__all__ = ["rate_left_out"]


def rate_left_out(rooms: Rooms, keys: Amounts, lenders: Numbers, amounts: Amounts) -> int | None:
    """The rate, ppm, at which the next money would come; None if no eligible room is left.

    Parameters
    ----------
    rooms : of the loan's request; what is committed to it must count as room there.
    keys, lenders, amounts : the loan's notes, and the places they come from.

    Notes
    -----
    An offer that lends to the loan has room left if it could give an increment more; another, if it
    could give the smallest note. O(rows of the ranking up to there).
    """
    taken = rooms.state.taken
    taken.begin(len(rooms.state.lender_names))
    taken.add(lenders, amounts)
    order = keys.argsort(kind="stable")
    keys, amounts = keys[order], amounts[order]
    for rows in rooms.capped(int(amounts.sum())):
        at = np.minimum(keys.searchsorted(rows.keys), len(keys) - 1)
        given = np.where(keys[at] == rows.keys, amounts[at], 0)
        room = np.minimum(rows.own - given, taken.left(rows.lenders, rows.raw))
        found = room >= np.where(given > 0, rooms.increment, rooms.least)
        if found.any():
            row = int(found.argmax())
            return rate_of(rows.keys.item(row))
    return None
