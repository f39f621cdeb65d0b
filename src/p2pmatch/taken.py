"""What one loan takes from each lender while the book is read."""

from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.ladder import CHUNK
from p2pmatch.table import grown

__all__ = ["Taken"]

Amounts = npt.NDArray[np.int64]
Lenders = npt.NDArray[np.int32]

_ROW_NUMBERS: Final = np.arange(CHUNK)
_ROW_NUMBERS.setflags(write=False)


class Taken:
    """What one loan takes from each lender while the book is read: reusable scratch space."""

    def __init__(self) -> None:
        self._taken: Amounts = np.zeros(0, dtype=np.int64)
        self._last: Amounts = np.zeros(0, dtype=np.int64)
        self._marked: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._touched: list[Lenders] = []

    def begin(self, lenders: int) -> None:
        """Start with nothing taken from any of `lenders` lenders."""
        for touched in self._touched:
            self._taken[touched] = 0
        self._touched.clear()
        self._taken = grown(self._taken, lenders)
        self._last = grown(self._last, lenders)
        self._marked = grown(self._marked, lenders)

    def add(self, lenders: Lenders, amounts: Amounts) -> None:
        """Count these amounts as taken."""
        np.add.at(self._taken, lenders, amounts)
        # A copy: the chunk these lenders may be a view of is rewritten as rows come and go.
        self._touched.append(lenders.copy())

    def left(self, lenders: Lenders, cap: Amounts | int) -> Amounts:
        """What each row's lender may still give when it may give `cap` in all. O(n)."""
        left: Amounts = cap - self._taken.take(lenders)
        return left

    def room(self, lenders: Lenders, own: Amounts, cap: Amounts | int, least: int) -> Amounts:
        """What each row could give when its lender may give `cap` in all.

        O(n), or O(n log n) where a lender has several rows. Rows come in rank order; a row counts
        what the lender's rows before it give, which is nothing where that would be below `least`.
        """
        left = self.left(lenders, cap)
        room: Amounts = np.minimum(own, np.maximum(left, 0))
        repeated = self._repeated(lenders)
        if repeated is None:
            return room
        rows = repeated[lenders[repeated].argsort(kind="stable")]
        starts = np.flatnonzero(np.diff(lenders[rows], prepend=-1))
        sizes = np.diff(starts, append=len(rows))
        use = np.where(own[rows] >= least, own[rows], 0)
        before = use.cumsum() - use
        before -= np.repeat(before[starts], sizes)
        still = np.maximum(left[rows] - before, 0)
        # Once less than `least` is left nothing more is given, so that much stays left.
        dust = np.maximum.reduceat(np.where(still < least, still, 0), starts)
        still = np.where(still < least, np.repeat(dust, sizes), still)
        room[rows] = np.minimum(own[rows], still)
        return room

    def _repeated(self, lenders: Lenders) -> npt.NDArray[np.intp] | None:
        """The rows whose lender has more than one row here; None where all differ."""
        count = len(lenders)
        order = _ROW_NUMBERS[:count] if count <= CHUNK else np.arange(count)
        self._last[lenders] = order
        again = self._last.take(lenders) != order
        if not again.any():
            return None
        self._marked[lenders[again]] = 1
        rows = np.flatnonzero(self._marked.take(lenders))
        self._marked[lenders[again]] = 0
        return rows
