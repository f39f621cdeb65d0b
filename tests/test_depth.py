import copy
import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def curve(amounts: list[int], rates: list[int]) -> CostCurve:
    return CostCurve(np.array(amounts, dtype=np.int64), np.array(rates, dtype=np.int64))


@pytest.mark.parametrize("made", [ladder([], []), ladder([10, 20], [5, 9]), curve([], [])])
@pytest.mark.parametrize(
    ("width", "code"),
    [
        (0, "zero"),
        (-5, "negative"),
        (1_001, "too_large"),
        (10**30, "too_large"),
        (1.5, "wrong_type"),
        ("x", "wrong_type"),
        (None, "wrong_type"),
        (True, "wrong_type"),
    ],
)
def test_a_line_is_of_one_to_a_thousand_blocks(
    made: RateLadder | CostCurve, width: Any, code: str
) -> None:
    with pytest.raises(InvalidValue, match="an int from 1 to 1000") as refused:
        made.sparkline(width)
    assert (refused.value.code, refused.value.field) == (code, "width")


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=5, unique=True).map(sorted),
    st.integers(1, 1_000),
)
def test_a_line_is_as_wide_as_asked(numbers: list[int], width: int) -> None:
    heights = list(range(1, len(numbers) + 1))
    wide: Any = np.int32(width)
    for made in (ladder(numbers, heights), curve(numbers, heights)):
        line = made.sparkline(width)
        assert len(line) == width
        assert set(line) <= set("▁▂▃▄▅▆▇█")
        assert line == made.sparkline(wide)


def test_ladders_and_curves_are_equal_if_they_say_the_same() -> None:
    made = market(("o1", "ann", 4_000, 5), ("o2", "ben", 3_000, 7))
    quote = made.quote(request(5_000), now=1)
    depth = quote.ladder
    assert depth == quote.ladder
    assert depth.cost == quote.ladder.cost
    assert made.ladder("A", 36) == made.ladder("A", 36)
    # The cell's is nobody's; that of a quote is a request's, and has its cost.
    assert depth != made.ladder("A", 36)
    assert ladder([10], [5]) == ladder([10], [5])
    assert ladder([10], [5]) != ladder([10], [6])
    assert ladder([10], [5]) != ladder([11], [5])
    assert ladder([10], [5]) != ladder([10, 11], [5, 6])
    assert ladder([10], [5]) != curve([10], [5])
    assert curve([10], [5]) == curve([10], [5])
    assert curve([10], [5]) != curve([10], [6])
    assert curve([10], [5]) != curve([11], [5])
    for unhashable in (depth, depth.cost):
        with pytest.raises(TypeError):
            hash(unhashable)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))],  # noqa: S301 - our own
)
def test_ladders_and_curves_equal_their_copies_and_are_read_only(duplicate: Any) -> None:
    made = market(("o1", "ann", 4_000, 5), ("o2", "ben", 3_000, 7))
    depth = made.quote(request(5_000), now=1).ladder
    copied = duplicate(depth)
    assert copied == depth
    assert duplicate(depth.cost) == depth.cost
    for one in (depth, copied, made.ladder("A", 36)):
        columns = [one.rates, one.available]
        columns += [] if one.cost is None else [one.cost.rates, one.cost.amounts]
        for column in columns:
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 5
