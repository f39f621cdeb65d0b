"""From a command and the state to events: guards first, then matching. Only reads.

`DECISIONS` has one function per command. Each raises a refusal or returns the events that follow;
`decide` turns a refusal into a `Rejected` event, so that refusals can be recorded like everything
else.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch import checks
from p2pmatch import commands as c
from p2pmatch import events as e
from p2pmatch.errors import InvalidValue, P2PMatchError, Refused, UnknownName, refusal
from p2pmatch.keys import MAX_ARRIVALS
from p2pmatch.limits import check_room_for_a_note
from p2pmatch.mechanisms import lapse, match_now, withdraw
from p2pmatch.orders import Request
from p2pmatch.request_columns import RequestColumns
from p2pmatch.state import State
from p2pmatch.table import STANDING, STATE_NAMES
from p2pmatch.time_in_force import Auction, Immediate, Listing
from p2pmatch.units import MAX_BOOK, MAX_TIME
from p2pmatch.waiting import Held

__all__ = [
    "DECISIONS",
    "check_now",
    "check_reading",
    "check_request",
    "decide",
]


def decide(state: State, command: c.Command) -> list[e.Event]:
    """What a command leads to. Changes nothing.

    Returns
    -------
    The events, in order; one `Rejected` alone if the command is refused.
    """
    try:
        check_now(state, command.now)
        events = DECISIONS[type(command)](state, command)
    except P2PMatchError as refusal:
        return [
            e.Rejected(
                now=command.now,
                code=refusal.code,
                field=refusal.field,
                value=refusal.value,
                accepted=refusal.accepted,
            )
        ]
    return [*_expiries(state, command.now), *events] if state.expiries else events


def _expiries(state: State, now: int) -> list[e.Event]:
    return [
        e.OfferExpired(now=now, offer_id=state.offer_names[first], amount=state.remaining_of(first))
        for first in state.due(now)
    ]


def _post_offer(state: State, command: c.PostOffer) -> list[e.Event]:
    offer = command.offer
    _check_place(state, offer.grades, offer.terms)
    _check_expiry(offer.expires_at, command.now)
    if state.offer_names.find(offer.offer_id) is not None:
        raise Refused("duplicate_id", "offer_id", offer.offer_id, "an id not used before")
    _check_book(state, offer.amount, 1)
    return [e.OfferPosted(now=command.now, offer=offer)]


def _post_offers(state: State, command: c.PostOffers) -> list[e.Event]:
    """Nothing yet: those that somebody waits for are met one after the other."""
    offers = command.offers
    for number, (grades, terms) in enumerate(offers.places):
        try:
            _check_place(state, grades, terms)
        except UnknownName as unknown:
            raise _in_row(int((offers.place_codes == number).argmax()), unknown) from None
    late = offers.expires_at <= command.now
    if late.any():
        row = int(late.argmax())
        _check_expiry(int(offers.expires_at[row]), command.now, f"expires_at[{row}]")
    _check_new_ids(state, offers.offer_ids)
    # So many amounts would not fit an int64; Python's sum has no end.
    _check_book(state, sum(offers.amounts.tolist()), len(offers))
    return []


def _amend_offer(state: State, command: c.AmendOffer) -> list[e.Event]:
    first = _standing_offer(state, command.offer_id, command.now)
    before = state.offer_of(first)
    after = attrs.evolve(before, **command.changes)
    if all(getattr(after, name) == getattr(before, name) for name in command.changes):
        raise Refused("nothing_to_change", "changes", command.changes, "at least one new value")
    _check_place(state, after.grades, after.terms)
    if after.expires_at != before.expires_at:
        _check_expiry(after.expires_at, command.now)
    lent = before.amount - state.remaining_of(first)
    if after.amount < lent:
        raise Refused("below_lent", "amount", after.amount, f"at least {lent}")
    _check_book(state, max(after.amount - before.amount, 0), _moves(state, first))
    return [e.OfferAmended(now=command.now, offer=after)]


def _cancel_offer(state: State, command: c.CancelOffer) -> list[e.Event]:
    first = _standing_offer(state, command.offer_id, command.now)
    return [
        e.OfferCancelled(
            now=command.now, offer_id=command.offer_id, amount=state.remaining_of(first)
        )
    ]


def _submit_request(state: State, command: c.SubmitRequest) -> list[e.Event]:
    request, time_in_force, now = command.request, command.time_in_force, command.now
    hold_for = command.hold_for
    check_request(state, request, now)
    at_once = state.rules.matching == "immediate"
    if not isinstance(time_in_force, Immediate):
        _check_closing(state, request, time_in_force, now)
        at_once = False
    if hold_for is not None and now + hold_for > MAX_TIME:
        raise InvalidValue("too_large", "hold_for", hold_for, f"at most {MAX_TIME - now}")
    if at_once:
        return match_now(state, request, now, hold_for)
    rests = e.RequestRests(now=now, request=request, time_in_force=time_in_force, hold_for=hold_for)
    return [rests]


def _submit_requests(state: State, command: c.SubmitRequests) -> list[e.Event]:
    """Nothing yet: the requests are matched step by step."""
    requests, now = command.requests, command.now
    _check_requests(state, requests, now)
    return []


def _withdraw_request(state: State, command: c.WithdrawRequest) -> list[e.Event]:
    request_id = command.request_id
    resting = state.waiting.resting.get(request_id)
    if resting is None or not _before(command.now, resting.deadline):
        raise _not_waiting(state, request_id, "a request that rests")
    return withdraw(state, resting, command.now)


def _accept_loan(state: State, command: c.AcceptLoan) -> list[e.Event]:
    held = _held_loan(state, command.request_id, command.now)
    return [e.LoanMade(now=command.now, loan=held.loan)]


def _decline_loan(state: State, command: c.DeclineLoan) -> list[e.Event]:
    held = _held_loan(state, command.request_id, command.now)
    return lapse(state, held, command.now, "declined")


def _uncross(state: State, command: c.Uncross) -> list[e.Event]:
    state.cell(command.grade, command.term)
    matching = state.rules.matching
    if matching != "call":
        raise Refused("not_a_call_market", "matching", matching, "Rules(matching='call', ...)")
    return []


def _advance_time(_: State, command: c.AdvanceTime) -> list[e.Event]:
    return [e.TimeAdvanced(now=command.now)]


def _set_lender_limits(state: State, command: c.SetLenderLimits) -> list[e.Event]:
    check_room_for_a_note(command.limits, state.rules.smallest_note, "limits")
    return [e.LenderLimitsSet(now=command.now, lender_id=command.lender_id, limits=command.limits)]


def _set_borrower_limits(_: State, command: c.SetBorrowerLimits) -> list[e.Event]:
    return [
        e.BorrowerLimitsSet(now=command.now, borrower_id=command.borrower_id, limits=command.limits)
    ]


def _declare_group(_: State, command: c.DeclareGroup) -> list[e.Event]:
    return [
        e.GroupDeclared(now=command.now, borrower_id=command.borrower_id, members=command.members)
    ]


def _repay(state: State, command: c.Repay) -> list[e.Event]:
    opened = state.exposure.find(command.request_id)
    if opened is None:
        raise UnknownName(
            "unknown_request", "request_id", command.request_id, "the request of a loan made here"
        )
    if not opened.total:
        raise Refused("loan_repaid", "request_id", command.request_id, "a loan not yet repaid")
    if command.amount > opened.total:
        raise Refused("above_outstanding", "amount", command.amount, f"at most {opened.total}")
    return [e.LoanRepaid(now=command.now, request_id=command.request_id, amount=command.amount)]


#: What to do with each kind of command.
DECISIONS: Mapping[type[c.Command], Callable[[State, Any], list[e.Event]]] = MappingProxyType(
    {
        c.PostOffer: _post_offer,
        c.PostOffers: _post_offers,
        c.AmendOffer: _amend_offer,
        c.CancelOffer: _cancel_offer,
        c.SubmitRequest: _submit_request,
        c.SubmitRequests: _submit_requests,
        c.WithdrawRequest: _withdraw_request,
        c.AcceptLoan: _accept_loan,
        c.DeclineLoan: _decline_loan,
        c.Uncross: _uncross,
        c.AdvanceTime: _advance_time,
        c.SetLenderLimits: _set_lender_limits,
        c.SetBorrowerLimits: _set_borrower_limits,
        c.DeclareGroup: _declare_group,
        c.Repay: _repay,
    }
)


# Guards


def check_now(state: State, now: int) -> None:
    """Raise if `now` lies before the marketplace's time."""
    if state.now is not None and now < state.now:
        raise Refused("time_backwards", "now", now, f"at least {state.now}")


