"""Lender and borrower meet half-way."""

from p2pmatch.pricing import Midpoint
from tests.pricing.notes import accepted


def test_the_mean_is_rounded_down() -> None:
    priced = Midpoint().price(accepted((50_000, 5), (50_001, 7), max_rate=90_000))
    assert priced.rates.tolist() == [70_000, 70_000]
    assert priced.source == "midpoint"


def test_nothing_lies_between_equal_rates() -> None:
    assert Midpoint().price(accepted((50_001, 5), max_rate=50_001)).rates.tolist() == [50_001]
