"""The auditor folds the events of live markets: sound ones pass, spoiled ones are named."""

from random import Random
from typing import Any

import attrs
import pytest

from p2pmatch import Limits, Listing, Loan, Marketplace, Note, Notes, Offer, Request, Rules
from p2pmatch import events as e
from p2pmatch.audit import Auditor, audit_events
from p2pmatch.units import MAX_AMOUNT
from tests.machines.test_twin import History

RULES = Rules(grades=["A", "B"], terms=[36], min_note=25, increment=5)


def market() -> tuple[Marketplace, list[e.Event]]:
    made = Marketplace(RULES)
    events: list[e.Event] = []
    made.subscribe(events.append)
    for i, (lender, rate) in enumerate([("ann", 50_000), ("ben", 60_000), ("cleo", 70_000)]):
        made.post(
            Offer(offer_id=f"o{i}", lender_id=lender, amount=100, min_rate=rate, expires_at=50),
            now=i,
        )
    return made, events


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "request_id": "r1",
        "borrower_id": "bob",
        "amount": 150,
        "max_rate": 90_000,
        "grade": "A",
        "term": 36,
        **changes,
    }
    return Request(**fields)


def codes(events: list[e.Event], rules: Rules = RULES) -> list[str]:
    return [breach.code for breach in audit_events(rules, events).breaches]


@pytest.mark.parametrize("seed", range(40))
def test_random_histories_pass(seed: int) -> None:
    history = History(Random(seed))
    auditor = Auditor(history.draw.rules)
    history.pair.market.subscribe(auditor.see)
    history.run(60)
    report = auditor.report()
    assert report.ok, str(report)
    assert report.checked["events"] > 0


@pytest.mark.parametrize("extra", [0, 1, 7])
def test_a_loan_of_nearly_all_shares_is_not_sought_cent_by_cent(extra: int) -> None:
    # Three thirds rounded down are a part in a million short of a loan of any size.
    rules = Rules(grades=["A"], terms=[36], max_share=333_333)
    made = Marketplace(rules)
    events: list[e.Event] = []
    made.subscribe(events.append)
    for lender, amount in (("ann", 10**9), ("ben", 10**9), ("cleo", 10**9), ("dan", extra)):
        if amount:
            made.post(
                Offer(offer_id=lender, lender_id=lender, amount=amount, min_rate=50_000), now=0
            )
    loan = made.submit(request(amount=MAX_AMOUNT, min_amount=1), now=1).loan
    assert (0 if loan is None else loan.principal) == extra * 1_000_000
    report = audit_events(rules, events)
    assert report.ok, str(report)


def test_who_waits_too_long_is_told_once_and_only_for_the_time_it_waits_for() -> None:
    made, events = market()
    made.submit(request(), now=3, time_in_force=Listing(closes_at=9), hold_for=20)
    made.submit(request(request_id="r2", amount=900), now=3, time_in_force=Listing(closes_at=8))
    held = [*events, e.TimeAdvanced(now=8), e.TimeAdvanced(now=9)]
    found = [breach.message for breach in audit_events(RULES, held).breaches]
    assert found == ["r2"]


def test_a_life_of_every_event_passes() -> None:
    made, events = market()
    made.post_many(
        {"offer_id": ["m"], "lender_id": ["dan"], "amount": [60], "min_rate": [40_000]}, now=5
    )
    made.amend("o0", amount=300, now=6)
    made.amend("o1", min_rate=65_000, grades={"A"}, now=6)
    made.set_lender_limits("ann", Limits(per_loan=200), now=7)
    made.declare_group("bob", {"cleo"}, now=7)
    made.submit(request(amount=400, min_amount=5), now=8)
    made.repay("r1", 33, now=9)
    made.amend("o0", amount=250, now=9)
    made.submit(request(request_id="r2", max_rate=10), now=9)
    made.cancel("o2", now=10)
    made.advance(60)
    assert {type(event) for event in events} >= {
        e.OffersPosted,
        e.OfferAmended,
        e.OfferCancelled,
        e.OfferExpired,
        e.LoanMade,
        e.LoanRepaid,
        e.RequestUnfunded,
        e.TimeAdvanced,
    }
    assert codes(events) == []


