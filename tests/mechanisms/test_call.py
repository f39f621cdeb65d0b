"""The call auction: volume by brute force, a rate that clears, limits, dust, statistics."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import (
    BorrowerLimits,
    InvariantError,
    Level,
    Limits,
    Listing,
    Lottery,
    Marketplace,
    Offer,
    Request,
    Split,
    rate,
)
from p2pmatch import events as e
from p2pmatch.audit import Auditor
from p2pmatch.errors import InvalidValue
from p2pmatch.mechanisms.call import cross
from tests.helpers import market, offer, request
from tests.shared import shared

Bid = tuple[int, int, int]


def call(*offers: tuple[str, str, int, int], **rules: Any) -> Marketplace:
    return market(*offers, matching="call", **rules)


def crossing(
    asks: list[tuple[int, int]], bids: Sequence[Bid], point: Fraction = Fraction(0)
) -> tuple[int, int | None, list[tuple[int, int]]]:
    asks = sorted(asks)
    rates = np.array([ask for ask, _ in asks], dtype=np.int64)
    supply = np.array([amount for _, amount in asks], dtype=np.int64)
    found = cross(rates, supply, bids, point)
    return found.volume, found.rate, list(found.parts)


# The crossing alone


def test_published_numbers() -> None:
    text = shared("conformance", "allocation", "published.json").read_text(encoding="utf-8")
    cases = [case for case in json.loads(text) if case["rule"] == "uncross"]
    assert cases
    for case in cases:
        made = market(matching="call")
        for number, (ask, amount) in enumerate(case["offers"]):
            posted = Offer(
                offer_id=f"o{number}", lender_id=f"l{number}", amount=amount, min_rate=rate(ask)
            )
            made.post(posted, now=0)
        for number, (bid, amount) in enumerate(case["requests"]):
            made.submit(asked_for(f"r{number}", amount, rate(bid)), now=1)
        done = made.uncross("A", 36, now=2)
        assert (done.rate, done.volume) == (rate(case["rate"]), case["volume"])


def asked_for(request_id: str, amount: int, max_rate: int, least: int = 1) -> Request:
    return Request(
        request_id=request_id, borrower_id=f"of {request_id}", amount=amount, max_rate=max_rate,
        grade="A", term=36, min_amount=least,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("point", "clears"),
    [(Fraction(0), 50), (Fraction(1, 2), 60), (Fraction(1, 3), 56), (Fraction(1), 70)],
)
def test_the_point_in_the_interval(point: Fraction, clears: int) -> None:
    """The last accepted ask is 50, the last accepted bid 80, the first excluded ones 70 and 40."""
    found = crossing([(50, 100), (70, 100)], [(80, 100, 1), (40, 100, 1)], point)
    assert found == (100, clears, [(0, 100)])


@pytest.mark.parametrize(
    ("asks", "bids", "expected"),
    [
        ([], [(80, 100, 1)], (0, None, [])),
        ([(50, 100)], [], (0, None, [])),
        ([(50, 100)], [(49, 100, 1)], (0, None, [])),
        # Nothing excluded on either side: from the last ask to the last bid.
        ([(50, 100)], [(80, 100, 1)], (100, 50, [(0, 100)])),
        # The unit of demand that is left out would pay 80: the rate may not be lower.
        ([(50, 100)], [(80, 150, 1)], (100, 80, [(0, 100)])),
        ([(50, 100)], [(80, 100, 1), (60, 5, 1)], (100, 60, [(0, 100)])),
        # Nobody with less than its least amount takes part; the next may.
        ([(50, 100)], [(80, 60, 1), (70, 50, 50), (60, 30, 1)], (90, 50, [(0, 60), (2, 30)])),
        ([(50, 100)], [(80, 150, 101)], (0, None, [])),
    ],
)
def test_by_hand(
    asks: list[tuple[int, int]],
    bids: list[Bid],
    expected: tuple[int, int | None, list[tuple[int, int]]],
) -> None:
    assert crossing(asks, bids) == expected


asks_drawn = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 30)), max_size=8)
bids_drawn = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), max_size=8)


@given(
    asks=asks_drawn,
    bids=bids_drawn,
    point=st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1)]),
)
def test_the_volume_is_the_largest_over_all_rates_and_the_rate_clears(
    asks: list[tuple[int, int]], bids: list[tuple[int, int]], point: Fraction
) -> None:
    ranked = sorted(((bid, amount, 1) for bid, amount in bids), key=lambda bid: -bid[0])
    volume, clears, parts = crossing(asks, ranked, point)

    def supply(at: int) -> int:
        return sum(amount for ask, amount in asks if ask <= at)

    def demand(at: int) -> int:
        return sum(amount for bid, amount in bids if bid >= at)

    assert volume == max(min(supply(at), demand(at)) for at in range(-1, 14))
    assert sum(part for _, part in parts) == volume
    if clears is None:
        return
    # At this rate as much changes hands, so nobody accepted would rather not have.
    assert min(supply(clears), demand(clears)) == volume
    # Nobody is left out who would have had it better: dearer bids and cheaper asks are served whole.
    given = dict(parts)
    for position, (bid, amount, _) in enumerate(ranked):
        if bid > clears:
            assert given[position] == amount
        if bid < clears:
            assert position not in given
    assert sum(amount for ask, amount in asks if ask < clears) <= volume


# The whole auction


def test_loans_come_off_the_matched_supply_in_rank_order() -> None:
    made = call(("a", "ann", 100, 5), ("b", "ben", 100, 6), ("c", "cy", 100, 7))
    made.submit(request(40, 6, request_id="r1"), now=1)
    made.submit(request(150, 8, request_id="r2"), now=1)
    made.submit(request(100, 5, request_id="r3", borrower_id="bea"), now=1)
    events: list[e.Event] = []
    made.subscribe(events.append)
    done = made.uncross("A", 36, now=2)
    assert (done.rate, done.volume, done.matched) == (60_000, 190, 190)
    assert [loan.request_id for loan in done.loans] == ["r2", "r1"]
    assert [(n.offer_id, n.amount, n.rate) for n in made.loan("r2").notes] == [
        ("a", 100, 60_000), ("b", 50, 60_000),
    ]  # fmt: skip
    assert [(n.offer_id, n.amount) for n in made.loan("r1").notes] == [("b", 40)]
    assert {note.rate_source for note in made.loan("r1").notes} == {"clearing"}
    assert (done.supply, done.demand, done.supply_left, done.demand_left) == (300, 290, 110, 100)
    assert done.at_margin == (100, 90)
    assert done.share_at_margin == Fraction(9, 10)
    assert done.bid_to_cover == Fraction(290, 190)
    assert done.unfunded == ()
    assert [type(event) for event in events] == [e.LoansMade, e.CellUncrossed]
    # r3 rests on, and meets what comes.
    assert [status.request.request_id for status in made.requests()] == ["r3"]
    made.post(offer("d", "dan", 100, 5), now=3)
    assert made.uncross("A", 36, now=3).volume == 100
    made.check()


def test_a_loan_smaller_than_was_asked_for_says_so() -> None:
    """The short way and the way of loans that are held say the same."""
    for hold_for, kind in ((None, e.LoansMade), (5, e.LoanHeld)):
        made = call(("a", "ann", 100, 5))
        made.submit(request(150), now=1, hold_for=hold_for)
        events: list[e.Event] = []
        made.subscribe(events.append)
        made.uncross("A", 36, now=2)
        assert [type(event) for event in events] == [kind, e.RequestUnfunded, e.CellUncrossed]
        assert {event.now for event in events} == {2}
        unfunded = events[1]
        assert isinstance(unfunded, e.RequestUnfunded)
        assert unfunded.request.request_id == "r1"
        assert (unfunded.amount, unfunded.reason) == (50, "not_enough_room")


def test_a_loan_of_all_that_was_asked_for_says_no_more() -> None:
    made = call(("a", "ann", 100, 5))
    made.submit(request(100), now=1, hold_for=5)
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.uncross("A", 36, now=2)
    assert [type(event) for event in events] == [e.LoanHeld, e.CellUncrossed]


@pytest.mark.parametrize("rules", [{"lender_limits": Limits(per_loan=200)}, {}])
def test_a_rest_too_small_for_a_note_is_no_offers_tail(rules: dict[str, Any]) -> None:
    """What r1 leaves of a, 10, is too little for r2, which lacks 10: c is brought up to a note."""
    made = call(("z", "bob", 50, 4), ("a", "ann", 40, 5), ("c", "cy", 100, 6), min_note=25, **rules)
    made.post(offer("green", "dan", 100, 19, requires={"green"}), now=0)
    made.submit(request(30, 20, request_id="r1"), now=1)
    made.submit(request(60, 19, request_id="r2", borrower_id="bea"), now=1)
    made.submit(request(100, 18, request_id="r3", borrower_id="ben"), now=1)
    made.uncross("A", 36, now=2)
    loans = {
        request_id: [(n.offer_id, n.amount) for n in made.loan(request_id).notes]
        for request_id in ("r1", "r2", "r3")
    }
    assert loans == {"r1": [("a", 30)], "r2": [("z", 35), ("c", 25)], "r3": [("c", 75)]}


def test_nothing_crosses() -> None:
    made = call(("a", "ann", 100, 9))
    made.submit(request(40, 6), now=1)
    done = made.uncross("A", 36, now=2)
    assert (done.rate, done.volume, done.matched, len(done.loans)) == (None, 0, 0, 0)
    assert done.at_margin == (0, 0)
    assert (done.share_at_margin, done.bid_to_cover) == (None, None)
    assert (done.supply_left, done.demand_left) == (100, 40)
    assert made.request("r1").state == "resting"


def test_a_request_waits_and_expires() -> None:
    made = call(("a", "ann", 100, 5))
    result = made.submit(request(40, expires_at=5), now=1)
    assert (result.loan, result.unfunded, result.reason) == (None, 40, "resting")
    assert made.request("r1").deadline == 5
    gone = made.advance(5)[0]
    assert isinstance(gone, e.RequestUnfunded)
    assert (gone.amount, gone.reason) == (40, "expired")
    assert made.uncross("A", 36, now=5).volume == 0


def test_an_offer_that_expires_is_not_supply() -> None:
    made = call()
    made.post(offer("a", "ann", 100, 5, expires_at=5), now=1)
    made.submit(request(40), now=1)
    assert made.uncross("A", 36, now=5).supply == 0


def test_quotes_say_that_requests_rest() -> None:
    made = call(("a", "ann", 100, 5))
    quote = made.quote(request(40), now=1)
    assert (quote.principal, quote.unfunded, quote.reason) == (0, 40, "resting")


def test_listings_are_refused() -> None:
    made = call(("a", "ann", 100, 5))
    with pytest.raises(InvalidValue) as refused:
        made.submit(request(40), now=1, time_in_force=Listing(closes_at=5))
    assert refused.value.code == "contradiction"


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("fifo", {"a": 60, "b": 30, "c": 0}),
        ("pro_rata", {"a": 60, "b": 20, "c": 10}),
        ("equal_share", {"a": 60, "b": 15, "c": 15}),
        (Split(500_000), {"a": 60, "b": 24, "c": 6}),
    ],
)
def test_the_margin_is_shared_by_the_rule(rule: Any, parts: dict[str, int]) -> None:
    """90 of 60 at 5 % and 90 at 6 %: 30 of 60 and 30."""
    made = call(("a", "ann", 60, 5), ("b", "ben", 60, 6), ("c", "cy", 30, 6), allocation=rule)
    made.submit(request(90, 6), now=1)
    done = made.uncross("A", 36, now=2)
    assert done.at_margin == (90, 30)
    assert {name: made.offer(name).lent for name in parts} == parts


def test_the_margin_is_one_rate_alone() -> None:
    """60 at 6.0000 % come before 60 at 6.0001 %, of which 30 are needed."""
    made = call(allocation="pro_rata")
    for name, min_rate in (("a", 60_000), ("b", 60_001)):
        made.post(Offer(offer_id=name, lender_id=name, amount=60, min_rate=min_rate), now=0)
    made.submit(request(90), now=1)
    done = made.uncross("A", 36, now=2)
    assert (done.rate, done.at_margin) == (60_001, (60, 30))
    assert (made.offer("a").lent, made.offer("b").lent) == (60, 30)


def test_a_lottery_at_the_margin_is_drawn_for_the_auction() -> None:
    """Anybody who knows the seed can draw it again: cell and time stand for the request."""
    winners = set()
    for seed in range(20):
        made = call(("a", "ann", 60, 5), ("b", "ben", 60, 5), allocation=Lottery(seed))
        made.submit(request(60), now=1)
        loan = made.uncross("A", 36, now=2).loans[0]
        lots = Lottery(seed).draw("call A 36 2", ["a", "b"])
        assert loan.notes[0].offer_id == ("a" if lots[0] < lots[1] else "b")
        winners.add(loan.notes[0].offer_id)
    assert winners == {"a", "b"}


class Twice:
    """Gives twice what there is."""

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        return level.rooms * 2


def test_a_rule_is_held_to_its_contract_at_the_margin_too() -> None:
    made = call(("a", "ann", 60, 5), ("b", "ben", 60, 5), allocation=Twice())
    made.submit(request(100), now=1)
    with pytest.raises(InvariantError, match="Twice"):
        made.uncross("A", 36, now=2)
    assert made.offer("a").remaining == 60


# What a limit turns away: rules, offers, requests as (amount, changes); volume and reasons.
LIMITED: dict[str, tuple[dict[str, Any], list[Offer], list[Request], int, list[str]]] = {
    "a lender's per loan": (
        {"lender_limits": Limits(per_loan=30)}, [offer("a", "ann", 100, 5), offer("b", "ben", 100, 6)],
        [request(150)], 60, ["per_loan"],
    ),
    "a lender's total": (
        {"lender_limits": Limits(total=30)}, [offer("a", "ann", 100, 5)], [request(50)], 30, ["total"],
    ),
    "a share": ({"max_share": 500_000}, [offer("a", "ann", 100, 5)], [request(50)], 0, ["max_share"]),
    "an offer's cap": (
        {}, [offer("a", "ann", 100, 5, max_per_loan=20)], [request(50)], 20, ["offer_max_per_loan"],
    ),
    "an offer's share": (
        {}, [offer("b", "ben", 10, 5), offer("a", "ann", 100, 5, max_share=500_000)], [request(90)],
        20, ["offer_max_share"],
    ),
    "the lender is the borrower": (
        {}, [offer("b", "ben", 10, 5), offer("a", "bob", 100, 5)], [request(90)], 10, ["same_party"],
    ),
    "tags": (
        {}, [offer("b", "ben", 10, 5), offer("a", "ann", 100, 5, requires={"green"})],
        [request(90)], 10, ["tags"],
    ),
    "the smallest note": (
        {"min_note": 25}, [offer("a", "ann", 40, 5)], [request(30, request_id="r1"), request(10, request_id="r2")],
        30, ["below_min_note"],
    ),
    # F = 20 + F / 2 = 40. At that size the share turns 80 of ann's away, her limit 50.
    "a share of the loan that is made, not of the one wanted": (
        {"lender_limits": Limits(per_loan=50), "max_share": 500_000},
        [offer("c", "cy", 20, 4), offer("a", "ann", 100, 5)], [request(120)], 40, ["max_share"],
    ),
    # F falls to nothing. At the size wanted the limit turns away 50, the share 10.
    "a share of the loan wanted, where none is made": (
        {"lender_limits": Limits(per_loan=50), "max_share": 900_000}, [offer("a", "ann", 100, 5)],
        [request(100)], 0, ["per_loan"],
    ),
    # Ann gives 30 and 30. Of the 70 left her limit turns all away; the cap has 10 to go.
    "a lender's limit counts all of its offers": (
        {"lender_limits": Limits(per_loan=60)},
        [offer("a1", "ann", 30, 5), offer("a2", "ann", 100, 6, max_per_loan=40)], [request(130)],
        60, ["per_loan"],
    ),
    # Ann gives 30 and 20, ben 20. The limit turns away 80 of ann's; the caps 40 of hers, 30 of his.
    "an offer's cap counts what that offer gives": (
        {"lender_limits": Limits(per_loan=50)},
        [
            offer("a1", "ann", 30, 5),
            offer("a2", "ann", 100, 6, max_per_loan=60),
            offer("b", "ben", 50, 6, max_per_loan=20),
        ],
        [request(180)], 70, ["per_loan"],
    ),
    "two that turn away the same": (
        {}, [offer("a", "ann", 110, 5, max_per_loan=30), offer("b", "ben", 80, 6, requires={"green"})],
        [request(190)], 30, ["offer_max_per_loan"],
    ),
    "what is lent is not turned away": (
        {}, [offer("a", "ann", 100, 5, max_per_loan=50), offer("b", "ben", 60, 6, requires={"green"})],
        [request(160)], 50, ["tags"],
    ),
    "a limit, and an offer that expires one day": (
        {"lender_limits": Limits(per_loan=30)}, [offer("a", "ann", 100, 5, expires_at=50)],
        [request(50)], 30, ["per_loan"],
    ),
    "more offers than fit in one chunk": (
        {}, [offer("own", "bob", 1_000, 4), *(offer(f"o{i}", f"l{i}", 10, 5) for i in range(600))],
        [request(7_000)], 6_000, ["same_party"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITED)
def test_limits_hold_and_never_abort(name: str) -> None:
    rules, offers, requests, volume, reasons = LIMITED[name]
    made = call(**rules)
    auditor = Auditor(made.rules)
    made.subscribe(auditor.see)
    for posted in offers:
        made.post(posted, now=0)
    for asked in requests:
        made.submit(asked, now=1)
    done = made.uncross("A", 36, now=2)
    assert done.volume == volume
    assert [reason for _, _, reason in done.unfunded] == reasons
    assert done.matched - done.volume == sum(amount for _, amount, _ in done.unfunded)
    made.check()
    assert auditor.report().ok, str(auditor.report())


def test_what_is_outstanding_already_counts_against_a_limit() -> None:
    made = call(("a", "ann", 240, 5), lender_limits=Limits(total=100))
    made.submit(request(40, request_id="r0"), now=1)
    assert made.uncross("A", 36, now=1).volume == 40
    for lender in ("ben", "cy"):
        made.post(offer(lender, lender, 65, 6, requires={"green"}), now=2)
    made.submit(request(330), now=2)
    done = made.uncross("A", 36, now=2)
    # 60 of ann's 200: her total turns away 140, the tags 130.
    assert (done.volume, done.unfunded) == (60, (("r1", 270, "total"),))


def test_a_borrowers_limit() -> None:
    made = call(("a", "ann", 100, 5))
    made.set_borrower_limits("bob", BorrowerLimits(total=60), now=0)
    made.submit(request(50, request_id="r1"), now=1)
    made.submit(request(40, request_id="r2"), now=1)
    done = made.uncross("A", 36, now=2)
    assert done.volume == 60
    assert done.unfunded == (("r2", 30, "borrower_limit"),)


def test_who_is_turned_away_and_has_no_loan_rests_on() -> None:
    made = call(("a", "bob", 100, 5), ("b", "ben", 10, 6))
    made.submit(request(100), now=1)
    done = made.uncross("A", 36, now=2)
    # Bob's own offer was matched: the volume is that of the crossing, and nobody else's instead.
    assert (done.matched, done.volume, done.rate) == (100, 0, None)
    assert done.unfunded == (("r1", 100, "same_party"),)
    assert made.request("r1").state == "resting"


def test_loans_of_an_auction_may_wait_for_a_yes() -> None:
    made = call(("a", "ann", 100, 5))
    made.submit(request(60), now=1, hold_for=5)
    done = made.uncross("A", 36, now=2)
    assert len(done.loans) == 1
    assert made.request("r1").state == "held"
    assert made.accept("r1", now=3) == done.loans[0]


@given(data=st.data())
def test_all_at_once_is_the_same_as_loan_after_loan(data: st.DataObject) -> None:
    """A limit that binds nobody takes the auction off the short way; nothing else may change."""
    asks = data.draw(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 30)), max_size=8))
    bids = data.draw(
        st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40), st.integers(1, 40)), max_size=8)
    )
    outcomes = []
    for limits in (Limits(), Limits(total=10**11)):
        made = call(lender_limits=limits)
        auditor = Auditor(made.rules)
        made.subscribe(auditor.see)
        for number, (ask, amount) in enumerate(asks):
            made.post(offer(f"o{number}", f"l{number % 3}", amount, ask), now=0)
        for number, (bid, amount, least) in enumerate(bids):
            made.submit(
                request(amount, bid, request_id=f"r{number}", min_amount=min(least, amount)), now=1
            )
        done = made.uncross("A", 36, now=2)
        made.check()
        assert auditor.report().ok
        rest = [status.request.request_id for status in made.requests()]
        exposures = [made.exposure(f"l{number}") for number in range(3)]
        owed = made.borrower_outstanding("bob")
        outcomes.append((done, list(done.loans), rest, exposures, owed, list(made.offers())))
    short, long = outcomes
    assert short[1:] == long[1:]
    for field in ("rate", "volume", "matched", "supply", "demand", "at_margin", "unfunded"):
        assert getattr(short[0], field) == getattr(long[0], field)


def test_loans_made_together_are_loans_like_others() -> None:
    made = call(("a", "ann", 100, 5), ("b", "ben", 100, 6))
    made.submit(request(120, request_id="r1"), now=1)
    made.submit(request(70, request_id="r2", borrower_id="bea"), now=1)
    done = made.uncross("A", 36, now=2)
    assert made.borrower_outstanding("bea") == 70
    made.repay("r1", 20, now=3)
    assert made.borrower_outstanding("bob") == 100
    assert made.exposure("ann").total + made.exposure("ben").total == 170
    assert made.loan("r2") == done.loans[1] == done.loans[-1]
    assert done.loans[0:2] == list(done.loans)
    with pytest.raises(IndexError):
        done.loans[2]
    made.check()


def test_a_loan_that_ends_where_an_offer_ends_has_no_note_of_nothing() -> None:
    made = market(("a", "ann", 1, 5), ("b", "ben", 99, 5), matching="call")
    for request_id, amount in (("r1", 1), ("r2", 99)):
        made.submit(request(amount, request_id=request_id), now=1)
    made.uncross("A", 36, now=2)
    assert [
        [(note.offer_id, note.amount) for note in made.loan(request_id).notes]
        for request_id in ("r1", "r2")
    ] == [[("a", 1)], [("b", 99)]]
    made.check()
