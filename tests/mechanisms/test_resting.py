"""Listings, auctions and loans that wait for a yes: by hand, step by step."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from p2pmatch import (
    Auction,
    BorrowerLimits,
    InvalidValue,
    Limits,
    Listing,
    Lottery,
    Marketplace,
    Offer,
    P2PMatchError,
    Refused,
    Split,
    UnknownName,
)
from p2pmatch import events as e
from p2pmatch.audit import Auditor
from p2pmatch.columns import read_offers
from tests.helpers import many, market, notes, offer, request


def kinds(events: tuple[e.Event, ...]) -> list[str]:
    """The names of events."""
    return [type(event).__name__ for event in events]


def committed(made: Marketplace, request_id: str = "r1") -> list[tuple[str, int]]:
    """What is committed to a request, in rank order."""
    return [(note.offer_id, note.amount) for note in made.request(request_id).notes]


# Listings


def test_what_several_parts_of_an_offer_have_committed_counts_against_its_cap() -> None:
    made = market()
    made.post(offer("a", "ann", 4, 5, max_per_loan=10), now=0)
    made.amend("a", amount=8, now=0)
    made.submit(request(30), now=1, time_in_force=Listing(closes_at=9))
    assert committed(made) == [("a", 4), ("a", 4)]
    made.amend("a", amount=20, now=2)
    assert committed(made) == [("a", 4), ("a", 4), ("a", 2)]


def test_a_listing_meets_offers_that_come_together_one_after_the_other() -> None:
    made = market(grades=["A", "B"])
    made.submit(request(100), now=0, time_in_force=Listing(closes_at=9))
    told: list[e.Event] = []
    made.subscribe(told.append)
    percent, grades = [9, 8, 30, 5, 4], ["B", "", "B", "A", "A|B"]
    columns = many(5, amount=[60] * 5, min_rate=[p * 10_000 for p in percent], grades=grades)
    made.post_many(columns, now=1)
    # The loan is made as soon as it is whole; the cheapest, which came last, is too late.
    assert [(note.offer_id, note.amount) for note in made.loan("r1").notes] == [
        ("o3", 40),
        ("o1", 60),
    ]
    assert kinds(tuple(told)) == [
        "OffersPosted",
        "MoneyCommitted",
        "OffersPosted",
        "MoneyCommitted",
        "LoanMade",
        "OfferPosted",
    ]
    # Offers of other cells come together with the next that it meets.
    assert [len(event.offers) for event in told if isinstance(event, e.OffersPosted)] == [2, 2]


def test_what_is_due_is_met_before_all_but_the_first_of_offers_that_come_together() -> None:
    def waiting() -> Marketplace:
        made = market(("a", "ann", 60, 8), grades=["A", "B"])
        made.submit(request(60), now=0, hold_for=5)
        made.submit(request(60, request_id="r2"), now=1, time_in_force=Listing(closes_at=9))
        return made

    together, one_by_one = waiting(), waiting()
    columns = many(2, amount=[60, 60], min_rate=[50_000, 40_000], grades=["B", "A"])
    together.post_many(columns, now=5)
    for row in read_offers(columns):
        one_by_one.post(row, now=5)
    # What comes back when the held loan lapses is there before the cheaper offer.
    assert [note.offer_id for note in together.loan("r2").notes] == ["a"]
    assert together.digest() == one_by_one.digest()


def test_a_listing_takes_what_there_is_and_waits_for_the_rest() -> None:
    made = market(("a", "ann", 100, 5))
    result = made.submit(request(150), now=1, time_in_force=Listing(closes_at=9))
    assert (result.loan, result.committed, result.unfunded, result.reason) == (
        None,
        100,
        50,
        "resting",
    )
    status = made.offer("a")
    assert (status.remaining, status.committed, status.lent) == (0, 100, 0)
    waiting = made.request("r1")
    assert (waiting.state, waiting.deadline, waiting.committed) == ("resting", 9, 100)

    made.post(offer("b", "ben", 80, 7), now=2)
    loan = made.loan("r1")
    assert [(note.offer_id, note.amount, note.rate) for note in loan.notes] == [
        ("a", 100, 50_000),
        ("b", 50, 70_000),
    ]
    status = made.offer("b")
    assert (status.remaining, status.committed, status.lent) == (30, 0, 50)
    assert list(made.requests()) == []
    made.check()


def test_a_listing_that_finds_everything_at_once_is_a_loan_at_once() -> None:
    made = market(("a", "ann", 100, 5))
    result = made.submit(request(60), now=1, time_in_force=Listing(closes_at=9))
    assert notes(result) == [("a", 60)]
    assert kinds(result.events) == ["RequestRests", "MoneyCommitted", "LoanMade"]


def test_a_listing_that_lacks_one_unit_takes_it() -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(101), now=1, time_in_force=Listing(closes_at=9))
    made.post(offer("b", "ben", 50, 7), now=2)
    assert [(note.offer_id, note.amount) for note in made.loan("r1").notes] == [
        ("a", 100),
        ("b", 1),
    ]


def test_a_listing_does_not_give_up_what_it_has_for_something_cheaper() -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(150), now=1, time_in_force=Listing(closes_at=9))
    made.post(offer("b", "ben", 30, 1), now=2)
    assert committed(made) == [("b", 30), ("a", 100)]


@pytest.mark.parametrize(
    ("least", "loan", "reason"), [(100, 100, "not_enough_room"), (101, 0, "below_min_amount")]
)
def test_a_listing_closes_with_what_it_has_or_gives_it_back(
    least: int, loan: int, reason: str
) -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 40, 6), ("c", "cy", 40, 5))
    made.submit(request(200, 5, min_amount=least), now=1, time_in_force=Listing(closes_at=9))
    made.submit(request(10, 5, request_id="r2"), now=1)
    events = made.advance(9)
    rest = events[-1]
    assert isinstance(rest, e.TimeAdvanced)
    unfunded = next(event for event in events if isinstance(event, e.RequestUnfunded))
    assert (unfunded.amount, unfunded.reason) == (200 - loan, reason)
    if loan:
        assert made.loan("r1").principal == loan
    else:
        # At its old place: a before c before b.
        assert [(entry.offer_id, entry.remaining) for entry in made.queue("A", 36)] == [
            ("a", 60), ("c", 40), ("b", 40),
        ]  # fmt: skip
    made.check()


def test_what_comes_back_stands_at_its_old_place() -> None:
    """d came after a, and has the same rate: with a's money back, a is before it again."""
    made = market(("a", "ann", 60, 5))
    made.submit(request(100), now=1, time_in_force=Listing(closes_at=9))
    made.post(offer("d", "dan", 60, 5, requires={"green"}), now=2)
    assert kinds(made.withdraw("r1", now=3)) == ["MoneyReleased", "RequestUnfunded"]
    assert [entry.offer_id for entry in made.queue("A", 36)] == ["a", "d"]
    assert made.offer("a").committed == 0


