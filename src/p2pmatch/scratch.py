"""Arrays that a sweep works in, used again by the next.

Memory just freed is rarely what the allocator hands out next; arrays that are used again stay in
the processor's cache, which makes the short vector passes of a sweep some two times as fast.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Fresh", "Scratch"]

# Arrays of so many rows, as many as a chunk has; and how many of them are kept.
_ROWS: Final = 512
_ARRAYS: Final = 64


class Scratch:
    """Arrays handed out one after the other; all of them are free again at `begin`.

    Examples
    --------
    >>> scratch = Scratch()
    >>> first = scratch.take(3)
    >>> scratch.begin()
    >>> scratch.take(3).base is first.base
    True
    """

    __slots__ = ("_arrays", "_taken")

    def __init__(self) -> None:
        self._arrays: list[npt.NDArray[np.int64]] = []
        self._taken = 0

    def begin(self) -> None:
        """Nobody uses any of the arrays any more."""
        self._taken = 0

    def take(self, rows: int) -> npt.NDArray[np.int64]:
        """An array of so many rows, whatever is in it, until the next `begin`."""
        if rows > _ROWS or self._taken == _ARRAYS:
            return np.empty(rows, dtype=np.int64)
        if self._taken == len(self._arrays):
            self._arrays.append(np.empty(_ROWS, dtype=np.int64))
        array = self._arrays[self._taken]
        self._taken += 1
        return array[:rows]


class Fresh(Scratch):
    """New arrays every time, for whoever keeps them."""

    __slots__ = ()

    def take(self, rows: int) -> npt.NDArray[np.int64]:
        """A new array."""
        return np.empty(rows, dtype=np.int64)
