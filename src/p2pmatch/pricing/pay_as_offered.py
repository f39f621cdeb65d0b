"""Every lender gets the rate it asked."""

import attrs

from p2pmatch.pricing.rule import Accepted, Priced
from p2pmatch.record import Record

__all__ = ["PayAsOffered"]


@attrs.frozen(eq=False, repr=False)
class PayAsOffered(Record):
    """Each note bears its own offer's rate; the borrower pays the principal-weighted mean.

    Examples
    --------
    >>> import numpy as np
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]),
    ...                     asks=np.array([50_000, 60_000]), max_rate=90_000)
    >>> PayAsOffered().price(accepted).rates.tolist()
    [50000, 60000]
    """

    def price(self, accepted: Accepted) -> Priced:
        """Return the asks as they are. O(1)."""
        return Priced(accepted.asks, "own_ask")