def test_money_committed_counts_against_limits() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ann", 100, 5), lender_limits=Limits(total=120))
    made.submit(request(150), now=1, time_in_force=Listing(closes_at=9))
    assert committed(made) == [("a", 100), ("b", 20)]
    assert made.submit(request(10, request_id="r2"), now=2).reason == "below_min_amount"
    outstanding = made.exposure("ann")
    assert (outstanding.total, outstanding.committed) == (0, 120)
    assert made.borrower_outstanding("bob") == 0
    made.advance(9)
    outstanding = made.exposure("ann")
    assert (outstanding.total, outstanding.committed, outstanding.by_grade) == (120, 0, {"A": 120})


def test_what_a_listing_lets_go_meets_the_others_in_their_order() -> None:
    """r2 pays most, r3 came before r4."""
    made = market(("a", "ann", 100, 5))
    made.submit(request(300, 9, request_id="r1"), now=1, time_in_force=Listing(closes_at=9))
    for request_id, percent in (("r3", 7), ("r4", 7), ("r2", 8)):
        asked = request(60, percent, request_id=request_id)
        made.submit(asked, now=2, time_in_force=Listing(closes_at=20))
    assert [status.request.request_id for status in made.requests()] == ["r1", "r2", "r3", "r4"]
    made.withdraw("r1", now=3)
    assert made.loan("r2").principal == 60
    assert committed(made, "r3") == [("a", 40)]
    assert committed(made, "r4") == []


def test_cancelling_returns_its_own_money_whatever_else_happens() -> None:
    """r1 closes first, and what it gives back meets r2 behind the cancelling."""
    made = market(("a", "ann", 100, 5))
    made.submit(request(200, min_amount=200), now=1, time_in_force=Listing(closes_at=10))
    made.submit(request(90, request_id="r2"), now=2, time_in_force=Listing(closes_at=99))
    made.post(offer("x", "xe", 40, 30), now=3)
    heard: list[e.Event] = []
    made.subscribe(heard.append)
    assert made.cancel("x", now=10) == 40
    assert kinds(tuple(heard)) == [
        "MoneyReleased",
        "RequestUnfunded",
        "OfferCancelled",
        "MoneyCommitted",
        "LoanMade",
    ]


