"""The platform names the rate: which offers then take part, in which order, and who stays away."""

import copy
from typing import Any

import pytest

from p2pmatch import InvalidValue, Marketplace, Offer, Posted, Request, Rules, UnknownName
from tests.helpers import refusal_of
from tests.pricing.notes import accepted

CELL = ("A", 36)


def market(rates: dict[tuple[str, int], int]) -> Marketplace:
    return Marketplace(Rules(grades=["A", "B"], terms=[36], pricing=Posted(rates)))


def offer(offer_id: str, min_rate: int, amount: int = 100) -> Offer:
    return Offer(offer_id=offer_id, lender_id=f"l{offer_id}", amount=amount, min_rate=min_rate)


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "request_id": "r1", "borrower_id": "bob", "amount": 150, "max_rate": 90_000, "grade": "A", "term": 36,
        "min_amount": 1, **changes,
    }  # fmt: skip
    return Request(**fields)


def test_every_note_bears_the_rate_of_the_cell() -> None:
    priced = Posted({CELL: 65_000, ("B", 36): 1}).price(accepted((50_000, 5), (60_000, 7)))
    assert priced.rates.tolist() == [65_000, 65_000]
    assert priced.source == "posted"


def test_offers_rank_by_arrival_alone_and_dearer_ones_stay_out() -> None:
    """60 000 came first, so it gives first, though another asks less."""
    posted = market({CELL: 60_000})
    for number, rate in enumerate([60_001, 60_000, 10_000]):
        posted.post(offer(f"o{number}", rate), now=1)
    loan = posted.submit(request(), now=2).loan
    assert loan is not None
    assert [(n.offer_id, n.amount, n.rate, n.rate_source) for n in loan.notes] == [
        ("o1", 100, 60_000, "posted"), ("o2", 50, 60_000, "posted"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_rate": 59_999}, "below_posted_rate"),
        ({"grade": "B"}, "no_posted_rate"),
    ],
)
def test_who_stays_away_is_told_why(changes: dict[str, Any], reason: str) -> None:
    posted = market({CELL: 60_000})
    posted.post(offer("o", 10_000), now=1)
    result = posted.submit(request(**changes), now=2)
    assert result.loan is None
    assert result.reason == reason
    assert posted.quote(request(request_id="r2", **changes), now=2).reason == reason


def test_no_offer_low_enough_is_another_matter() -> None:
    posted = market({CELL: 60_000})
    posted.post(offer("o", 60_001), now=1)
    assert posted.submit(request(), now=2).reason == "no_eligible_offer"


@pytest.mark.parametrize(
    ("rates", "code"),
    [
        ([("A", 36)], "wrong_type"),
        ({}, "empty"),
        ({"A": 5}, "wrong_type"),
        ({("A", "36"): 5}, "wrong_type"),
        ({("A", 36, 1): 5}, "wrong_type"),
        ({CELL: -1}, "negative"),
        ({CELL: 10_000_001}, "too_large"),
        ({CELL: 0.06}, "wrong_type"),
        ({CELL: "6%"}, "wrong_type"),
    ],
)
def test_rates_that_are_none_are_refused(rates: Any, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Posted(rates)
    assert refused.value.code == code


CELLS = "a mapping of a rate in ppm to each (grade, term), such as {('A', 36): 60_000}"


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([("A", 36)], f"rates: [('A', 36)] has the wrong type; accepted: {CELLS}"),
        ({}, f"rates: {{}} is empty; accepted: {CELLS}"),
        ({"A": 5}, f"rates: 'A' has the wrong type; accepted: {CELLS}"),
        ({CELL: -1}, "rates: -1 is negative; accepted: an int from 0 to 10000000"),
        ({CELL: 10_000_001}, "rates: 10000001 is too large; accepted: an int from 0 to 10000000"),
    ],
)
def test_a_refusal_says_what_would_be_accepted(rates: Any, message: str) -> None:
    assert refusal_of(lambda: Posted(rates)) == message


def test_rates_at_both_ends() -> None:
    assert dict(Posted({CELL: 0, ("B", 36): 10_000_000}).rates) == {CELL: 0, ("B", 36): 10_000_000}


def test_cells_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnknownName, match="'C'"):
        market({("C", 36): 5})
    with pytest.raises(UnknownName, match="24"):
        market({("A", 24): 5})


def test_it_is_a_value() -> None:
    rates = {CELL: 60_000}
    rule = Posted(rates)
    rates[CELL] = 1
    assert rule == Posted({CELL: 60_000})
    assert hash(rule) == hash(Posted({CELL: 60_000}))
    assert copy.deepcopy(rule) == rule
    made, fields = rule.__reduce__()
    assert made(*fields) == rule
    assert repr(rule) == "Posted({('A', 36): 60000})"
    with pytest.raises(TypeError):
        rule.rates[CELL] = 1  # type: ignore[index]
