"""What became of many requests: a list to look at, and columns."""

import numpy as np
import pytest

from p2pmatch import Auction, BorrowerLimits, Listing
from p2pmatch import events as e
from p2pmatch.loans import Note, Notes
from tests.helpers import market, offer, request
from tests.machines.pair import request_columns


def test_results_are_like_those_of_the_calls_one_by_one() -> None:
    books = [market(("a", "ann", 100, 5), ("b", "ben", 100, 6)) for _ in range(2)]
    asked = [request(30, request_id=f"r{i}") for i in range(10)]
    one = [books[0].submit(each, now=1) for each in asked]
    many = books[1].submit_many(request_columns(asked), now=1)
    assert many == one
    assert (many == 5) is False
    assert many[-1] == one[-1]
    assert many[2:4] == one[2:4]
    assert repr(many) == "<10 results, 7 loans>"
    assert many.principals.tolist() == [30] * 6 + [20] + [0] * 3
    assert many.ends.tolist() == [1, 2, 3, 5, 6, 7, 8, 8, 8, 8]
    assert many.notes[3].amount + many.notes[4].amount == 30


def test_what_was_due_comes_with_the_first() -> None:
    made = market(("b", "ben", 900, 6))
    made.post(offer("a", "ann", 100, 5, expires_at=1), now=0)
    results = made.submit_many(
        request_columns([request(30, request_id=f"r{i}") for i in range(9)]), now=1
    )
    kinds = [type(event).__name__ for event in results[0].events]
    assert kinds == ["OfferExpired", "LoanMade"]
    assert [type(event).__name__ for event in results[1].events] == ["LoanMade"]


@pytest.mark.parametrize("closes_at", [5, 9])
def test_requests_that_rest_are_asked_in_between(closes_at: int) -> None:
    books = [market(("a", "ann", 100, 5)) for _ in range(2)]
    waits = request(200, request_id="w", min_amount=10)
    asked = [request(10, request_id=f"r{i}") for i in range(9)]
    for book in books:
        book.submit(waits, now=0, time_in_force=Listing(closes_at=closes_at))
    one = [books[0].submit(each, now=5) for each in asked]
    assert books[1].submit_many(request_columns(asked), now=5) == one
    assert books[0].digest() == books[1].digest()


def test_nothing_asked_nothing_done() -> None:
    made = market()
    results = made.submit_many(request_columns([]), now=1)
    assert list(results) == []
    assert len(results.notes) == 0
    assert made.now is None


def test_the_columns_of_a_requests_may_be_handed_in_checked() -> None:
    from p2pmatch.columns import read_requests

    columns = read_requests(request_columns([request(30, request_id=f"r{i}") for i in range(9)]))
    assert columns == list(columns)
    assert (columns == 7) is False
    assert columns[2:4][1] == columns[3]
    made = market(("a", "ann", 100, 5))
    assert made.submit_many(columns, now=1).principals.sum() == 100


def test_notes_of_different_sources_are_joined() -> None:
    one = Notes.of([Note("a", "ann", 5, 50_000)])
    assert Notes.joined([one]) is one
    other = Notes.of([Note("a", "ann", 7, 60_000, "midpoint")])
    both = Notes.joined([one, other])
    assert (both.rate_source, both.amounts.tolist()) == ("several", [5, 7])
    assert Notes.joined([one, one]).rate_source == "own_ask"


@pytest.mark.parametrize("limit", [None, 50])
def test_loans_made_together_count_for_their_borrowers(limit: int | None) -> None:
    made = market(("a", "ann", 900, 5))
    made.submit_many(request_columns([request(10, request_id=f"r{i}") for i in range(9)]), now=1)
    assert made.borrower_outstanding("bob") == 90
    assert made.exposure("ann").total == 90
    assert made.loan("r4").principal == 10
    made.set_borrower_limits("bob", BorrowerLimits(total=limit), now=1)
    rest = made.submit_many(
        request_columns([request(10, request_id=f"s{i}") for i in range(9)]), now=1
    )
    assert np.count_nonzero(rest.principals) == (9 if limit is None else 0)


def test_what_is_displaced_is_no_longer_committed() -> None:
    asked = request(100, request_id="r1")
    notes = Notes.of([Note("o1", "ann", 60, 50_000)])
    keys = np.array([1], dtype=np.int64)
    told = [
        e.RequestRests(now=1, request=asked, time_in_force=Auction(closes_at=9), hold_for=None),
        e.MoneyCommitted(now=1, request_id="r1", notes=notes, keys=keys),
        e.CommitmentsDisplaced(now=1, request_id="r1", notes=notes, keys=keys),
        e.MoneyReleased(now=1, request_id="other", notes=notes, keys=keys, reason="closed"),
    ]
    assert e.outcome_of(told, "r1") == (None, 100, "resting", 0, None)
