"""Why an offer gives that much and not more: each reason in a book made for it."""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from p2pmatch import Level, Limits, Marketplace, Posted
from p2pmatch.reasons import REASONS
from tests.helpers import market, offer, request


def reasons(made: Marketplace, **more: Any) -> list[tuple[str, int, str]]:
    explanation = made.explain(request(**{"amount": 100, **more}), now=1)
    assert {line.reason for line in explanation.lines} <= set(REASONS)
    return [(line.offer_id, line.amount, line.reason) for line in explanation.lines]


def test_money_need_and_rate() -> None:
    made = market(
        ("a", "ann", 60, 5), ("b", "ben", 60, 6), ("c", "cleo", 60, 7), ("d", "dan", 60, 9)
    )
    assert reasons(made, percent=8) == [
        ("a", 60, "budget"),
        ("b", 40, "need_met"),
        ("c", 0, "need_met"),
        ("d", 0, "rate"),
    ]


def test_no_loan() -> None:
    made = market(("a", "ann", 60, 5))
    assert reasons(made, min_amount=100) == [("a", 0, "no_loan")]


def test_eligibility() -> None:
    made = market(("own", "bob", 60, 1))
    made.post(offer("tag", "ann", 60, 2, requires={"x"}), now=0)
    made.post(offer("bar", "ann", 60, 2, refuses={"y"}), now=0)
    made.post(offer("old", "ann", 60, 3, expires_at=1), now=0)
    made.post(offer("ok", "ann", 200, 4), now=0)
    assert reasons(made, tags={"y"}) == [
        ("own", 0, "same_party"),
        ("tag", 0, "tags"),
        ("bar", 0, "tags"),
        ("old", 0, "expired"),
        ("ok", 100, "need_met"),
    ]


def test_offers_own_caps() -> None:
    made = market(("z", "zoe", 100, 9), min_note=5)
    made.post(offer("a", "ann", 60, 5, max_per_loan=30), now=0)
    made.post(offer("b", "ben", 60, 6, max_share=100_000), now=0)
    made.post(offer("c", "cleo", 60, 7, max_per_loan=4), now=0)
    made.post(offer("d", "dan", 60, 8, max_share=10_000), now=0)
    assert reasons(made) == [
        ("a", 30, "offer_max_per_loan"),
        ("b", 10, "offer_max_share"),
        ("c", 0, "offer_max_per_loan"),
        ("d", 0, "offer_max_share"),
        ("z", 60, "need_met"),
    ]


@pytest.mark.parametrize("name", ["per_loan", "per_borrower", "per_grade", "total"])
def test_lenders_limits(name: str) -> None:
    made = market(("a", "ann", 60, 5), ("b", "ann", 60, 6), ("c", "ben", 90, 7), min_note=5)
    made.set_lender_limits("ann", Limits(**{name: 63}), now=0)
    assert reasons(made) == [("a", 60, "budget"), ("b", 0, name), ("c", 40, "need_met")]


def test_what_is_outstanding_counts() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 90, 7), lender_limits=Limits(per_borrower=20))
    made.submit(request(20, request_id="r0"), now=1)
    assert reasons(made)[0] == ("a", 0, "per_borrower")


def test_shares() -> None:
    made = market(("a", "ann", 90, 5), ("b", "ben", 90, 6), ("c", "cleo", 90, 7), max_share=400_000)
    assert reasons(made) == [("a", 40, "max_share"), ("b", 40, "max_share"), ("c", 20, "need_met")]


def test_money_given_back_for_the_last_note() -> None:
    made = market(("a", "ann", 50, 5), ("b", "ben", 45, 6), ("c", "cleo", 60, 7), min_note=25)
    assert reasons(made) == [("a", 50, "budget"), ("b", 25, "spared"), ("c", 25, "need_met")]


def test_parts_of_an_offer_share_its_caps() -> None:
    made = market(("b", "ben", 90, 6))
    made.post(offer("a", "ann", 50, 5, max_per_loan=60), now=0)
    made.amend("a", amount=100, now=0)
    assert reasons(made) == [
        ("a", 50, "budget"),
        ("a", 10, "offer_max_per_loan"),
        ("b", 40, "need_met"),
    ]


@attrs.frozen
class Halves:
    """Half of the need to the first, half to the second."""

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        parts = np.zeros_like(level.rooms)
        parts[:2] = level.need // 2
        return parts


def test_the_allocation_rules_part() -> None:
    made = market(("a", "ann", 90, 5), ("b", "ben", 90, 5), allocation=Halves())
    assert reasons(made) == [("a", 50, "shared"), ("b", 50, "need_met")]


def test_it_prints_as_a_table_and_counts() -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 60, 6))
    explanation = made.explain(request(100), now=1)
    assert explanation.by_reason() == {"budget": 1, "need_met": 1}
    assert (explanation.principal, explanation.unfunded, explanation.reason) == (100, 0, None)
    head, first, _ = str(explanation).splitlines()
    assert head.split() == ["offer", "lender", "rate", "gives", "of", "because"]
    assert first.split()[:5] == ["a", "ann", "5.0000%", "0.60", "0.60"]
    assert first.endswith(REASONS["budget"])


def test_a_posted_rate_keeps_the_dearer_ones_out() -> None:
    made = market(
        ("a", "ann", 60, 7), ("b", "ben", 60, 6), ("c", "cleo", 60, 5),
        pricing=Posted({("A", 36): 60_000}),
    )  # fmt: skip
    assert reasons(made) == [("b", 60, "budget"), ("c", 40, "need_met"), ("a", 0, "posted_rate")]
    assert [line.rate for line in made.explain(request(100), now=1).lines] == [
        60_000,
        50_000,
        70_000,
    ]
    # A borrower who accepts less than the posted rate meets nobody, who asks less than it too.
    assert reasons(made, percent=5)[0] == ("b", 0, "rate")
    assert made.explain(request(100, 5), now=1).reason == "below_posted_rate"


def test_nothing_is_matched_before_a_call_market_is_uncrossed() -> None:
    made = market(("a", "ann", 60, 5), matching="call")
    explanation = made.explain(request(50), now=1)
    assert (explanation.principal, explanation.unfunded, explanation.reason) == (0, 50, "resting")
    assert explanation.lines == ()
