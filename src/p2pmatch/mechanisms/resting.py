"""Requests that rest: listings and auctions meet what comes, and close.

Each function reads the state and says what happens next to one request.
"""

from p2pmatch.commitments import NO_COMMITMENTS, Commitments
from p2pmatch.events import (
    CommitmentsDisplaced,
    Event,
    MoneyCommitted,
    MoneyReleased,
    RequestUnfunded,
)
from p2pmatch.loans import Loan, Notes
from p2pmatch.mechanisms.loan import loan_event, loan_of
from p2pmatch.placement import Placement
from p2pmatch.resting_rooms import AuctionRooms, ClosingRooms
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import Sweep
from p2pmatch.time_in_force import Auction, Immediate
from p2pmatch.waiting import Held, Resting

__all__ = ["close", "commitment_notes", "lapse", "meet", "withdraw"]


def meet(state: State, resting: Resting, now: int) -> list[Event]:
    """What a resting request makes of the book as it stands: nothing, or commitments that change.

    A listing takes more; an auction takes more, or the same for less interest.
    """
    if isinstance(resting.time_in_force, Auction):
        return _take_better(state, resting, now)
    return _take_more(state, resting, now)


def _take_more(state: State, resting: Resting, now: int) -> list[Event]:
    request = resting.request
    rooms = Rooms(state, request, now, resting.held)
    largest = rooms.largest()
    missing = largest - resting.held.total
    if missing <= 0:
        return []
    new, back = Sweep(rooms).commit(missing, largest)
    if not len(new.amounts):
        return []
    events: list[Event] = []
    stays = resting.held
    if len(back.amounts):
        events.append(_released(state, request.request_id, back, now, "small_note"))
        stays = stays.minus(back)
    events.append(_committed(state, request.request_id, new, now))
    committed = stays.plus(new)
    if committed.total == request.amount:
        loan = _loan(state, resting, committed, now)
        events.append(loan_event(loan, now, resting.hold_for))
    return events


def _take_better(state: State, resting: Resting, now: int) -> list[Event]:
    request, held = resting.request, resting.held
    rooms = AuctionRooms(state, request, now, held)
    largest = rooms.largest()
    best, _ = Sweep(rooms).commit(largest, largest)
    if (best.total, -best.interest) <= (held.total, -held.interest):
        return []
    events: list[Event] = []
    gone = held.minus(best).positive()
    if len(gone.amounts):
        notes = commitment_notes(state, gone)
        displaced = CommitmentsDisplaced(
            now=now, request_id=request.request_id, notes=notes, keys=gone.keys
        )
        events.append(displaced)
    new = best.minus(held).positive()
    return [*events, _committed(state, request.request_id, new, now)]


def close(state: State, resting: Resting, now: int) -> list[Event]:
    """What becomes of a resting request whose time is up."""
    request, held = resting.request, resting.held
    if isinstance(resting.time_in_force, Immediate):
        return [_unfunded(resting, request.amount, now, "expired")]
    lent = _within_shares(state, resting, now)
    if lent.total < max(request.least_amount, 1):
        reason = "below_min_amount"
        if not len(held.amounts):
            reason = Rooms(state, request, now).why_nothing()
        return [
            *_all_back(state, resting, now, "closed"),
            _unfunded(resting, request.amount, now, reason),
        ]
    events: list[Event] = []
    back = held.minus(lent)
    if len(back.amounts):
        events.append(_released(state, request.request_id, back, now, "share_cap"))
    events.append(loan_event(_loan(state, resting, lent, now), now, resting.hold_for))
    if lent.total < request.amount:
        rest = request.amount - lent.total
        events.append(_unfunded(resting, rest, now, "not_enough_room"))
    return events


def withdraw(state: State, resting: Resting, now: int) -> list[Event]:
    """A request is taken back."""
    gone = _unfunded(resting, resting.request.amount, now, "withdrawn")
    return [*_all_back(state, resting, now, "withdrawn"), gone]


def lapse(state: State, held: Held, now: int, reason: str) -> list[Event]:
    """A loan that waited for a yes is not made."""
    loan = held.loan
    notes = loan.notes
    places = Commitments(held.keys, notes.offers, notes.lenders, notes.amounts)
    return [
        _released(state, loan.request_id, places, now, reason),
        RequestUnfunded(now=now, request=loan.request, amount=loan.principal, reason=reason),
    ]


def _within_shares(state: State, resting: Resting, now: int) -> Commitments:
    """The largest loan of what is committed that no share of it forbids."""
    if not state.any_share:
        return resting.held
    rooms = ClosingRooms(state, resting.request, now, resting.held)
    placed = Sweep(rooms).run(resting.request.least_amount)
    lent = Commitments(placed.keys, placed.slots, placed.lenders, placed.amounts)
    # In rank order, whatever the order in which the rule went through them.
    return NO_COMMITMENTS.plus(lent)


def _loan(state: State, resting: Resting, committed: Commitments, now: int) -> Loan:
    rooms = AuctionRooms(state, resting.request, now, resting.held)
    return loan_of(
        rooms,
        Placement(
            principal=committed.total,
            keys=committed.keys,
            slots=committed.slots,
            lenders=committed.lenders,
            amounts=committed.amounts,
            unfunded=resting.request.amount - committed.total,
            reason=None,
        ),
    )


def _all_back(state: State, resting: Resting, now: int, reason: str) -> list[Event]:
    if not len(resting.held.amounts):
        return []
    return [_released(state, resting.request.request_id, resting.held, now, reason)]


def _unfunded(resting: Resting, amount: int, now: int, reason: str) -> Event:
    return RequestUnfunded(now=now, request=resting.request, amount=amount, reason=reason)


def _committed(state: State, request_id: str, new: Commitments, now: int) -> Event:
    return MoneyCommitted(
        now=now, request_id=request_id, notes=commitment_notes(state, new), keys=new.keys
    )


def _released(state: State, request_id: str, back: Commitments, now: int, reason: str) -> Event:
    return MoneyReleased(
        now=now,
        request_id=request_id,
        notes=commitment_notes(state, back),
        keys=back.keys,
        reason=reason,
    )


def commitment_notes(state: State, money: Commitments) -> Notes:
    """Commitments as notes at the rates asked."""
    return Notes(
        money.amounts,
        money.asks,
        money.slots,
        money.lenders,
        state.offer_names,
        state.lender_names,
    )
