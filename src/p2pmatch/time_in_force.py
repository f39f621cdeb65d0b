"""How long a request waits for money, and what may happen to the money while it waits."""

from typing import Final

import attrs

from p2pmatch import checks
from p2pmatch.record import Record

__all__ = ["IMMEDIATE", "Auction", "Immediate", "Listing", "TimeInForce"]


@attrs.frozen(eq=False, repr=False)
class Immediate(Record):
    """Match now; what is not matched is cancelled."""


#: What a request is unless something else is said.
IMMEDIATE: Final = Immediate()


@attrs.frozen(eq=False, repr=False)
class Listing(Record):
    """Rest until the whole amount is committed, or until `closes_at`.

    Matched money is committed and stays so. At `closes_at` a loan is made of what is committed, if
    that is at least the request's least amount; otherwise everything goes back to its offers.

    Parameters
    ----------
    closes_at : the time at which it closes.

    Examples
    --------
    >>> Listing(closes_at=100)
    Listing(closes_at=100)
    """

    closes_at: int = attrs.field(converter=checks.plain, validator=checks.time())


@attrs.frozen(eq=False, repr=False)
class Auction(Record):
    """Rest until `closes_at`; until then better offers displace the dearest commitments.

    The reverse auction of Prosper before 2011 and Funding Circle before 2015.

    Parameters
    ----------
    closes_at : the time at which it closes.

    Examples
    --------
    >>> Auction(closes_at=100)
    Auction(closes_at=100)
    """

    closes_at: int = attrs.field(converter=checks.plain, validator=checks.time())


TimeInForce = Immediate | Listing | Auction