def test_a_request_due_earlier_closes_before_one_due_later() -> None:
    """What r1 gives back at 5 comes too late for r2, which closes at 6: nobody meets in between."""
    made = market(("a", "ann", 100, 5))
    made.submit(request(200, min_amount=200), now=1, time_in_force=Listing(closes_at=5))
    made.submit(request(100, request_id="r2"), now=1, time_in_force=Listing(closes_at=6))
    made.submit(request(100, request_id="r3"), now=1, time_in_force=Listing(closes_at=9))
    events = made.advance(7)
    ended = [event.request.request_id for event in events if isinstance(event, e.RequestUnfunded)]
    assert ended == ["r1", "r2"]
    assert made.loan("r3").principal == 100


def test_shares_of_a_smaller_loan_are_smaller_when_a_listing_closes() -> None:
    """Half of 100 is 50; the loan is what no lender has more than half of."""
    made = market(("a", "ann", 50, 5), ("b", "ben", 20, 5), max_share=500_000)
    made.submit(request(100), now=1, time_in_force=Listing(closes_at=9))
    assert committed(made) == [("a", 50), ("b", 20)]
    events = made.advance(9)
    released = next(event for event in events if isinstance(event, e.MoneyReleased))
    assert released.reason == "share_cap"
    assert [(n.offer_id, n.amount) for n in released.notes] == [("a", 30)]
    assert [(n.offer_id, n.amount) for n in made.loan("r1").notes] == [("a", 20), ("b", 20)]
    made.check()


def test_an_earlier_commitment_may_give_way_to_a_smallest_note() -> None:
    made = market(("a", "ann", 95, 5), min_note=25)
    made.submit(request(110), now=1, time_in_force=Listing(closes_at=9))
    made.post(offer("b", "ben", 40, 6), now=2)
    assert [(n.offer_id, n.amount) for n in made.loan("r1").notes] == [("a", 85), ("b", 25)]
    assert made.offer("a").remaining == 10


def test_a_tail_that_nobody_can_spare_for_is_not_committed() -> None:
    """5 are missing at c, and a and b together can spare 10 of the 20 it lacks."""
    made = market(("a", "ann", 30, 5), ("b", "ben", 30, 6), ("c", "cy", 40, 7), min_note=25)
    made.submit(request(65), now=1, time_in_force=Listing(closes_at=9))
    assert committed(made) == [("a", 30), ("b", 30)]


def test_commitments_keep_their_rate_when_their_offer_changes_or_goes() -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(150), now=1, time_in_force=Listing(closes_at=9))
    made.amend("a", now=2, min_rate=80_000)
    assert made.cancel("a", now=3) == 0
    made.advance(9)
    assert [(n.amount, n.rate) for n in made.loan("r1").notes] == [(100, 50_000)]
    assert made.offer("a").state == "cancelled"


@pytest.mark.parametrize(
    "rule", ["fifo", "pro_rata", "equal_share", Split(400_000), Lottery(3)], ids=str
)
@pytest.mark.parametrize("change", [{"max_per_loan": 50}, {"max_share": 250_000}], ids=str)
def test_an_offer_that_has_committed_more_than_it_now_may_gives_no_more(
    rule: Any, change: dict[str, int]
) -> None:
    """a has committed 80 of 200 and may now give 50: no room, and not less than none."""
    made = market(allocation=rule)
    made.post(offer("a", "ann", 100, 5, max_per_loan=80), now=0)
    made.submit(request(200), now=1, time_in_force=Listing(closes_at=9))
    made.amend("a", now=2, **change)
    made.post(offer("b", "ben", 50, 6), now=3)
    made.post(offer("c", "cy", 150, 7), now=4)
    assert [(n.offer_id, n.amount) for n in made.loan("r1").notes] == [
        ("a", 80), ("b", 50), ("c", 70),
    ]  # fmt: skip
    made.check()


# Auctions


