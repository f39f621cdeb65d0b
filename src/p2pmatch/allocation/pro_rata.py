"""In proportion to room."""

from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.allocation.rule import Level
from p2pmatch.arrays import Amounts
from p2pmatch.record import Record

__all__ = ["ProRata", "proportional", "shared_by_room"]

_MAX_INT64: Final = 2**63 - 1


@attrs.frozen(eq=False, repr=False)
class ProRata(Record):
    """Each offer's part is in proportion to its room.

    Shares are rounded down to the increment; units left over go to the largest remainders, equal
    ones by arrival. Where the smallest note is more than an increment, offers whose share would be
    below it are left out, the smallest room first and the latest among equals, so long as the
    others have room for everything; where they have not, shares below it are brought up to it.

    Examples
    --------
    >>> level = Level(need=401, rooms=np.array([900, 200, 300, 400, 100]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c", "d", "e"])
    >>> ProRata().allocate(level).tolist()  # rooms of the CME's "Complex Match Example", step 3
    [190, 42, 63, 85, 21]
    """

    def allocate(self, level: Level) -> Amounts:
        """Share the need by room. O(n), or O(n log n) where the smallest note binds."""
        return level.in_units(shared_by_room)


def proportional(need: int, weights: Amounts) -> tuple[Amounts, Amounts]:
    """The shares of `need` by weight, rounded down, and what each lacks to its exact share.

    The remainders are numerators over the sum of the weights. Exact for any int64. O(n).
    """
    total = int(weights.sum())
    products = _times(weights, need)
    floors = products // total
    remainders = products - floors * total
    return floors.astype(np.int64, copy=False), remainders.astype(np.int64, copy=False)


def _times(amounts: Amounts, factor: int) -> npt.NDArray[Any]:
    """The exact products: int64 where they fit, Python's integers where they do not."""
    if factor * int(amounts.max()) > _MAX_INT64:
        return amounts.astype(object) * factor
    return amounts * factor


def shared_by_room(need: int, rooms: Amounts, least: int) -> Amounts:
    """`need` by room, each part 0 or at least `least`, as every room is; all in whole units."""
    if least <= 1 or need * int(rooms.min()) >= least * int(rooms.sum()):
        return _by_largest_remainder(need, rooms)
    order = (-rooms).argsort(kind="stable")
    largest = rooms[order]
    sums = largest.cumsum()
    parts = np.zeros_like(rooms)
    # A prefix: the fewer share, the larger the share of the smallest of them.
    kept = int(np.count_nonzero(_times(largest, need) >= _times(sums, least)))
    raised = 0
    if not kept or sums[kept - 1] < need:
        kept = int(sums.searchsorted(need)) + 1
        if kept * least > need:
            full = order[: kept - 1]
            parts[full] = rooms[full]
            return parts
        # The largest number of rows that are not raised to the least.
        rests = need - least * np.arange(kept - 1, -1, -1)
        fits = largest[:kept].astype(object) * rests >= _times(sums[:kept], least)
        raised = int(fits[::-1].argmax())
        parts[order[kept - raised : kept]] = least
    # In order of arrival, so that equal remainders go by arrival.
    rows = np.sort(order[: kept - raised])
    parts[rows] = _by_largest_remainder(need - raised * least, rooms[rows])
    return parts


def _by_largest_remainder(need: int, rooms: Amounts) -> Amounts:
    floors, remainders = proportional(need, rooms)
    left = need - int(floors.sum())
    if left:
        bound = np.partition(remainders, len(rooms) - left)[len(rooms) - left]
        above = remainders > bound
        floors += above
        ties = np.flatnonzero(remainders == bound)
        floors[ties[: left - int(np.count_nonzero(above))]] += 1
    return floors
