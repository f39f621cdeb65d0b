"""Every lender gets the rate it asked."""

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.pricing.rule import Accepted

__all__ = ["PayAsOffered"]


@attrs.frozen
class PayAsOffered:
    """Each note bears its own offer's rate; the borrower pays the principal-weighted mean.

    Examples
    --------
    >>> asks = np.array([50_000, 60_000])
    >>> PayAsOffered().price(Accepted(np.array([10, 10]), asks, max_rate=90_000)).tolist()
    [50000, 60000]
    """

    def price(self, accepted: Accepted) -> npt.NDArray[np.int64]:
        """Return the asks as they are. O(1)."""
        return accepted.asks