def test_a_better_offer_displaces_the_dearest() -> None:
    """Funding Circle before 2015: r1 wants 100 and holds 60 at 5 % and 40 at 8 %."""
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 8))
    result = made.submit(request(100), now=1, time_in_force=Auction(closes_at=9))
    assert (result.committed, result.unfunded, result.reason) == (100, 0, "resting")
    assert committed(made) == [("a", 60), ("b", 40)]
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("c", "cy", 30, 7), now=2)
    posted, displaced, bid = events
    assert isinstance(posted, e.OfferPosted)
    assert isinstance(displaced, e.CommitmentsDisplaced)
    assert isinstance(bid, e.MoneyCommitted)
    assert [(n.offer_id, n.amount) for n in displaced.notes] == [("b", 30)]
    assert committed(made) == [("a", 60), ("c", 30), ("b", 10)]
    assert made.offer("b").remaining == 50
    # Nobody gains by asking the same later.
    made.post(offer("d", "dan", 60, 8), now=3)
    assert committed(made) == [("a", 60), ("c", 30), ("b", 10)]
    made.advance(9)
    loan = made.loan("r1")
    assert (loan.rate, loan.marginal_rate) == (59_000, 80_000)
    made.check()


def test_an_auction_with_everything_in_at_once_is_an_immediate_loan() -> None:
    offers = [("a", "ann", 60, 8), ("b", "ben", 50, 5), ("c", "cy", 70, 6)]
    at_once = market(*offers).submit(request(150), now=1)
    late = market()
    late.submit(request(150), now=0, time_in_force=Auction(closes_at=9))
    for offer_id, lender, amount, percent in offers:
        late.post(offer(offer_id, lender, amount, percent), now=1)
    late.advance(9)
    assert at_once.loan is not None
    assert late.loan("r1").notes == at_once.loan.notes


@pytest.mark.parametrize("kind", [Listing(closes_at=9), Auction(closes_at=9)], ids=str)
def test_shares_are_of_what_the_borrower_may_still_borrow(kind: Listing | Auction) -> None:
    """Of 100 bob may borrow 40: half of a loan of 40 is 20, and ben must make up for it."""
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 6), max_share=500_000)
    made.set_borrower_limits("bob", BorrowerLimits(total=40), now=0)
    made.submit(request(100), now=1, time_in_force=kind)
    assert committed(made) == [("a", 20), ("b", 20)]
    made.advance(9)
    assert made.loan("r1").notes.amounts.tolist() == [20, 20]


def test_an_auction_is_priced_at_its_close() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 8), pricing="uniform_marginal")
    made.submit(request(100), now=1, time_in_force=Auction(closes_at=9))
    assert made.request("r1").notes.rates.tolist() == [50_000, 80_000]
    made.advance(9)
    assert {note.rate for note in made.loan("r1").notes} == {80_000}


def test_the_first_rejected_of_an_auction_is_what_it_displaced_last() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 8), pricing="uniform_first_rejected")
    made.submit(request(60, 9), now=1, time_in_force=Auction(closes_at=9))
    made.advance(9)
    assert {(note.rate, note.rate_source) for note in made.loan("r1").notes} == {
        (80_000, "first_rejected")
    }


def test_what_an_auction_holds_counts_once_when_the_first_rejected_is_looked_for() -> None:
    """Ann has 50 of 60 in the loan: she could give 10 more at 7 %, before ben at 8 %."""
    made = market(
        ("a", "ann", 40, 5), ("a2", "ann", 40, 7), ("b", "ben", 60, 8),
        pricing="uniform_first_rejected", lender_limits=Limits(total=60),
    )  # fmt: skip
    made.submit(request(50, 9), now=1, time_in_force=Auction(closes_at=9))
    made.advance(9)
    assert {note.rate for note in made.loan("r1").notes} == {70_000}


def test_an_auction_shares_a_rate_by_the_rule() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 30, 5), allocation="pro_rata")
    made.submit(request(60), now=1, time_in_force=Auction(closes_at=9))
    assert committed(made) == [("a", 40), ("b", 20)]
    made.post(offer("c", "cy", 90, 5), now=2)
    # Neither more money nor cheaper: who came in time keeps what it has.
    assert committed(made) == [("a", 40), ("b", 20)]


def test_an_auction_ends_below_its_least_amount() -> None:
    made = market(("a", "ann", 60, 5))
    made.submit(request(100, min_amount=61), now=1, time_in_force=Auction(closes_at=9))
    events = made.advance(9)
    assert kinds(events) == ["MoneyReleased", "RequestUnfunded", "TimeAdvanced"]
    assert made.offer("a").remaining == 60


