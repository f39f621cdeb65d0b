"""What a platform takes: from the borrower when a loan is made, from the lenders while it runs."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from p2pmatch import checks
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE

__all__ = ["PAID", "Fees"]

#: How the borrower may pay the origination fee.
PAID: Mapping[str, str] = MappingProxyType(
    {
        "up_front": "beside the loan, which is paid out whole",
        "from_proceeds": "out of the loan",
    }
)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Fees(Record):
    """The platform's fees. They change no match: they are what a loan costs, and yields, besides.

    Parameters
    ----------
    origination : what the borrower pays when the loan is made, as a share of its principal, ppm.
    origination_fixed : what the borrower pays besides, the same for every loan, minor units.
    paid : how the borrower pays both: "up_front", or "from_proceeds".
    servicing : what lenders pay, ppm a year of the principal outstanding, out of the borrower's
        payments.

    Raises
    ------
    InvalidValue : for a value out of range.
    UnknownName : for a way of paying that nobody knows.

    Examples
    --------
    >>> from p2pmatch import amount, rate
    >>> fees = Fees(origination=rate("3%"), origination_fixed=amount("5"), servicing=rate("1%"),
    ...             paid="from_proceeds")
    >>> fees.of(amount("1000")), fees.proceeds(amount("1000")), fees.net(rate("6.5%"))
    (3500, 96500, 55000)
    """

    origination: int = attrs.field(
        default=0, converter=checks.plain, validator=checks.whole(0, FULL_SHARE)
    )
    origination_fixed: int = attrs.field(
        default=0, converter=checks.plain, validator=checks.whole(0, MAX_AMOUNT)
    )
    paid: str = attrs.field(
        default="up_front", converter=checks.text, validator=checks.one_of(PAID)
    )
    servicing: int = attrs.field(
        default=0, converter=checks.plain, validator=checks.whole(0, MAX_RATE)
    )

    def of(self, principal: int) -> int:
        """What the borrower pays when a loan of this principal is made, minor units.

        The share is rounded half up.
        """
        share = (2 * principal * self.origination + FULL_SHARE) // (2 * FULL_SHARE)
        return share + self.origination_fixed

    def proceeds(self, principal: int) -> int:
        """What is paid out to the borrower, minor units; below 0: the fee exceeds the loan."""
        return principal - (self.of(principal) if self.paid == "from_proceeds" else 0)

    def net(self, rate: int) -> int:
        """What of a rate is left to a lender, ppm a year; below 0: it pays more than it gets.

        Rate and servicing fee are both shares of the principal outstanding, so the one is taken
        from the other, whatever the schedule.
        """
        return rate - self.servicing
