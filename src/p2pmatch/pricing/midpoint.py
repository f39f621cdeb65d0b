"""Lender and borrower meet half-way."""

import attrs

from p2pmatch.pricing.rule import Accepted, Priced
from p2pmatch.record import Record

__all__ = ["Midpoint"]


@attrs.frozen(eq=False, repr=False)
class Midpoint(Record):
    """Each note bears the mean of what its offer asks and what the borrower accepts, rounded down.

    Examples
    --------
    >>> import numpy as np
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]),
    ...                     asks=np.array([50_000, 60_001]), max_rate=90_000)
    >>> Midpoint().price(accepted).rates.tolist()
    [70000, 75000]
    """

    def price(self, accepted: Accepted) -> Priced:
        """Return the means. O(n)."""
        return Priced((accepted.asks + accepted.max_rate) // 2, "midpoint")
