"""What a loan costs its borrower: payments, interest, fees, and the annual percentage rate."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import attrs

from p2pmatch.errors import InvalidValue
from p2pmatch.finance import Schedule, apr, schedule
from p2pmatch.finance.apr import Time
from p2pmatch.loans import Loan
from p2pmatch.rules import Rules

__all__ = ["Cost", "cost_of", "schedule_of"]

_MONTHS: Final = 12
# How each rule counts the months from the loan to a payment.
_TIMES: Mapping[str, Callable[[int], Time]] = MappingProxyType(
    {"us": int, "eu": lambda month: Fraction(month, _MONTHS)}
)


@attrs.frozen
class Cost:
    """What a loan costs; amounts in minor units.

    Parameters
    ----------
    monthly_payment : every payment but the last, which takes the rounding up.
    total_interest : over the whole term.
    fees : what the platform takes from the borrower.
    proceeds : what is paid out to the borrower; below 0: the fees taken out exceed the loan.
    apr : the annual percentage rate, ppm; None: the rule gives none, as when fees eat up the loan.
    apr_rule : the name of its rule.
    """

    monthly_payment: int
    total_interest: int
    fees: int
    proceeds: int
    apr: int | None
    apr_rule: str

    @property
    def total_cost(self) -> int:
        """Interest and fees: what is paid besides the principal."""
        return self.total_interest + self.fees


def schedule_of(loan: Loan) -> Schedule:
    """The borrower's payments: level, monthly, at the blended rate, which is exact. O(term)."""
    return schedule(principal=loan.principal, rate=loan.exact_rate, term=loan.term)


def cost_of(loan: Loan, rules: Rules) -> Cost:
    """What a loan costs under these rules. O(term), most of it for the annual percentage rate."""
    planned = schedule_of(loan)
    fees = rules.fees.of(loan.principal)
    return Cost(
        int(planned.payments[0]),
        planned.total_interest,
        fees,
        rules.fees.proceeds(loan.principal),
        _apr(loan.principal - fees, planned, rules.apr_rule),
        rules.apr_rule,
    )


def _apr(received: int, planned: Schedule, rule: str) -> int | None:
    """The rate of what is received, fees taken off however they are paid, and what is paid back."""
    time = _TIMES[rule]
    paid = [(time(i), amount) for i, amount in enumerate(planned.payments.tolist(), 1) if amount]
    try:
        return apr(advances=[(0, received)], payments=paid, rule=rule, periods_per_year=_MONTHS)
    except InvalidValue:
        return None