def spoiled(events: list[e.Event], notes: list[Note]) -> list[e.Event]:
    """The same events with other notes in the loan."""
    made = []
    for event in events:
        if isinstance(event, e.LoanMade):
            loan = Loan(event.loan.request, sum(n.amount for n in notes), Notes.of(notes))
            event = attrs.evolve(event, loan=loan)  # noqa: PLW2901 - the spoiled one
        made.append(event)
    return made


@pytest.mark.parametrize(
    ("notes", "code"),
    [
        ([("o0", "ann", 100, 50_000), ("o2", "cleo", 50, 70_000)], "priority"),
        ([("o0", "ann", 120, 50_000), ("o1", "ben", 30, 60_000)], "overdrawn"),
        ([("o0", "ann", 100, 50_000), ("o1", "ben", 50, 60_001)], "rate"),
        ([("o0", "ann", 100, 50_000), ("o1", "cleo", 50, 60_000)], "wrong_lender"),
        ([("o1", "ben", 50, 60_000), ("o0", "ann", 100, 50_000)], "order"),
        ([("o0", "ann", 50, 50_000), ("o0", "ann", 50, 50_000), ("o1", "ben", 50, 60_000)], "duplicate_note"),
        ([("o0", "ann", 97, 50_000), ("o1", "ben", 53, 60_000)], "not_multiple"),
        ([("o0", "ann", 100, 50_000)], "unfunded"),
    ],
)  # fmt: skip
def test_spoiled_loans_are_named(notes: list[tuple[str, str, int, int]], code: str) -> None:
    made, events = market()
    made.submit(request(), now=8)
    assert codes(events) == []
    found = codes(spoiled(events, [Note(*note) for note in notes]))
    assert code in found


def test_a_loan_that_needs_no_more_is_settled_by_the_next_event() -> None:
    made, events = market()
    made.submit(request(), now=8)
    made.submit(request(request_id="r2", max_rate=1), now=9)
    assert codes(events) == []
    assert codes(events[:-1]) == []


def test_a_cancelled_request_after_another_loan_is_its_own() -> None:
    made, events = market()
    made.submit(request(), now=8)
    lone = e.RequestUnfunded(
        now=9, request=request(request_id="r2", max_rate=1), amount=150, reason="no_eligible_offer"
    )
    assert codes([*events, lone]) == []


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (e.TimeAdvanced(now=-1), "time_backwards"),
        (e.OfferCancelled(now=9, offer_id="o1", amount=99), "released"),
        (e.OfferCancelled(now=9, offer_id="o9", amount=99), "unknown_offer"),
        (e.OfferExpired(now=50, offer_id="o1", amount=101), "released"),
        (e.OfferExpired(now=49, offer_id="o1", amount=100), "expiry"),
        (e.LoanRepaid(now=9, request_id="r9", amount=1), "repaid"),
        (e.OfferPosted(now=9, offer=Offer(offer_id="o1", lender_id="x", amount=1, min_rate=1)), "duplicate_offer"),
    ],
)  # fmt: skip
def test_events_that_cannot_be_are_named(event: e.Event, code: str) -> None:
    _, events = market()
    assert codes([*events, event]) == [code]


def test_an_offer_lowered_below_what_it_lent_is_named() -> None:
    made, events = market()
    made.submit(request(), now=8)
    lowered = Offer(offer_id="o0", lender_id="ann", amount=50, min_rate=50_000, expires_at=50)
    assert codes([*events, e.OfferAmended(now=9, offer=lowered)]) == ["overdrawn"]


def test_a_refusal_changes_nothing() -> None:
    _, events = market()
    refused = e.Rejected(now=-5, code="time_backwards", field="now", value=-5, accepted="later")
    assert codes([*events, refused, e.TimeAdvanced(now=9)]) == []
