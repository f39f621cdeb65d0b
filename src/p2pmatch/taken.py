"""What one loan takes from each lender while the book is read."""

import numpy as np
import numpy.typing as npt

from p2pmatch.line import Repeats
from p2pmatch.table import grown

__all__ = ["Taken"]

Amounts = npt.NDArray[np.int64]
Lenders = npt.NDArray[np.int32] | npt.NDArray[np.int64]


class Taken:
    """What one loan takes from each lender while the book is read: reusable scratch space."""

    def __init__(self) -> None:
        self._taken: Amounts = np.zeros(0, dtype=np.int64)
        self._touched: list[Lenders] = []

    def begin(self, lenders: int) -> None:
        """Start with nothing taken from any of `lenders` lenders."""
        for touched in self._touched:
            self._taken[touched] = 0
        self._touched.clear()
        self._taken = grown(self._taken, lenders)

    def add(self, lenders: Lenders, amounts: Amounts) -> None:
        """Count these amounts as taken."""
        np.add.at(self._taken, lenders, amounts)
        # A copy: the chunk these lenders may be a view of is rewritten as rows come and go.
        self._touched.append(lenders.copy())

    def left(self, lenders: Lenders, cap: Amounts | int) -> Amounts | int:
        """What each row's lender may still give when it may give `cap` in all. O(n)."""
        if not self._touched:
            return cap
        left: Amounts = cap - self._taken.take(lenders)
        return np.maximum(left, 0, out=left)

    def room(
        self,
        lenders: Lenders,
        own: Amounts,
        cap: Amounts | int,
        least: int,
        repeats: Repeats | None,
    ) -> Amounts:
        """What each row could give when its lender may give `cap` in all. O(n).

        Rows come in rank order; a row counts what the lender's rows before it give, which is
        nothing where that would be below `least`. `repeats`: those among `lenders`.
        """
        left = self.left(lenders, cap)
        room: Amounts = np.minimum(own, left)
        if repeats is None:
            return room
        rows, starts, sizes = repeats.rows, repeats.starts, repeats.sizes
        some = own.take(rows)
        use = some if least == 1 else np.where(some >= least, some, 0)
        before = use.cumsum() - use
        before -= before.take(starts).repeat(sizes)
        still = (left if isinstance(left, int) else left.take(rows)) - before
        np.maximum(still, 0, out=still)
        if least > 1:
            # Once less than `least` is left nothing more is given, so that much stays left.
            dust = np.maximum.reduceat(np.where(still < least, still, 0), starts)
            still = np.where(still < least, dust.repeat(sizes), still)
        room[rows] = np.minimum(some, still)
        return room
