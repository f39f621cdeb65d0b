"""The kinds of arrays there are, by what is in them, and how records compare them."""

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["SAME", "Amounts", "Flags", "Numbers"]

#: Money in minor units, keys, rates in ppm, times: int64.
Amounts = npt.NDArray[np.int64]
#: What stands for a name or a row of a table: int32.
Numbers = npt.NDArray[np.int32]
#: Whether something holds: bool.
Flags = npt.NDArray[np.bool_]

#: For the `eq` of a field that holds an array.
SAME = attrs.cmp_using(eq=np.array_equal)
