"""Match now; what is not matched is cancelled."""

from p2pmatch.events import Event, RequestUnfunded
from p2pmatch.mechanisms.loan import loan_event, loan_of
from p2pmatch.orders import Request
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import Sweep

__all__ = ["match_now"]


def match_now(state: State, request: Request, now: int, hold_for: int | None = None) -> list[Event]:
    """The events of a request that is matched at once. Reads the state only.

    Returns
    -------
    `LoanMade`, or `LoanHeld` for `hold_for` from now, if a loan can be made; `RequestUnfunded` for
    what of the request is left without.
    """
    rooms = Rooms(state, request, now)
    placement = Sweep(rooms).run(request.least_amount)
    events: list[Event] = []
    if len(placement.slots):
        events.append(loan_event(loan_of(rooms, placement), now, hold_for))
    if placement.reason is not None:
        events.append(
            RequestUnfunded(
                now=now, request=request, amount=placement.unfunded, reason=placement.reason
            )
        )
    return events