def test_a_request_that_found_nothing_says_why() -> None:
    made = market()
    made.submit(request(100), now=1, time_in_force=Auction(closes_at=9))
    unfunded = made.advance(9)[0]
    assert isinstance(unfunded, e.RequestUnfunded)
    assert unfunded.reason == "empty_book"


def test_an_auction_takes_up_what_ranks_between_its_commitments() -> None:
    made = market(("a", "ann", 100, 5), ("c", "cy", 100, 7))
    made.submit(request(300), now=1, time_in_force=Auction(closes_at=9))
    made.post(offer("b", "ben", 50, 6), now=2)
    assert committed(made) == [("a", 100), ("b", 50), ("c", 100)]
    made.check()


def held_back() -> Marketplace:
    """Ann's offer has 60 left of 100, because of a limit of hers."""
    made = market(("b", "ben", 60, 5))
    made.post(offer("a", "ann", 100, 6, expires_at=5), now=0)
    made.set_lender_limits("ann", Limits(per_loan=40), now=0)
    made.submit(request(300), now=1, time_in_force=Auction(closes_at=9))
    assert committed(made) == [("b", 60), ("a", 40)]
    return made


@pytest.mark.parametrize(("now", "lent"), [(4, 100), (5, 40)])
def test_what_else_an_offer_has_is_one_with_its_commitment_until_it_expires(
    now: int, lent: int
) -> None:
    made = held_back()
    made.set_lender_limits("ann", Limits(), now=now)
    made.post(offer("d", "dan", 10, 5), now=now)
    assert committed(made) == [("b", 60), ("d", 10), ("a", lent)]


def test_who_becomes_the_borrowers_own_keeps_what_is_committed_and_gives_no_more() -> None:
    made = held_back()
    made.declare_group("bob", {"ann"}, now=2)
    made.set_lender_limits("ann", Limits(), now=2)
    made.post(offer("d", "dan", 10, 5), now=4)
    assert committed(made) == [("b", 60), ("d", 10), ("a", 40)]


@pytest.mark.parametrize(("limit", "kept"), [(40, 40), (20, 20), (19, 0)])
def test_what_is_committed_stays_only_as_a_note(limit: int, kept: int) -> None:
    made = market(("x", "ann", 60, 5), min_note=20)
    made.submit(request(60, request_id="r0", borrower_id="bea"), now=0)
    made.post(offer("a", "ann", 40, 6), now=1)
    made.submit(request(100), now=1, time_in_force=Auction(closes_at=9))
    made.set_lender_limits("ann", Limits(total=60 + limit), now=2)
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("b", "ben", 100 - kept, 5), now=3)
    gone = [event.notes for event in events if isinstance(event, e.CommitmentsDisplaced)]
    assert [notes.amounts.tolist() for notes in gone] == [[40 - kept]] * (kept < 40)
    assert committed(made) == [("b", 100 - kept)] + [("a", kept)] * (kept > 0)


def test_what_else_an_offer_has_counts_once_when_it_stands_elsewhere() -> None:
    made = held_back()
    made.amend("a", min_rate=70_000, now=2)
    made.set_lender_limits("ann", Limits(), now=2)
    made.post(offer("d", "dan", 10, 5), now=4)
    assert committed(made) == [("b", 60), ("d", 10), ("a", 40), ("a", 60)]
    made.check()


# Loans that wait for a yes


def test_a_loan_waits_for_the_borrowers_yes() -> None:
    made = market(("a", "ann", 100, 5))
    result = made.submit(request(60), now=1, hold_for=5)
    assert result.loan is None
    assert result.pending is not None
    assert made.request("r1").state == "held"
    assert made.request("r1").deadline == 6
    assert (made.offer("a").committed, made.offer("a").remaining) == (60, 40)
    with pytest.raises(UnknownName):
        made.loan("r1")
    assert made.accept("r1", now=5) == result.pending == made.loan("r1")
    assert (made.offer("a").committed, made.offer("a").lent) == (0, 60)
    made.check()


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda made: made.decline("r1", now=5), "declined"),
        (lambda made: made.advance(6), "lapsed"),
    ],
)
def test_without_one_the_money_goes_back(
    end: Callable[[Marketplace], tuple[e.Event, ...]], reason: str
) -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(60), now=1, hold_for=5)
    made.submit(request(100, request_id="r2"), now=2, time_in_force=Listing(closes_at=9))
    assert committed(made, "r2") == [("a", 40)]
    events = end(made)
    released = next(event for event in events if isinstance(event, e.MoneyReleased))
    unfunded = next(event for event in events if isinstance(event, e.RequestUnfunded))
    assert (released.reason, unfunded.reason, unfunded.amount) == (reason, reason, 60)
    assert made.loan("r2").principal == 100
    made.check()


