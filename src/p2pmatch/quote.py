"""What a request would get now: the same way as submitting it, without the last step."""

from fractions import Fraction

import attrs

from p2pmatch.decide import check_reading
from p2pmatch.events import outcome_of
from p2pmatch.loans import Loan
from p2pmatch.mechanisms import match_now
from p2pmatch.orders import Request
from p2pmatch.state import State

__all__ = ["Quote", "quote"]


@attrs.frozen
class Quote:
    """What a request would get: the loan, note by note, and what would be left without money.

    Parameters
    ----------
    request : the request asked about.
    loan : the loan that submitting it now would make; None: none.
    unfunded : what would find no money, minor units.
    reason : why, a stable code; None when the request would be funded in full.
    """

    request: Request
    loan: Loan | None
    unfunded: int
    reason: str | None

    @property
    def principal(self) -> int:
        """The loan's size, minor units; 0: no loan."""
        return 0 if self.loan is None else self.loan.principal

    @property
    def rate(self) -> int | None:
        """The blended rate, rounded half up, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.rate

    @property
    def exact_rate(self) -> Fraction | None:
        """The blended rate, exact, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.exact_rate

    @property
    def marginal_rate(self) -> int | None:
        """The highest rate of any note, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.marginal_rate

    @property
    def lenders(self) -> int:
        """How many lenders would share the loan."""
        return 0 if self.loan is None else self.loan.lenders


def quote(state: State, request: Request, now: int) -> Quote:
    """What submitting `request` at `now` would give. Changes nothing.

    Raises
    ------
    P2PMatchError : whenever submitting it would be refused.
    """
    now = check_reading(state, request, now)
    if state.rules.matching == "call":
        return Quote(request, None, request.amount, "resting")
    events = match_now(state, request, now)
    loan, unfunded, reason, _, _ = outcome_of(events, request.request_id)
    return Quote(request, loan, unfunded, reason)
