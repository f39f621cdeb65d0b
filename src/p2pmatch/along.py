"""Fill a request along the ranking: each place gives what it can, until there is enough or no more.

The commonest sweep, written out, because a call for each small step costs as much as the steps.
Whatever needs a second thought is left to others.
"""

from collections.abc import Callable

import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.line import Line
from p2pmatch.scratch import Scratch
from p2pmatch.taken import Taken

__all__ = ["Columns", "Found", "along", "giving"]

#: Places; each one's own room, 0 where it may not take part; the lenders' joint room.
Found = tuple[Line, Amounts, Amounts | int | None]
#: Keys, slots, lenders and amounts of some places.
Columns = tuple[Amounts, Numbers, Numbers, Amounts]


def along(
    behind: Callable[[int], tuple[Found, int] | None],
    missing: int,
    units: tuple[int, int],
    taken: Taken,
    scratch: Scratch,
) -> tuple[list[Columns], int] | None:
    """What the places in rank order give, and what is missing then.

    None: the last note is too small. O(rows up to the last note).

    Parameters
    ----------
    behind : the next line behind a key with places that may take part, and where it ends; None:
        there is none. Its own rooms are written to.
    missing : what the request asks for, minor units.
    units : the increment and the smallest note, minor units.
    taken, scratch : begun anew.
    """
    increment, least = units
    pieces: list[Columns] = []
    key = -1
    while (step := behind(key)) is not None:
        (line, own, joint), key = step
        if joint is None:
            given, reached = own, scratch.take(line.count)
        else:
            given, reached = scratch.take(line.count), own
            taken.room(line.lender_rows, own, joint, least, line.repeats, given)
            if least > increment:
                given *= given >= least
        np.add.accumulate(given, out=reached)
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
        return pieces, 0
    return pieces, missing


def giving(keys: Amounts, slots: Numbers, lenders: Numbers, given: Amounts) -> Columns:
    """The places that give something. Copies: a view would keep a line as long as the loan."""
    used = given.nonzero()[0]
    return keys.take(used), slots.take(used), lenders.take(used), given.take(used)