@pytest.mark.parametrize("kind", [None, Listing(closes_at=9)], ids=str)
def test_money_comes_back_to_an_offer_that_has_left_the_cell(kind: Listing | None) -> None:
    """The release says the rate that was asked, though the offer asks nothing there any more."""
    made = market(grades=["A", "B"])
    card = {"A": 50_000, "B": 60_000}
    made.post(Offer(offer_id="a", lender_id="ann", amount=100, min_rate=card), now=0)
    terms = {} if kind is None else {"time_in_force": kind}
    made.submit(request(60), now=1, hold_for=5, **terms)
    made.amend("a", now=2, min_rate={"B": 70_000}, grades={"B"})
    released = made.advance(6)[0]
    assert isinstance(released, e.MoneyReleased)
    assert [(n.offer_id, n.amount, n.rate) for n in released.notes] == [("a", 60, 50_000)]
    assert made.offer("a").remaining == 100
    assert [(entry.rate, entry.remaining) for entry in made.queue("B", 36)] == [(70_000, 100)]
    made.check()


def test_a_listing_may_be_held_too() -> None:
    made = market(("a", "ann", 100, 5))
    result = made.submit(request(60), now=1, time_in_force=Listing(closes_at=9), hold_for=5)
    assert result.pending is not None
    assert made.accept("r1", now=2).principal == 60


# What the events say


def told(events: Iterable[e.Event]) -> list[tuple[Any, ...]]:
    """Each event's name and time, and what it says of request, notes, amount, reason and deadline."""
    rows = []
    for event in events:
        row: list[Any] = [type(event).__name__, event.now]
        if isinstance(event, e.RequestUnfunded):
            row += [event.request.request_id, event.amount, event.reason]
        elif isinstance(event, e.MoneyCommitted | e.MoneyReleased | e.CommitmentsDisplaced):
            row += [event.request_id, [(n.offer_id, n.amount, n.rate) for n in event.notes]]
            row += [event.reason] if isinstance(event, e.MoneyReleased) else []
            assert len(event.keys) == len(event.notes)
        elif isinstance(event, e.LoanMade | e.LoanHeld):
            row += [event.loan.request_id, event.loan.principal]
            row += [event.until] if isinstance(event, e.LoanHeld) else []
        rows.append(tuple(row))
    return rows


A_100 = ("a", 100, 50_000)


def test_what_is_said_of_a_request_taken_back() -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(150), now=1, time_in_force=Listing(closes_at=9))
    assert told(made.withdraw("r1", now=3)) == [
        ("MoneyReleased", 3, "r1", [A_100], "withdrawn"),
        ("RequestUnfunded", 3, "r1", 150, "withdrawn"),
    ]
    made.submit(request(150, 4, request_id="r2"), now=4, time_in_force=Auction(closes_at=9))
    assert told(made.withdraw("r2", now=5)) == [("RequestUnfunded", 5, "r2", 150, "withdrawn")]


def test_what_is_said_of_a_close_without_a_loan() -> None:
    """Said when the marketplace hears of the time, which may be later than it was."""
    made = market(("a", "ann", 100, 5))
    made.submit(request(150, min_amount=101), now=1, time_in_force=Listing(closes_at=9))
    made.submit(request(150, 4, request_id="r2"), now=1, time_in_force=Listing(closes_at=9))
    assert told(made.advance(12)) == [
        ("MoneyReleased", 12, "r1", [A_100], "closed"),
        ("RequestUnfunded", 12, "r1", 150, "below_min_amount"),
        ("RequestUnfunded", 12, "r2", 150, "no_eligible_offer"),
        ("TimeAdvanced", 12),
    ]


def test_what_is_said_of_a_close_with_the_whole_loan() -> None:
    made = market(("a", "ann", 60, 5))
    made.submit(request(60), now=1, time_in_force=Auction(closes_at=9))
    assert told(made.advance(9)) == [("LoanMade", 9, "r1", 60), ("TimeAdvanced", 9)]


def test_what_is_said_of_a_close_with_the_smallest_loan_there_is() -> None:
    made = market(("a", "ann", 1, 5))
    made.submit(request(60), now=1, time_in_force=Listing(closes_at=9))
    assert told(made.advance(9)) == [
        ("LoanMade", 9, "r1", 1),
        ("RequestUnfunded", 9, "r1", 59, "not_enough_room"),
        ("TimeAdvanced", 9),
    ]


