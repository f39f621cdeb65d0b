"""Call auctions as the auditor works them out again: sound ones pass, each thing spoiled is named."""

from collections.abc import Callable
from random import Random
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from p2pmatch import Level, Limits, Loan, Lottery, Marketplace, Note, Notes, Rules, Split
from p2pmatch import events as e
from p2pmatch.audit import Auditor, audit_events
from tests.helpers import market, request
from tests.machines.test_twin import History
from tests.strategies import Draw

Events = list[e.Event]


def lived(**rules: Any) -> tuple[Rules, Events]:
    """Three loans of 240 matched: the last is limited, because p2 asks for a loan to itself."""
    made = market(matching="call", **rules)
    events: Events = []
    made.subscribe(events.append)
    for number, percent in enumerate([5, 5, 6, 6, 8]):
        made.post_many(
            {
                "offer_id": [f"o{number}"],
                "lender_id": [f"p{number}"],
                "amount": [60],
                "min_rate": [percent * 10_000],
            },
            now=0,
        )
    for number, (amount, percent) in enumerate([(100, 9), (70, 7), (70, 7), (50, 5)]):
        borrower = "p2" if number == 2 else f"b{number}"
        made.submit(request(amount, percent, request_id=f"r{number}", borrower_id=borrower), now=1)
    made.uncross("A", 36, now=2)
    return made.rules, events


def spoiled(loan: Loan, up: int) -> Loan:
    notes = [Note(n.offer_id, n.lender_id, n.amount, n.rate + up) for n in loan.notes]
    return Loan(loan.request, loan.principal, Notes.of(notes))


def dearer(events: Events) -> Events:
    """A rate that does not clear, in the loans and in what is said of them."""
    found: Events = []
    for event in events:
        if isinstance(event, e.LoanMade):
            found.append(attrs.evolve(event, loan=spoiled(event.loan, 1)))
        elif isinstance(event, e.CellUncrossed) and event.rate is not None:
            found.append(attrs.evolve(event, rate=event.rate + 1))
        else:
            found.append(event)
    return found


def said(**changes: Any) -> Callable[[Events], Events]:
    return lambda events: [
        attrs.evolve(event, **changes) if isinstance(event, e.CellUncrossed) else event
        for event in events
    ]


def without(request_id: str) -> Callable[[Events], Events]:
    return lambda events: [
        event
        for event in events
        if not (isinstance(event, e.LoanMade) and event.loan.request_id == request_id)
    ]


def swapped(events: Events) -> Events:
    """The second loan is made before the first."""
    first, second, _ = (i for i, x in enumerate(events) if isinstance(x, e.LoanMade))
    events[first], events[second] = events[second], events[first]
    return events


SPOILED: dict[str, tuple[Callable[[Events], Events], set[str]]] = {
    "nothing": (lambda events: events, set()),
    "the rate": (dearer, {"clearing"}),
    "the rate as it is said": (said(rate=60_001), {"clearing"}),
    "what is matched": (said(matched=241), {"clearing"}),
    "what is lent": (said(volume=1), {"clearing"}),
    "the supply": (said(supply=1), {"clearing"}),
    "the demand": (said(demand=1), {"clearing"}),
    "the margin": (said(at_margin=(120, 119)), {"clearing"}),
    "who is turned away": (said(turned_away=()), {"clearing"}),
    "a loan that is left out": (without("r1"), {"clearing"}),
    "the order of the loans": (swapped, {"clearing", "priority", "size"}),
}

RULES: list[Any] = ["fifo", "pro_rata", "equal_share", Split(500_000), Lottery(5)]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("name", SPOILED)
def test_what_is_spoiled_is_named(name: str, rule: Any) -> None:
    spoil, codes = SPOILED[name]
    rules, events = lived(allocation=rule, lender_limits=Limits(per_loan=50))
    found = {breach.code for breach in audit_events(rules, spoil(list(events))).breaches}
    assert found == codes if len(codes) < 2 else found & codes


def test_notes_of_other_offers_than_those_matched_are_named() -> None:
    rules, events = lived(lender_limits=Limits(per_loan=50))
    at = next(i for i, event in enumerate(events) if isinstance(event, e.LoanMade))
    made = events[at]
    assert isinstance(made, e.LoanMade)
    notes = [Note(n.offer_id, n.lender_id, n.amount, n.rate) for n in made.loan.notes]
    notes[-1] = attrs.evolve(notes[-1], offer_id="o3", lender_id="p3")
    events[at] = attrs.evolve(
        made, loan=Loan(made.loan.request, made.loan.principal, Notes.of(notes))
    )
    assert audit_events(rules, events).breaches[0].code == "priority"


class LastFirst:
    """The last to arrive gives first."""

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        before = level.rooms[::-1].cumsum()[::-1] - level.rooms
        return np.clip(level.need - before, 0, level.rooms)


def test_a_rule_of_the_users_own_is_held_to_the_crossing() -> None:
    rules, events = lived(allocation=LastFirst())
    assert audit_events(rules, events).ok
    assert not audit_events(rules, dearer(events)).ok


@pytest.mark.parametrize("rule", ["fifo", Lottery(3)], ids=str)
@pytest.mark.parametrize(
    ("amounts", "wanted", "matched"), [((40, 40), 50, 50), ((25, 40), 30, 25), ((25, 25), 30, 25)]
)
def test_a_margin_too_small_for_a_note(
    rule: Any, amounts: tuple[int, int], wanted: int, matched: int
) -> None:
    """Of two offers the second brings its part up to 25, or is left out."""
    made = market(matching="call", allocation=rule, min_note=25)
    auditor = Auditor(made.rules)
    made.subscribe(auditor.see)
    made.post_many(
        {
            "offer_id": ["a", "b"],
            "lender_id": ["ann", "ben"],
            "amount": list(amounts),
            "min_rate": [50_000, 50_000],
        },
        now=0,
    )
    made.submit(request(wanted), now=1)
    assert made.uncross("A", 36, now=2).volume in {matched, wanted}
    assert auditor.report().ok, str(auditor.report())


class CallDraw(Draw):
    """Call markets only."""

    def _rules(self, scale: int) -> Rules:
        rules = super()._rules(scale)
        point = self.random.choice([0, 1])
        return attrs.evolve(rules, pricing="pay_as_offered", matching="call", clearing_point=point)


@pytest.mark.parametrize("seed", range(15))
def test_random_call_markets_pass(seed: int) -> None:
    random = Random(seed)
    draw = CallDraw(random)
    made = Marketplace(draw.rules)
    auditor = Auditor(draw.rules)
    made.subscribe(auditor.see)
    for now in range(12):
        for _ in range(random.randrange(6)):
            made.post(draw.offer(now), now=now)
        for _ in range(random.randrange(5)):
            hold_for = random.choice([None, None, 2])
            made.submit(draw.request(now), now=now, hold_for=hold_for)
        for offer in list(made.offers())[: random.randrange(3)]:
            if offer.state == "standing":
                made.amend(offer.offer_id, amount=offer.amount + draw.money(6), now=now)
        made.uncross(*random.choice(draw.rules.cells), now=now)
        made.check()
    assert auditor.report().ok, str(auditor.report())


def test_random_histories_of_call_markets_are_among_those_of_the_twin() -> None:
    assert any(History(Random(seed)).draw.rules.matching == "call" for seed in range(60))
