"""Offers and requests: what they hold, and every way of getting one wrong."""

from typing import Any

import numpy as np
import pytest

from p2pmatch import Offer, P2PMatchError, Request
from p2pmatch.units import MAX_AMOUNT, MAX_RATE, MAX_TIME

OFFER: dict[str, Any] = {"offer_id": "o1", "lender_id": "ann", "amount": 500, "min_rate": 52_000}
REQUEST: dict[str, Any] = {
    "request_id": "r1",
    "borrower_id": "bob",
    "amount": 500,
    "max_rate": 90_000,
    "grade": "A",
    "term": 36,
}

BAD_IDS = [("", "empty"), ("x" * 201, "too_long"), (5, "wrong_type"), ("a\nb", "malformed")]
BAD_WHOLE = [
    (5.0, "wrong_type"),
    ("5", "wrong_type"),
    (True, "wrong_type"),
    (float("nan"), "wrong_type"),
    (float("inf"), "wrong_type"),
    (None, "wrong_type"),
]
BAD_AMOUNTS = [*BAD_WHOLE, (0, "zero"), (-1, "negative"), (MAX_AMOUNT + 1, "too_large")]
BAD_RATES = [*BAD_WHOLE, (-1, "negative"), (MAX_RATE + 1, "too_large")]
BAD_SETS = [("A", "wrong_type"), (5, "wrong_type"), ([["A"]], "wrong_type"), ({""}, "empty")]

BAD_OFFERS = [
    *(("offer_id", value, code) for value, code in BAD_IDS),
    *(("lender_id", value, code) for value, code in BAD_IDS),
    *(("amount", value, code) for value, code in BAD_AMOUNTS),
    *(("min_rate", value, code) for value, code in BAD_RATES),
    ("min_rate", {}, "empty"),
    ("min_rate", {"A": -1}, "negative"),
    ("min_rate", {"": 5}, "empty"),
    ("min_rate", {"A": 5.0}, "wrong_type"),
    *(("grades", value, code) for value, code in BAD_SETS),
    ("grades", set(), "empty"),
    ("terms", set(), "empty"),
    ("terms", "36", "wrong_type"),
    ("terms", 36, "wrong_type"),
    ("terms", {0}, "zero"),
    ("terms", {-12}, "negative"),
    ("terms", {1201}, "too_large"),
    ("terms", {"36"}, "wrong_type"),
    ("terms", [[36]], "wrong_type"),
    *(("max_per_loan", value, code) for value, code in BAD_AMOUNTS if value is not None),
    ("max_share", 0, "zero"),
    ("max_share", 1_000_001, "too_large"),
    ("max_share", 0.5, "wrong_type"),
    *(("requires", value, code) for value, code in BAD_SETS),
    *(("refuses", value, code) for value, code in BAD_SETS),
    ("expires_at", 1.5, "wrong_type"),
    ("expires_at", MAX_TIME + 1, "too_large"),
    ("expires_at", -MAX_TIME - 1, "too_small"),
]


@pytest.mark.parametrize(("field", "value", "code"), BAD_OFFERS)
def test_a_wrong_offer_is_refused_by_field_and_code(field: str, value: object, code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Offer(**{**OFFER, field: value})
    assert (refused.value.field, refused.value.code) == (field, code)
    assert isinstance(refused.value, ValueError)


BAD_REQUESTS = [
    *(("request_id", value, code) for value, code in BAD_IDS),
    *(("borrower_id", value, code) for value, code in BAD_IDS),
    *(("amount", value, code) for value, code in BAD_AMOUNTS),
    *(("max_rate", value, code) for value, code in BAD_RATES),
    *(("grade", value, code) for value, code in BAD_IDS),
    ("term", 0, "zero"),
    ("term", "36", "wrong_type"),
    *(("min_amount", value, code) for value, code in BAD_AMOUNTS if value is not None),
    ("min_amount", 501, "above_amount"),
    *(("tags", value, code) for value, code in BAD_SETS),
]


@pytest.mark.parametrize(("field", "value", "code"), BAD_REQUESTS)
def test_a_wrong_request_is_refused_by_field_and_code(field: str, value: object, code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Request(**{**REQUEST, field: value})
    assert (refused.value.field, refused.value.code) == (field, code)


def test_an_offer_keeps_plain_frozen_values() -> None:
    offer = Offer(
        **{**OFFER, "amount": np.int64(500), "min_rate": np.int32(52_000)},
        grades=["A", "B", "A"],
        terms=(np.int64(36),),
        requires=["green"],
    )
    assert type(offer.amount) is int
    assert type(offer.min_rate) is int
    assert offer.grades == frozenset({"A", "B"})
    assert offer.terms == frozenset({36})
    assert {type(term) for term in offer.terms} == {int}
    assert offer.rate_for("B") == 52_000
    assert hash(offer) == hash(offer)


def test_a_rate_card_names_the_grades_and_cannot_be_changed() -> None:
    card = {"A": 50_000, "B": np.int64(70_000)}
    offer = Offer(**{**OFFER, "min_rate": card})
    card["A"] = 1
    assert offer.grades == frozenset({"A", "B"})
    assert (offer.rate_for("A"), offer.rate_for("B")) == (50_000, 70_000)
    with pytest.raises(TypeError):
        offer.min_rate["A"] = 1  # type: ignore[index]


@pytest.mark.parametrize("grades", [{"A"}, {"A", "B", "C"}])
def test_a_rate_card_must_fit_the_grades(grades: set[str]) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Offer(**{**OFFER, "min_rate": {"A": 1, "B": 2}}, grades=grades)
    assert (refused.value.field, refused.value.code) == ("min_rate", "contradiction")


def test_a_tag_cannot_be_both_required_and_refused() -> None:
    with pytest.raises(P2PMatchError) as refused:
        Offer(**OFFER, requires={"x", "y"}, refuses={"y"})
    assert (refused.value.field, refused.value.value) == ("refuses", ["y"])


def test_the_least_amount_is_the_whole_unless_said() -> None:
    assert Request(**REQUEST).least_amount == 500
    assert Request(**REQUEST, min_amount=100).least_amount == 100


def test_a_resized_request_is_the_one_that_would_be_built() -> None:
    fields: dict[str, Any] = {
        "request_id": "r1",
        "borrower_id": "bob",
        "max_rate": 90_000,
        "grade": "A",
        "term": 36,
        "tags": {"green"},
        "expires_at": 9,
    }
    whole = Request(amount=500, **fields)
    assert whole.resized(700) == Request(amount=700, **fields)
    part = Request(amount=500, min_amount=400, **fields)
    assert part.resized(450) == Request(amount=450, min_amount=400, **fields)
    assert part.resized(300) == Request(amount=300, min_amount=300, **fields)
    assert hash(part.resized(500)) == hash(part)
    assert part == Request(amount=500, min_amount=400, **fields)
    for wrong in (0, -1, 1.5, "500", True):
        with pytest.raises(P2PMatchError):
            whole.resized(wrong)  # type: ignore[arg-type]