def test_what_is_said_of_a_close_with_a_smaller_loan() -> None:
    made = market(("a", "ann", 50, 5), ("b", "ben", 20, 5), max_share=500_000)
    made.submit(request(100), now=1, time_in_force=Listing(closes_at=9), hold_for=4)
    assert told(made.advance(9)) == [
        ("MoneyReleased", 9, "r1", [("a", 30, 50_000)], "share_cap"),
        ("LoanHeld", 9, "r1", 40, 13),
        ("RequestUnfunded", 9, "r1", 60, "not_enough_room"),
        ("TimeAdvanced", 9),
    ]


def test_what_is_said_of_a_listing_that_is_filled() -> None:
    made = market(("a", "ann", 95, 5), min_note=25)
    result = made.submit(request(110), now=1, time_in_force=Listing(closes_at=9), hold_for=4)
    assert told(result.events) == [
        ("RequestRests", 1),
        ("MoneyCommitted", 1, "r1", [("a", 95, 50_000)]),
    ]
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("b", "ben", 40, 6), now=2)
    assert told(events) == [
        ("OfferPosted", 2),
        ("MoneyReleased", 2, "r1", [("a", 10, 50_000)], "small_note"),
        ("MoneyCommitted", 2, "r1", [("b", 25, 60_000)]),
        ("LoanHeld", 2, "r1", 110, 6),
    ]


def test_what_is_said_when_a_better_offer_comes() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 8))
    made.submit(request(100), now=1, time_in_force=Auction(closes_at=9))
    events: list[e.Event] = []
    made.subscribe(events.append)
    made.post(offer("c", "cy", 30, 7), now=2)
    assert told(events) == [
        ("OfferPosted", 2),
        ("CommitmentsDisplaced", 2, "r1", [("b", 30, 80_000)]),
        ("MoneyCommitted", 2, "r1", [("c", 30, 70_000)]),
    ]


@pytest.mark.parametrize("reason", ["declined", "lapsed"])
def test_what_is_said_of_a_loan_that_is_not_made(reason: str) -> None:
    made = market(("a", "ann", 100, 5))
    result = made.submit(request(200), now=1, hold_for=5)
    assert told(result.events) == [
        ("LoanHeld", 1, "r1", 100, 6),
        ("RequestUnfunded", 1, "r1", 100, "not_enough_room"),
    ]
    gone = made.decline("r1", now=5) if reason == "declined" else made.advance(6)
    now = 5 if reason == "declined" else 6
    assert told(gone)[:2] == [
        ("MoneyReleased", now, "r1", [A_100], reason),
        ("RequestUnfunded", now, "r1", 100, reason),
    ]


def test_what_is_said_of_a_request_that_expires_in_a_call_market() -> None:
    made = market(("a", "ann", 100, 5), matching="call")
    made.submit(request(40, expires_at=5), now=1)
    assert told(made.advance(7)) == [
        ("RequestUnfunded", 7, "r1", 40, "expired"),
        ("TimeAdvanced", 7),
    ]


# Refusals


@pytest.fixture
def book() -> Marketplace:
    """r1 rests, r2 is held until 6, r3 is a loan."""
    made = market(("a", "ann", 1_000, 5), ("b", "ben", 50, 9))
    made.submit(request(30, request_id="r3"), now=1)
    made.submit(request(60, request_id="r2"), now=1, hold_for=5)
    made.submit(request(5_000), now=2, time_in_force=Listing(closes_at=9))
    return made


