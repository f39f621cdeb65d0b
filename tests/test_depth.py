from typing import Any

import attrs
import numpy as np
import pytest

from p2pmatch import CostCurve, InvalidValue, RateLadder
from p2pmatch.depth import CURVE_POINTS
from tests.helpers import market, request


def test_the_curve_is_what_quotes_of_each_size_would_say() -> None:
    made = market(
        ("o1", "ann", 4_000, 5), ("o2", "ben", 3_000, 7), ("o3", "cleo", 9_000, 9),
        max_share=400_000, increment=10, min_note=50, pricing="uniform_marginal",
    )  # fmt: skip
    asked = request(20_000, min_amount=15_000)
    curve = made.quote(asked, now=1).ladder.cost
    assert curve is not None
    assert 2 < len(curve) <= CURVE_POINTS
    for amount, rate in zip(curve.amounts.tolist(), curve.rates.tolist(), strict=True):
        quote = made.quote(attrs.evolve(asked, amount=amount, min_amount=1), now=1)
        assert (quote.principal, quote.rate) == (amount, rate)


def test_a_small_request_has_few_sizes() -> None:
    curve = market(("o1", "ann", 4_000, 5), increment=10).quote(request(30), now=1).ladder.cost
    assert curve is not None
    assert curve.amounts.tolist() == [10, 20, 30]
    assert curve.rates.tolist() == [50_000] * 3


def test_nothing_to_be_had_is_an_empty_curve() -> None:
    curve = market(("o1", "ann", 4_000, 25)).quote(request(30), now=1).ladder.cost
    assert curve is not None
    assert len(curve) == 0
    assert curve.sparkline() == ""


def ladder(rates: list[int], available: list[int]) -> RateLadder:
    return RateLadder(np.array(rates), np.array(available))


@pytest.mark.parametrize(
    ("made", "width", "line"),
    [
        (ladder([], []), 5, ""),
        (ladder([50_000], [700]), 5, "█████"),
        (ladder([10, 20, 30, 40], [1, 2, 4, 8]), 4, "▁▂▄█"),
        (ladder([10, 40], [1, 8]), 1, "▁"),
    ],
)
def test_the_ladder_as_a_line(made: RateLadder, width: int, line: str) -> None:
    assert made.sparkline(width) == line


@pytest.mark.parametrize("rate", [None, 5.5, "5%", -1, np.array([1, 2])])
def test_a_ladder_is_asked_for_a_rate(rate: Any) -> None:
    ladder = market(("a", "ann", 100, 5)).ladder("A", 36)
    assert (ladder.at(49_999), ladder.at(50_000)) == (0, 100)
    with pytest.raises(InvalidValue):
        ladder.at(rate)


def test_the_curve_as_a_line() -> None:
    curve = CostCurve(np.array([10, 20, 30, 40]), np.array([500, 500, 600, 1_200]))
    assert curve.sparkline(4) == "▁▁▂█"
    flat = CostCurve(np.array([10, 20]), np.array([500, 500]))
    assert flat.sparkline(3) == "▁▁▁"