def check_reading(state: State, request: Request, now: int) -> int:
    """Raise unless what submitting a request would give can be read off; the time as an int."""
    checks.check_instance(request, Request, "request", "a Request")
    now = checks.check_time(now)
    check_now(state, now)
    check_request(state, request, now)
    if state.waiting and state.waiting.first_due(now) is not None:
        raise Refused("advance_first", "now", now, f"an earlier time, or advance({now}) first")
    return now


def check_request(state: State, request: Request, now: int) -> None:
    """Raise unless the marketplace can take this request at `now`."""
    state.cell(request.grade, request.term)
    increment = state.rules.increment
    if request.amount % increment:
        raise InvalidValue("not_multiple", "amount", request.amount, f"a multiple of {increment}")
    if request.request_id in state.requests:
        raise Refused("duplicate_id", "request_id", request.request_id, "an id not used before")
    _check_expiry(request.expires_at, now)


def _check_requests(state: State, requests: RequestColumns, now: int) -> None:
    """Raise unless the marketplace can take all these requests at `now`, one after the other."""
    ids = requests.request_ids
    sound = (
        all(cell in state.cell_of for cell in requests.cells)
        and not (requests.amounts % state.rules.increment).any()
        and checks.are_distinct(ids)
        and state.requests.isdisjoint(ids)
        and all(time is None or time > now for time in set(requests.expires_at))
    )
    seen: set[str] = set()
    # One by one only to say what is wrong.
    for row, request in () if sound else enumerate(requests):
        try:
            check_request(state, request, now)
        except P2PMatchError as refused:
            raise _in_row(row, refused) from None
        request_id = request.request_id
        if request_id in seen:
            raise Refused("duplicate_id", f"request_id[{row}]", request_id, "an id not used before")
        seen.add(request_id)


