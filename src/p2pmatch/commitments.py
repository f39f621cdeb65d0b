"""Money promised to one request that is not yet a loan: which place it comes from, and how much."""

from typing import Final

import attrs
import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.keys import rates_of

__all__ = ["NO_COMMITMENTS", "Commitments"]


@attrs.frozen(eq=False)
class Commitments:
    """One row per place, in rank order: a place is in it at most once.

    keys, amounts : int64; slots, lenders : int32. A key is the place's key when it committed, so it
    keeps the rate that was asked then, and the rank.
    """

    keys: Amounts
    slots: Numbers
    lenders: Numbers
    amounts: Amounts

    @property
    def total(self) -> int:
        """The money in all, minor units. O(n)."""
        return int(self.amounts.sum())

    @property
    def asks(self) -> Amounts:
        """The rates at which they rank, ppm: what is asked, or a posted rate."""
        return rates_of(self.keys)

    @property
    def interest(self) -> int:
        """The sum of amounts times rates: what cheaper means. O(n)."""
        return int(self.amounts @ self.asks)

    def plus(self, other: "Commitments") -> "Commitments":
        """Both together. O(n log n)."""
        return self._with(other, other.amounts)

    def minus(self, other: "Commitments") -> "Commitments":
        """What is left without the other's amounts; places that give nothing drop out."""
        return self._with(other, -other.amounts)

    def _with(self, other: "Commitments", amounts: Amounts) -> "Commitments":
        keys, first, places = np.unique(
            np.concatenate((self.keys, other.keys)), return_index=True, return_inverse=True
        )
        sums = np.zeros(len(keys), dtype=np.int64)
        np.add.at(sums, places, np.concatenate((self.amounts, amounts)))
        used = sums != 0
        return Commitments(
            keys[used],
            np.concatenate((self.slots, other.slots))[first][used],
            np.concatenate((self.lenders, other.lenders))[first][used],
            sums[used],
        )

    def positive(self) -> "Commitments":
        """Only what is more than nothing."""
        rows = self.amounts > 0
        return Commitments(
            self.keys[rows], self.slots[rows], self.lenders[rows], self.amounts[rows]
        )


NO_COMMITMENTS: Final = Commitments(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int64),
)
for _column in (NO_COMMITMENTS.keys, NO_COMMITMENTS.slots, NO_COMMITMENTS.amounts):
    _column.setflags(write=False)
