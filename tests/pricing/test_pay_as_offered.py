"""Every lender gets the rate it asked."""

from p2pmatch.pricing import PayAsOffered
from tests.pricing.notes import accepted


def test_asks_are_the_rates() -> None:
    priced = PayAsOffered().price(accepted((50_000, 5), (60_000, 7)))
    assert priced.rates.tolist() == [50_000, 60_000]
    assert priced.source == "own_ask"
