"""Everybody gets the best rate that was left out."""

from typing import Any

import numpy as np
import pytest

from p2pmatch import Accepted, Limits, Marketplace, Offer, Request, Rules
from p2pmatch.pricing import UniformFirstRejected
from tests.pricing.notes import accepted


@pytest.mark.parametrize(
    ("left_out", "rate", "source"),
    [
        (70_000, 70_000, "first_rejected"),
        (None, 90_000, "max_rate"),
        (40_000, 60_000, "first_rejected"),
    ],
)
def test_rate_and_source(left_out: int | None, rate: int, source: str) -> None:
    notes = accepted((50_000, 5), (60_000, 7), max_rate=90_000, left_out=left_out)
    priced = UniformFirstRejected().price(notes)
    assert priced.rates.tolist() == [rate, rate]
    assert priced.source == source


# What is left out: (offers as (lender, amount, rate), size) to the rate of a loan.
BOOKS: dict[str, tuple[list[tuple[str, int, int]], int, int, dict[str, Any]]] = {
    "the rest of the last offer": ([("a", 100, 50_000), ("b", 100, 60_000)], 150, 60_000, {}),
    "the offer behind": (
        [("a", 100, 50_000), ("b", 100, 60_000), ("c", 100, 70_000)], 200, 70_000, {},
    ),
    "one unit": ([("a", 100, 50_000), ("b", 1, 60_000)], 100, 60_000, {}),
    "none": ([("a", 100, 50_000), ("b", 100, 60_000)], 200, 90_000, {}),
    "one that the borrower would not take": (
        [("a", 100, 50_000), ("b", 100, 90_001)], 100, 90_000, {},
    ),
    "one whose lender may lend no more": (
        [("a", 100, 50_000), ("a", 100, 60_000), ("c", 100, 80_000)], 100, 80_000,
        {"lender_limits": Limits(per_loan=100)},
    ),
    "one too small for a note": (
        [("a", 100, 50_000), ("b", 24, 60_000), ("c", 25, 80_000)], 100, 80_000, {"min_note": 25},
    ),
    "less than a note of an offer that has one": (
        [("a", 101, 50_000), ("c", 25, 80_000)], 100, 50_000, {"min_note": 25},
    ),
    "the borrower's own": ([("a", 100, 50_000), ("bob", 100, 60_000)], 100, 90_000, {}),
}  # fmt: skip


def test_nothing_is_left_out_unless_something_is_said_to_be() -> None:
    alone = Accepted(
        grade="A", term=36, amounts=np.array([10]), asks=np.array([50_000]), max_rate=90_000
    )
    assert UniformFirstRejected().price(alone).rates.tolist() == [90_000]


@pytest.mark.parametrize("name", BOOKS)
def test_what_is_left_out(name: str) -> None:
    offers, size, rate, rules = BOOKS[name]
    market = Marketplace(Rules(grades=["A"], terms=[36], pricing="uniform_first_rejected", **rules))
    for number, (lender, amount, ask) in enumerate(offers):
        market.post(
            Offer(offer_id=f"o{number}", lender_id=lender, amount=amount, min_rate=ask), now=1
        )
    asked = Request(
        request_id="r", borrower_id="bob", amount=size, max_rate=90_000, grade="A", term=36
    )
    loan = market.submit(asked, now=2).loan
    assert loan is not None
    assert set(loan.notes.rates.tolist()) == {rate}
