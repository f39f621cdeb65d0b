"""Where the money of one loan comes from."""

from collections.abc import Sequence

import attrs
import numpy as np

from p2pmatch.along import Columns
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.commitments import NO_COMMITMENTS
from p2pmatch.keys import rates_of

__all__ = ["Placement"]


# Not frozen, because a frozen one takes twice as long to make; nobody changes it all the same.
@attrs.define(eq=False)
class Placement:
    """Where the money of one loan comes from, in rank order.

    Parameters
    ----------
    principal : the loan's size, minor units.
    keys : int64, shape (n,): the places they come from. They hold until the book changes.
    slots, lenders : int32, shape (n,).
    amounts : int64, shape (n,), minor units.
    unfunded : what of the request found no money, minor units.
    reason : why, a stable code; None when the request is funded in full.
    """

    principal: int
    keys: Amounts
    slots: Numbers
    lenders: Numbers
    amounts: Amounts
    unfunded: int
    reason: str | None

    @property
    def asks(self) -> Amounts:
        """The rates at which they rank, int64, shape (n,), ppm: what is asked, or a posted rate."""
        return rates_of(self.keys)

    @staticmethod
    def joined(
        principal: int, pieces: Sequence[Columns], unfunded: int = 0, reason: str | None = None
    ) -> "Placement":
        """What these places give (see `along.giving`), piece after piece."""
        if len(pieces) == 1:
            keys, slots, lenders, amounts = pieces[0]
        else:
            keys, slots, lenders, amounts = (
                np.concatenate(column) for column in zip(*pieces, strict=True)
            )
        return Placement(principal, keys, slots, lenders, amounts, unfunded, reason)

    @staticmethod
    def nothing(unfunded: int, reason: str) -> "Placement":
        """No loan."""
        none = NO_COMMITMENTS
        return Placement(0, none.keys, none.slots, none.lenders, none.amounts, unfunded, reason)
