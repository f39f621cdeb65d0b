"""Everybody the same until their room is full."""

import attrs
import numpy as np

from p2pmatch.allocation.rule import Level
from p2pmatch.arrays import Amounts
from p2pmatch.record import Record

__all__ = ["EqualShare", "shared_equally"]


@attrs.frozen(eq=False, repr=False)
class EqualShare(Record):
    """Max-min fair: nobody with less could get more without taking from one with even less.

    Units left over go to those who came first. Where there is not a smallest note for everybody,
    those who came first have one; or, if their rooms cannot hold it all, those with most room.

    Examples
    --------
    >>> level = Level(need=20, rooms=np.array([2, 10, 4, 10]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c", "d"])
    >>> EqualShare().allocate(level).tolist()
    [2, 7, 4, 7]
    """

    def allocate(self, level: Level) -> Amounts:
        """Fill all rooms evenly. O(n log n)."""
        return level.in_units(shared_equally)


def shared_equally(need: int, rooms: Amounts, least: int) -> Amounts:
    """`need` evenly, each part 0 or at least `least`, as every room is; all in whole units."""
    notes = need // least
    if notes >= len(rooms):
        return _water_filled(need, rooms)
    rows = np.arange(notes)
    if rooms[:notes].sum() < need:
        rows = np.sort((-rooms).argsort(kind="stable")[:notes])
    parts = np.zeros_like(rooms)
    parts[rows] = _water_filled(min(need, int(rooms[rows].sum())), rooms[rows])
    return parts


def _water_filled(need: int, rooms: Amounts) -> Amounts:
    """Fill the rooms up to a common level; the last units go to the first rows above it."""
    ascending = np.sort(rooms)
    below = ascending.cumsum() - ascending
    others = np.arange(len(rooms), 0, -1)
    # What it takes to fill everybody up to each of the rooms.
    full = int((below + others * ascending).searchsorted(need, side="right"))
    if full == len(rooms):
        return rooms.copy()
    level, left = divmod(need - int(below[full]), int(others[full]))
    parts = np.minimum(rooms, level)
    parts[np.flatnonzero(rooms > level)[:left]] += 1
    return parts
