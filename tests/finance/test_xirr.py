"""XIRR: pyxirr for random flows, worked examples, and what is refused."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import pyxirr
from hypothesis import assume, given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError
from p2pmatch.finance import xirr
from p2pmatch.finance.solve import Flow, Flows

START = date(2024, 1, 1)

later_flows = st.lists(
    st.tuples(st.integers(1, 8_000), st.integers(1, 10**9)), min_size=1, max_size=20
)


def after(days: int) -> date:
    return START + timedelta(days=days)


def test_a_year_of_365_days() -> None:
    assert xirr([(START, -100_000), (after(365), 110_000)]) == 100_000
    assert xirr([(START, 100_000), (after(365), -110_000)]) == 100_000
    assert xirr([(START, -100_000), (after(730), 121_000)]) == 100_000
    assert xirr([(START, -100_000), (after(365), 50_000)]) == -500_000


def test_the_spreadsheets_own_example() -> None:
    # The example in the documentation of Excel's XIRR: 0.373362535.
    days = [
        date(2008, 1, 1),
        date(2008, 3, 1),
        date(2008, 10, 30),
        date(2009, 2, 15),
        date(2009, 4, 1),
    ]
    amounts = [-10_000, 2_750, 4_250, 3_250, 2_750]
    assert xirr(zip(days, amounts, strict=True)) == 373_363


@given(later_flows, st.integers(1, 10**10))
def test_the_same_as_pyxirr(later: list[tuple[int, int]], lent: int) -> None:
    flows = [(START, -lent), *((after(days), back) for days, back in sorted(later))]
    try:
        found = xirr(flows)
    except P2PMatchError as refusal:
        assert refusal.code in {"too_large", "too_small"}  # noqa: PT017 - both are right here
        return
    expected = pyxirr.xirr([day for day, _ in flows], [float(flow) for _, flow in flows])
    # pyxirr stops near 0 of the value, and gives up where rates are out of any use.
    assume(expected is not None and abs(expected) < 100 and expected > -0.99)
    assert found == pytest.approx(expected * 1e6, abs=1 + abs(expected))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-1_000, 1_000)), min_size=2, max_size=8))
def test_whatever_is_answered_is_the_only_answer_at_or_above_zero(
    flows: list[tuple[int, int]],
) -> None:
    """Whole years, so the value is a polynomial: its changes of sign, counted by Sturm's chain."""
    flows.sort()
    try:
        found = Flows((Flow(Fraction(y), Fraction(0), a) for y, a in flows), "flows").rate()
    except P2PMatchError:
        return
    coefficients = [Fraction(0)] * (flows[-1][0] + 1)
    for year, flow in flows:
        coefficients[year] += flow
    # In the discount factor v; rates above 0 are 0 < v < 1.
    inside = zeros_between(coefficients, Fraction(1, 10**9), Fraction(999_999_9, 10**7))
    assert inside <= 1
    if found > 1:
        assert inside == 1


def zeros_between(coefficients: list[Fraction], low: Fraction, high: Fraction) -> int:
    """How many different zeros a polynomial has between two numbers: Sturm's theorem."""
    chain = [trimmed(coefficients)]
    chain.append(trimmed([k * c for k, c in enumerate(chain[0])][1:]))
    while len(chain[-1]) > 1 or any(chain[-1]):
        rest = remainder(chain[-2], chain[-1])
        if not any(rest):
            break
        chain.append([-c for c in rest])
    return variations(chain, low) - variations(chain, high)


def trimmed(coefficients: list[Fraction]) -> list[Fraction]:
    end = len(coefficients)
    while end > 1 and coefficients[end - 1] == 0:
        end -= 1
    return coefficients[:end] or [Fraction(0)]


def remainder(above: list[Fraction], below: list[Fraction]) -> list[Fraction]:
    rest = list(above)
    while len(rest) >= len(below) and any(rest):
        factor = rest[-1] / below[-1]
        shift = len(rest) - len(below)
        for k, c in enumerate(below):
            rest[shift + k] -= factor * c
        rest.pop()
    return trimmed(rest)


def variations(chain: list[list[Fraction]], at: Fraction) -> int:
    values = [sum((c * at**k for k, c in enumerate(p)), Fraction(0)) for p in chain]
    signs = [value > 0 for value in values if value]
    return sum(a != b for a, b in pairwise(signs))


def test_a_lender_who_lends_again_has_one_rate() -> None:
    """Signs change often, but the running total changes once."""
    flows = [(START, -100_000), (after(180), 60_000), (after(181), -50_000), (after(365), 110_000)]
    assert 0 < xirr(flows) < 500_000


@pytest.mark.parametrize(
    ("flows", "code"),
    [
        ([], "empty"),
        ([(START, -5)], "one_sign"),
        ([(START, 0), (after(1), 0)], "one_sign"),
        ([(START, -5), (after(1), -5)], "one_sign"),
        ([(START, -5), (START, 6)], "one_sign"),
        ([(after(1), -5), (START, 6)], "out_of_order"),
        ([(START, -100), (after(365), 230), (after(730), -132)], "ambiguous"),
        # Ends at 0: 0 % solves it, and so may another rate.
        ([(START, -100), (after(1), 300), (after(2), -200)], "ambiguous"),
        ([(START, -100), (after(1), 200)], "too_large"),
        ([(START, -(10**9)), (after(365), 1)], "too_small"),
        ([(START, -1.5), (after(365), 1)], "wrong_type"),
        ([(0, -100), (1, 110)], "wrong_type"),
        ([(datetime(2024, 1, 1), -100), (after(365), 110)], "wrong_type"),  # noqa: DTZ001 - refused
        ([(START, -(2**63)), (after(365), 110)], "too_small"),
        ([START], "malformed"),
        (None, "wrong_type"),
        (np.array(5), "wrong_type"),
        ("flows", "wrong_type"),
        (np.array([[1, 2], [3, 4]]), "malformed"),
        ({(START, -100), (after(365), 110)}, "wrong_type"),
    ],
)
def test_refusals(flows: Any, code: str) -> None:
    with pytest.raises(P2PMatchError) as caught:
        xirr(flows)
    assert (caught.value.field, caught.value.code) == ("flows", code)
