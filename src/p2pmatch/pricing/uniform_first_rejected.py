"""Everybody gets the best rate that was left out: nobody gains by asking for more than it wants."""

import attrs
import numpy as np

from p2pmatch.pricing.rule import Accepted, Priced
from p2pmatch.record import Record

__all__ = ["UniformFirstRejected"]


@attrs.frozen(eq=False, repr=False)
class UniformFirstRejected(Record):
    """Every note bears the rate of the best eligible room that the loan leaves unused.

    Never less than the highest rate accepted: room at a better rate may be left unused where a
    limit, or the smallest note, says so. With no eligible room left, the borrower's maximum. A
    lender's own rate then decides only whether it lends, not what it gets (Vickrey, 1961,
    "Counterspeculation, Auctions, and Competitive Sealed Tenders").

    Examples
    --------
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]), max_rate=90_000,
    ...                     asks=np.array([50_000, 60_000]), find_left_out=lambda: 70_000)
    >>> priced = UniformFirstRejected().price(accepted)
    >>> priced.rates.tolist(), priced.source
    ([70000, 70000], 'first_rejected')
    """

    def price(self, accepted: Accepted) -> Priced:
        """Return the rate left out, for all. Reads the ranking up to there once more."""
        left_out = accepted.find_left_out()
        if left_out is None:
            return Priced(np.full_like(accepted.asks, accepted.max_rate), "max_rate")
        rate = max(left_out, int(accepted.asks.max()))
        return Priced(np.full_like(accepted.asks, rate), "first_rejected")
