"""Everybody gets what the dearest accepted offer asked."""

from p2pmatch.pricing import UniformMarginal
from tests.pricing.notes import accepted


def test_all_bear_the_dearest() -> None:
    priced = UniformMarginal().price(accepted((50_000, 5), (60_000, 7), (60_000, 1)))
    assert priced.rates.tolist() == [60_000, 60_000, 60_000]
    assert priced.source == "marginal"


def test_a_lottery_may_hand_them_over_in_any_order() -> None:
    priced = UniformMarginal().price(accepted((70_000, 5), (60_000, 7)))
    assert priced.rates.tolist() == [70_000, 70_000]
