"""The kinds of arrays there are, by what is in them; how they are compared, and how they grow."""

from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["SAME", "Amounts", "Flags", "Numbers", "space_for"]

#: Money in minor units, keys, rates in ppm, times: int64.
Amounts = npt.NDArray[np.int64]
#: What stands for a name or a row of a table: int32.
Numbers = npt.NDArray[np.int32]
#: Whether something holds: bool.
Flags = npt.NDArray[np.bool_]

#: For the `eq` of a field that holds an array.
SAME = attrs.cmp_using(eq=np.array_equal)

# How many rows more a column that is full gets, at least.
_MORE: Final = 256


def space_for(rows: int, before: int) -> int:
    """How many rows long to make a column of `before` rows that is to grow where it lies.

    A 32nd more than it had: what costs time is not to move it but to clear what is new, and one
    call has to wait for that. Of a million offers' columns a quarter took 30 ms.
    """
    return max(rows, before + before // 32 + _MORE)
