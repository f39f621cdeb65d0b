"""Match now; what is not matched is cancelled."""

from p2pmatch.errors import InvariantError
from p2pmatch.events import Event, LoanMade, RequestUnfunded
from p2pmatch.loans import Loan, Notes
from p2pmatch.orders import Request
from p2pmatch.pricing import Accepted
from p2pmatch.state import State
from p2pmatch.sweep import Placement, sweep

__all__ = ["loan_of", "match_now"]


def match_now(state: State, request: Request, now: int) -> list[Event]:
    """The events of a request that is matched at once. Reads the state only.

    Returns
    -------
    `LoanMade` if a loan can be made; `RequestUnfunded` for what of the request is left without.
    """
    placement = sweep(state, request, now)
    events: list[Event] = []
    if len(placement.slots):
        events.append(LoanMade(now=now, loan=loan_of(state, request, placement)))
    if placement.reason is not None:
        events.append(
            RequestUnfunded(
                now=now, request=request, amount=placement.unfunded, reason=placement.reason
            )
        )
    return events


def loan_of(state: State, request: Request, placement: Placement) -> Loan:
    """The loan that a placement makes, priced by the marketplace's rule."""
    accepted = Accepted(placement.amounts, placement.asks, request.max_rate)
    rates = state.pricing.price(accepted)
    # The asks themselves need no look: the sweep took none above the borrower's rate.
    if rates is not placement.asks and (
        len(rates) != len(placement.asks)
        or (rates < placement.asks).any()
        or (rates > request.max_rate).any()
    ):
        raise InvariantError(f"{state.rules.pricing!r} gave a rate one side did not accept")
    notes = Notes(
        placement.amounts,
        rates,
        placement.slots,
        placement.lenders,
        state.offer_names,
        state.lender_names,
    )
    return Loan(request, placement.principal, notes)
