"""From a placement to a loan: priced, and made at once or held for the borrower's yes."""

from functools import partial

import numpy as np
import numpy.typing as npt

from p2pmatch.events import Event, LoanHeld, LoanMade
from p2pmatch.left_out import rate_left_out
from p2pmatch.loans import Loan, Notes
from p2pmatch.orders import Request
from p2pmatch.placement import Placement
from p2pmatch.pricing import Accepted, PayAsOffered, priced
from p2pmatch.rooms import Rooms
from p2pmatch.state import State

__all__ = ["loan_at", "loan_event", "loan_of"]


def loan_of(rooms: Rooms, placement: Placement) -> Loan:
    """The loan that a placement makes, priced by the marketplace's rule."""
    state, request = rooms.state, rooms.request
    if isinstance(state.pricing, PayAsOffered):
        # Nothing is priced: the asks are the rates, and the sweep took none above the borrower's.
        return loan_at(state, request, placement, placement.asks, "own_ask")
    find = partial(rate_left_out, rooms, placement.keys, placement.lenders, placement.amounts)
    accepted = Accepted(
        grade=request.grade,
        term=request.term,
        amounts=placement.amounts,
        asks=placement.asks,
        max_rate=request.max_rate,
        find_left_out=find,
    )
    found = priced(state.pricing, accepted)
    return loan_at(state, request, placement, found.rates, found.source)


def loan_at(
    state: State,
    request: Request,
    placement: Placement,
    rates: npt.NDArray[np.int64],
    source: str,
) -> Loan:
    """The loan that a placement makes at these rates."""
    notes = Notes(
        placement.amounts,
        rates,
        placement.slots,
        placement.lenders,
        state.offer_names,
        state.lender_names,
        source,
    )
    return Loan(request, placement.principal, notes)


def loan_event(loan: Loan, now: int, hold_for: int | None) -> Event:
    """That a loan is made; or, with `hold_for`, that it waits so long for the borrower's yes."""
    if hold_for is None:
        return LoanMade(now=now, loan=loan)
    return LoanHeld(now=now, loan=loan, until=now + hold_for)
