"""From events to the state: the only writer, and it cannot fail.

`APPLICATIONS` has one function per event. An event says what happened; nothing is decided here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from p2pmatch import events as e
from p2pmatch.commitments import Commitments
from p2pmatch.request_columns import ids_of
from p2pmatch.state import State
from p2pmatch.table import CANCELLED, EXPIRED

__all__ = ["APPLICATIONS", "apply"]


def apply(state: State, event: e.Event) -> None:
    """Make the state what it is after an event; a `Rejected` changes nothing."""
    if type(event) is not e.Rejected:
        APPLICATIONS[type(event)](state, event)
        state.now = event.now
        state.version += 1


def _offer_posted(state: State, event: e.OfferPosted) -> None:
    state.post(event.offer)


def _offers_posted(state: State, event: e.OffersPosted) -> None:
    state.post_many(event.offers)


def _offer_amended(state: State, event: e.OfferAmended) -> None:
    state.amend(event.offer)


def _offer_cancelled(state: State, event: e.OfferCancelled) -> None:
    state.close(state.slot_of(event.offer_id), CANCELLED)


def _offer_expired(state: State, event: e.OfferExpired) -> None:
    state.close(state.slot_of(event.offer_id), EXPIRED)


def _loan_made(state: State, event: e.LoanMade) -> None:
    state.requests.add(event.loan.request_id)
    state.lend(event.loan)


def _loans_made(state: State, event: e.LoansMade) -> None:
    state.requests.update(ids_of(event.loans.requests))
    state.lend_many(event.loans)


def _loan_held(state: State, event: e.LoanHeld) -> None:
    state.requests.add(event.loan.request_id)
    state.hold(event.loan, event.until)


def _request_unfunded(state: State, event: e.RequestUnfunded) -> None:
    state.requests.add(event.request.request_id)
    # Nothing of it rests any more; a loan made of the other part of it may wait.
    if event.request.request_id in state.waiting.resting:
        state.waiting.leave(event.request.request_id)


def _request_rests(state: State, event: e.RequestRests) -> None:
    state.requests.add(event.request.request_id)
    state.waiting.rest(event.request, event.time_in_force, event.hold_for)
    state.fresh.add(event.request.request_id)


def _money_committed(state: State, event: e.MoneyCommitted) -> None:
    state.commit(event.request_id, _commitments(event))


def _money_released(state: State, event: e.MoneyReleased | e.CommitmentsDisplaced) -> None:
    state.release(event.request_id, _commitments(event))


def _commitments(
    event: e.MoneyCommitted | e.MoneyReleased | e.CommitmentsDisplaced,
) -> Commitments:
    notes = event.notes
    return Commitments(event.keys, notes.offers, notes.lenders, notes.amounts)


def _cell_uncrossed(state: State, event: e.CellUncrossed) -> None:
    """A record only: its loans are events of their own."""


def _time_advanced(state: State, event: e.TimeAdvanced) -> None:
    pass


def _lender_limits_set(state: State, event: e.LenderLimitsSet) -> None:
    state.lender_caps.set(state.lender_number(event.lender_id), event.limits)
    state.stir_all()


def _borrower_limits_set(state: State, event: e.BorrowerLimitsSet) -> None:
    state.borrower_caps.set(event.borrower_id, event.limits)
    state.stir_all()


def _group_declared(state: State, event: e.GroupDeclared) -> None:
    state.declare_group(event.borrower_id, event.members)
    state.stir_all()


def _loan_repaid(state: State, event: e.LoanRepaid) -> None:
    state.exposure.repay(event.request_id, event.amount)
    state.stir_all()


#: What each kind of event does to the state.
APPLICATIONS: Mapping[type[e.Event], Callable[[State, Any], None]] = MappingProxyType(
    {
        e.OfferPosted: _offer_posted,
        e.OffersPosted: _offers_posted,
        e.OfferAmended: _offer_amended,
        e.OfferCancelled: _offer_cancelled,
        e.OfferExpired: _offer_expired,
        e.LoanMade: _loan_made,
        e.LoansMade: _loans_made,
        e.LoanHeld: _loan_held,
        e.RequestRests: _request_rests,
        e.MoneyCommitted: _money_committed,
        e.MoneyReleased: _money_released,
        e.CommitmentsDisplaced: _money_released,
        e.CellUncrossed: _cell_uncrossed,
        e.RequestUnfunded: _request_unfunded,
        e.TimeAdvanced: _time_advanced,
        e.LenderLimitsSet: _lender_limits_set,
        e.BorrowerLimitsSet: _borrower_limits_set,
        e.GroupDeclared: _group_declared,
        e.LoanRepaid: _loan_repaid,
    }
)