def _in_row(row: int, refused: P2PMatchError) -> P2PMatchError:
    """The refusal of one of many."""
    return refusal(refused.code, f"{refused.field}[{row}]", refused.value, refused.accepted)


def _check_closing(
    state: State, request: Request, time_in_force: Listing | Auction, now: int
) -> None:
    """Raise unless a request can rest as it is to."""
    if state.rules.matching == "call":
        raise InvalidValue(
            "contradiction",
            "time_in_force",
            time_in_force,
            "none: in a call market a request rests until it is matched or expires",
        )
    _check_expiry(time_in_force.closes_at, now, "closes_at")
    if request.expires_at is not None and time_in_force.closes_at > request.expires_at:
        raise InvalidValue(
            "contradiction",
            "closes_at",
            time_in_force.closes_at,
            f"at most the time at which the request expires, {request.expires_at}",
        )


def _before(now: int, deadline: int | None) -> bool:
    return deadline is None or now < deadline


def _held_loan(state: State, request_id: str, now: int) -> Held:
    """The loan that waits for its borrower's yes at `now`."""
    held = state.waiting.held.get(request_id)
    if held is None or now >= held.until:
        raise _not_waiting(state, request_id, "a loan that waits for the borrower's yes")
    return held


def _not_waiting(state: State, request_id: str, accepted: str) -> P2PMatchError:
    if request_id not in state.requests:
        return UnknownName("unknown_request", "request_id", request_id, accepted)
    return Refused("not_waiting", "request_id", request_id, accepted)


def _check_place(state: State, grades: frozenset[str] | None, terms: frozenset[int] | None) -> None:
    rules = state.rules
    for grade in grades or ():
        if grade not in rules.grades:
            raise UnknownName("unknown_grade", "grades", grade, f"among {list(rules.grades)}")
    for term in terms or ():
        if term not in rules.terms:
            raise UnknownName("unknown_term", "terms", term, f"among {list(rules.terms)}")


def _check_new_ids(state: State, offer_ids: Sequence[str]) -> None:
    """Raise if one of the ids is used already, in the book or further up in the list."""
    known = state.offer_names
    if checks.are_distinct(offer_ids) and not known.knows_any(offer_ids):
        return
    first: dict[str, int] = {}
    row, offer_id = next(
        (row, offer_id)
        for row, offer_id in enumerate(offer_ids)
        if known.find(offer_id) is not None or first.setdefault(offer_id, row) != row
    )
    raise Refused("duplicate_id", f"offer_id[{row}]", offer_id, "an id not used before")


def _check_expiry(expires_at: int | None, now: int, field: str = "expires_at") -> None:
    if expires_at is not None and expires_at <= now:
        raise Refused("already_expired", field, expires_at, f"a time after now, {now}")


def _check_book(state: State, amount: int, arrivals: int) -> None:
    """Keep every sum over the book, and every arrival number, within what int64 holds."""
    if state.posted_total + amount > MAX_BOOK:
        room = MAX_BOOK - state.posted_total
        raise Refused("book_full", "amount", amount, f"at most {room} more in all")
    if state.arrivals + arrivals > MAX_ARRIVALS:
        raise Refused("book_full", "offer_id", arrivals, "no more arrivals in this marketplace")


def _standing_offer(state: State, offer_id: str, now: int) -> int:
    """The first slot of an offer that still stands at `now`."""
    first = state.offer_names.find(offer_id)
    if first is None:
        raise UnknownName("unknown_offer", "offer_id", offer_id, "the id of an offer posted here")
    table = state.table
    if table.state.item(first) != STANDING:
        closed = STATE_NAMES[table.state.item(first)]
        raise Refused("offer_closed", "offer_id", offer_id, f"a standing offer; this is {closed}")
    if table.expires.item(first) <= now:
        raise Refused("offer_closed", "offer_id", offer_id, "a standing offer; this is expired")
    return first


def _moves(state: State, first: int) -> int:
    """The most places that amending an offer can send to the back."""
    return len(state.slots_of(first)) * len(state.cells) + 1
