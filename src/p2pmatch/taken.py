"""What one loan takes from each lender while the book is read."""

from typing import Final

import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.line import Repeats
from p2pmatch.table import grown

__all__ = ["Taken"]

# So many rows of lenders that have several are gone through one by one.
_FEW: Final = 12

Lenders = Numbers | Amounts


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
        """Count these amounts as taken; `lenders` must stay what it is."""
        np.add.at(self._taken, lenders, amounts)
        self._touched.append(lenders)

    def left(self, lenders: Lenders, cap: Amounts | int, out: Amounts | None = None) -> Amounts:
        """What each row's lender may still give when it may give `cap` in all. O(n)."""
        # All lenders are there; "clip" only spares numpy a copy.
        taken = self._taken.take(lenders, out=out, mode="clip")
        left: Amounts = np.subtract(cap, taken, out=taken)
        return np.maximum(left, 0, out=left)

    def room(
        self,
        lenders: Lenders,
        own: Amounts,
        cap: Amounts | int,
        least: int,
        repeats: Repeats | None,
        room: Amounts,
    ) -> None:
        """Write into `room` what each row could give when its lender may give `cap` in all. O(n).

        Rows come in rank order; a row counts what the lender's rows before it give, which is
        nothing where that would be below `least`. `repeats`: those among `lenders`.
        """
        left = self.left(lenders, cap, room) if self._touched else cap
        if repeats is None:
            np.minimum(own, left, out=room)
        elif len(repeats.rows) <= _FEW:
            firsts = [rows[0] for rows in repeats.turns]
            still = [left] * len(firsts) if isinstance(left, int) else left[firsts].tolist()
            np.minimum(own, left, out=room)
            _in_turn(room, own, still, least, repeats)
        else:
            still = left if isinstance(left, int) else left.take(repeats.rows)
            np.minimum(own, left, out=room)
            room[repeats.rows] = _in_turns(own.take(repeats.rows), still, least, repeats)


def _in_turn(room: Amounts, own: Amounts, left: list[int], least: int, repeats: Repeats) -> None:
    """One by one, which for few rows is quicker than `_in_turns`. `left`: by lender."""
    for rows, some in zip(repeats.turns, left, strict=True):
        still = some
        for row in rows:
            room[row] = given = min(own.item(row), still)
            still -= given if given >= least else 0


def _in_turns(some: Amounts, left: Amounts | int, least: int, repeats: Repeats) -> Amounts:
    """What each of the rows with `some` to give could, one lender's rows after each other."""
    starts, sizes = repeats.starts, repeats.sizes
    use = some if least == 1 else np.where(some >= least, some, 0)
    before = use.cumsum() - use
    before -= before.take(starts).repeat(sizes)
    still: Amounts = left - before
    np.maximum(still, 0, out=still)
    if least > 1:
        # Once less than `least` is left nothing more is given, so that much stays left.
        dust = np.maximum.reduceat(np.where(still < least, still, 0), starts)
        still = np.where(still < least, dust.repeat(sizes), still)
    return np.minimum(some, still)
