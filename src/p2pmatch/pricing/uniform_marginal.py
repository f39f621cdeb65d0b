"""Everybody gets what the dearest accepted offer asked."""

import attrs
import numpy as np

from p2pmatch.pricing.rule import Accepted, Priced
from p2pmatch.record import Record

__all__ = ["UniformMarginal"]


@attrs.frozen(eq=False, repr=False)
class UniformMarginal(Record):
    """Every note bears the highest rate accepted, as in Prosper's auctions before 2011.

    Examples
    --------
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]),
    ...                     asks=np.array([50_000, 60_000]), max_rate=90_000)
    >>> UniformMarginal().price(accepted).rates.tolist()
    [60000, 60000]
    """

    def price(self, accepted: Accepted) -> Priced:
        """Return the highest ask for all. O(n)."""
        return Priced(np.full_like(accepted.asks, accepted.asks.max()), "marginal")