REFUSED: dict[str, tuple[Callable[[Marketplace], Any], type[Exception], str]] = {
    "a close in the past": (
        lambda made: made.submit(request(9, request_id="x"), now=4, time_in_force=Listing(closes_at=4)),
        Refused, "already_expired",
    ),
    "an auction closed already": (
        lambda made: made.submit(request(9, request_id="x"), now=4, time_in_force=Auction(closes_at=1)),
        Refused, "already_expired",
    ),
    "an expired request": (
        lambda made: made.submit(request(9, request_id="x", expires_at=4), now=4, time_in_force=Listing(closes_at=9)),
        Refused, "already_expired",
    ),
    "a close beyond its expiry": (
        lambda made: made.submit(request(9, request_id="x", expires_at=8), now=4, time_in_force=Listing(closes_at=9)),
        InvalidValue, "contradiction",
    ),
    "a wait beyond all time": (
        lambda made: made.submit(request(9, request_id="x"), now=4, hold_for=2**62),
        InvalidValue, "too_large",
    ),
    "a wait of nothing": (
        lambda made: made.submit(request(9, request_id="x"), now=4, hold_for=0), InvalidValue, "zero",
    ),
    "no time in force": (
        lambda made: made.submit(request(9, request_id="x"), now=4, time_in_force="Listing"),
        InvalidValue, "wrong_type",
    ),
    "an id that rests": (lambda made: made.submit(request(9), now=4), Refused, "duplicate_id"),
    "an id that is held": (
        lambda made: made.submit(request(9, request_id="r2"), now=4), Refused, "duplicate_id",
    ),
    "withdrawn: unknown": (lambda made: made.withdraw("x", now=4), UnknownName, "unknown_request"),
    "withdrawn: a loan": (lambda made: made.withdraw("r3", now=4), Refused, "not_waiting"),
    "withdrawn: held": (lambda made: made.withdraw("r2", now=4), Refused, "not_waiting"),
    "withdrawn too late": (lambda made: made.withdraw("r1", now=9), Refused, "not_waiting"),
    "accepted: unknown": (lambda made: made.accept("x", now=4), UnknownName, "unknown_request"),
    "accepted: resting": (lambda made: made.accept("r1", now=4), Refused, "not_waiting"),
    "accepted: a loan": (lambda made: made.accept("r3", now=4), Refused, "not_waiting"),
    "accepted too late": (lambda made: made.accept("r2", now=6), Refused, "not_waiting"),
    "declined too late": (lambda made: made.decline("r2", now=6), Refused, "not_waiting"),
    "uncrossed": (lambda made: made.uncross("A", 36, now=4), Refused, "not_a_call_market"),
    "uncrossed: unknown grade": (lambda made: made.uncross("Z", 36, now=4), UnknownName, "unknown_grade"),
    "uncrossed: unknown term": (lambda made: made.uncross("A", 12, now=4), UnknownName, "unknown_term"),
    "lowered below what is committed": (
        lambda made: made.amend("a", now=4, amount=999), Refused, "below_lent",
    ),
    "a quote when something is due": (
        lambda made: made.quote(request(9, request_id="x"), now=6), Refused, "advance_first",
    ),
    "an explanation when something is due": (
        lambda made: made.explain(request(9, request_id="x"), now=9), Refused, "advance_first",
    ),
    "no such request": (lambda made: made.request("r3"), UnknownName, "unknown_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_change_nothing(book: Marketplace, name: str) -> None:
    command, kind, code = REFUSED[name]
    before = book.digest()
    with pytest.raises(P2PMatchError) as refused:
        command(book)
    assert isinstance(refused.value, kind)
    assert refused.value.code == code
    assert book.digest() == before


def test_a_yes_is_said_once(book: Marketplace) -> None:
    book.accept("r2", now=4)
    for again in (book.accept, book.decline, book.withdraw):
        with pytest.raises(Refused, match="r2"):
            again("r2", now=4)


def test_a_late_command_does_what_is_due_first(book: Marketplace) -> None:
    """At 9 r2 has lapsed and r1 has closed before the new request is matched."""
    result = book.submit(request(70, request_id="x"), now=9)
    assert kinds(result.events)[:2] == ["MoneyReleased", "RequestUnfunded"]
    assert book.loan("r1").principal == 960
    assert notes(result) == [("a", 60)]


# Other rules


def test_everything_together_is_audited_clean() -> None:
    made = market(
        allocation=Split(400_000), pricing="midpoint", max_share=400_000, min_note=10, increment=5,
        lender_limits=Limits(per_borrower=150),
    )  # fmt: skip
    auditor = Auditor(made.rules)
    made.subscribe(auditor.see)
    for offer_id, lender, amount, percent in [
        ("a", "ann", 90, 5), ("b", "ann", 90, 5), ("c", "cy", 90, 6), ("d", "dan", 300, 7),
    ]:  # fmt: skip
        made.post(offer(offer_id, lender, amount, percent), now=0)
    made.submit(request(300), now=1, time_in_force=Listing(closes_at=9), hold_for=4)
    made.submit(request(300, request_id="r2"), now=1, time_in_force=Auction(closes_at=7))
    made.post(offer("e", "eve", 100, 4), now=2)
    made.advance(7)
    made.advance(9)
    made.advance(20)
    report = auditor.report()
    assert report.ok, str(report)
    made.check()
