"""First come, first served."""

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.allocation.notes import in_order
from p2pmatch.allocation.rule import Level
from p2pmatch.record import Record

__all__ = ["Fifo"]


@attrs.frozen(eq=False, repr=False)
class Fifo(Record):
    """Offers at one rate are used up in order of arrival.

    Examples
    --------
    >>> level = Level(need=50, rooms=np.array([30, 30, 30]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c"])
    >>> Fifo().allocate(level).tolist()
    [30, 20, 0]
    """

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        """Fill the rooms in order until the need is met. O(n)."""
        return in_order(level.need, level.rooms, level.min_note)
