"""Match now; what is not matched is cancelled."""

from p2pmatch.events import Event, RequestUnfunded
from p2pmatch.loans import Loan
from p2pmatch.mechanisms.loan import loan_event, loan_of
from p2pmatch.orders import Request
from p2pmatch.placement import Placement
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import placed

__all__ = ["match", "match_now"]


def match(rooms: Rooms, placement: Placement | None = None) -> tuple[Placement, Loan | None]:
    """The loan that these rooms make for their request, if any, and what it is made of.

    `placement` : what it is made of, if that has been found already.
    """
    if placement is None:
        placement = placed(rooms)
    return placement, loan_of(rooms, placement) if placement.principal else None


def match_now(state: State, request: Request, now: int, hold_for: int | None = None) -> list[Event]:
    """The events of a request that is matched at once. Reads the state only.

    Returns
    -------
    `LoanMade`, or `LoanHeld` for `hold_for` from now, if a loan can be made; `RequestUnfunded` for
    what of the request is left without.
    """
    placement, loan = match(Rooms(state, request, now))
    events: list[Event] = []
    if loan is not None:
        events.append(loan_event(loan, now, hold_for))
    if placement.reason is not None:
        events.append(
            RequestUnfunded(
                now=now, request=request, amount=placement.unfunded, reason=placement.reason
            )
        )
    return events
