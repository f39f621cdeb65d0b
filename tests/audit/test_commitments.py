"""Commitments that break a rule are named, each by its own code.

A sound history is recorded under lax rules, and then audited as if stricter ones had held, or with
one event changed.
"""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from p2pmatch import Auction, BorrowerLimits, Limits, Listing, Rules
from p2pmatch import events as e
from p2pmatch.allocation import Fifo
from p2pmatch.audit import Auditor
from tests.helpers import market, offer, request

Change = Callable[[list[e.Event]], None]


def history(**rules: Any) -> list[e.Event]:
    """ann and ben commit 70 and 30 of 100 to bob, who wants 120; at 9 it becomes a loan of 100."""
    made = market(**rules)
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("a", "ann", 70, 5), now=1)
    made.post(offer("b", "ben", 30, 6), now=1)
    asked = request(120, min_amount=1)
    made.submit(asked, now=2, time_in_force=Listing(closes_at=9))
    made.advance(9)
    return events


def codes(events: list[e.Event], rules: Rules) -> set[str]:
    auditor = Auditor(rules)
    for event in events:
        auditor.see(event)
    return {breach.code for breach in auditor.report().breaches}


STRICTER: dict[str, tuple[dict[str, Any], str]] = {
    "increment": ({"increment": 20}, "not_multiple"),
    "smallest note": ({"min_note": 40}, "below_min_note"),
    "a lender's per loan": ({"lender_limits": Limits(per_loan=60)}, "per_loan"),
    "a lender's total": ({"lender_limits": Limits(total=60)}, "total"),
    "a share": ({"max_share": 500_000}, "max_share"),
    "the borrower's limit": ({"borrower_limits": BorrowerLimits(total=90)}, "borrower_total"),
}


def test_the_history_is_sound() -> None:
    assert codes(history(), market().rules) == set()


@pytest.mark.parametrize("name", STRICTER)
def test_under_stricter_rules(name: str) -> None:
    rules, code = STRICTER[name]
    assert code in codes(history(), attrs.evolve(market().rules, **rules))


def offered(**changes: Any) -> Change:
    """The first offer was posted otherwise."""

    def change(events: list[e.Event]) -> None:
        posted = events[0]
        assert isinstance(posted, e.OfferPosted)
        events[0] = attrs.evolve(posted, offer=attrs.evolve(posted.offer, **changes))

    return change


CHANGED: dict[str, tuple[Change, str]] = {
    "its cap per loan": (offered(max_per_loan=60), "offer_max_per_loan"),
    "its share of a loan": (offered(max_share=500_000), "offer_max_share"),
    "its tags": (offered(requires={"green"}), "tags"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_an_offer_that_was_not_so(name: str) -> None:
    change, code = CHANGED[name]
    events = history()
    change(events)
    assert code in codes(events, market().rules)


class Mine:
    """A rule of somebody else's: what it gives cannot be worked out again."""

    def allocate(self, level: Any) -> Any:
        return Fifo().allocate(level)


def test_what_another_rule_commits_is_held_to_the_caps_only() -> None:
    events = history(allocation=Mine())
    rules = market(allocation=Mine()).rules
    assert codes(events, rules) == set()
    assert "per_loan" in codes(events, attrs.evolve(rules, lender_limits=Limits(per_loan=60)))


@pytest.mark.parametrize(
    ("rule", "code"), [("fifo", "not_as_promised"), (Mine(), "max_share")], ids=["known", "mine"]
)
def test_shares_are_of_the_loan_that_is_made(rule: Any, code: str) -> None:
    """70 of 120 is within 60 %; of the loan of 100 that is made it is not."""
    rules = market(allocation=rule, max_share=600_000).rules
    assert code in codes(history(allocation=rule), rules)


@pytest.mark.parametrize("rule", ["pro_rata", "fifo", "equal_share"])
def test_an_offers_places_are_told_apart(rule: str) -> None:
    """What it had committed before it was amended, what it has left there, and what was put in."""
    made = market(allocation=rule)
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("a", "ann", 80, 5), now=1)
    made.submit(request(60), now=2, time_in_force=Auction(closes_at=9))
    made.amend("a", amount=100, min_rate=30_000, now=3)
    made.amend("a", amount=130, now=4)
    made.advance(9)
    assert codes(events, made.rules) == set()
