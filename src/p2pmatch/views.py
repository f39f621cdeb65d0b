"""What can be read off a marketplace: small records, made when somebody asks."""

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["OfferStatus", "Outstanding", "QueueEntry", "RateLadder"]


@attrs.frozen(kw_only=True)
class OfferStatus:
    """What has become of an offer's budget; amounts in minor units.

    amount = remaining + committed + lent + cancelled. `state` is "standing", "cancelled" or
    "expired".
    """

    offer_id: str
    lender_id: str
    amount: int
    remaining: int
    committed: int
    lent: int
    cancelled: int
    state: str


@attrs.frozen
class QueueEntry:
    """One place in a cell's queue: the rate asked, ppm, and the money there, minor units."""

    offer_id: str
    lender_id: str
    rate: int
    remaining: int


@attrs.frozen
class Outstanding:
    """What a lender has lent and not got back, minor units; zeros left out."""

    total: int
    by_grade: Mapping[str, int]
    by_borrower: Mapping[str, int]


@attrs.frozen(eq=False)
class RateLadder:
    """A cell's depth: how much money stands at or below each rate.

    Parameters
    ----------
    rates : int64, shape (n,), ppm, ascending, distinct.
    available : int64, shape (n,), minor units, cumulative; not cut by caps per loan.
    """

    rates: npt.NDArray[np.int64]
    available: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rates)

    def at(self, rate: int) -> int:
        """The money that stands at or below `rate`, minor units. O(log n)."""
        level = int(self.rates.searchsorted(rate, side="right"))
        return int(self.available[level - 1]) if level else 0
