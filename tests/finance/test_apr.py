"""APR by both rules: published examples, plain fractions, and what is refused."""

import json
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError, amount
from p2pmatch.finance import APR_RULES, apr, due_dates
from p2pmatch.finance.apr import years_between
from p2pmatch.finance.solve import MAX_SOLVED
from tests.model import finance as model
from tests.shared import shared

#: US 12 CFR 1026, appendix J, (c)(1): amount financed, payment, how many, per year, first, APR in %.
PUBLISHED = (
    ("5000.00", "230.00", 24, 12, Fraction(1), "9.69"),
    ("6000.00", "200.00", 36, 12, 1 + Fraction(19, 30), "11.82"),
    ("5000.00", "219.17", 24, 24, Fraction(6, 15), "10.34"),
    ("10000.00", "385.00", 40, 4, 1 + Fraction(39, 90), "8.97"),
    ("500.00", "17.60", 30, 52, 4 + Fraction(4, 7), "14.96"),
)


def in_percent(ppm: int) -> str:
    """Two decimals, as the regulation publishes them."""
    hundredths = model.half_up(Fraction(ppm, 100))
    return f"{hundredths // 100}.{hundredths % 100:02}"


def regular(first: Fraction, payment: int, count: int) -> list[tuple[Fraction, int]]:
    return [(first + k, payment) for k in range(count)]


@pytest.mark.parametrize(
    ("financed", "payment", "count", "per_year", "first", "expected"), PUBLISHED
)
def test_the_published_examples_of_regulation_z(
    financed: str, payment: str, count: int, per_year: int, first: Fraction, expected: str
) -> None:
    found = apr(
        advances=[(0, amount(financed))],
        payments=regular(first, amount(payment), count),
        rule="us",
        periods_per_year=per_year,
    )
    assert in_percent(found) == expected


def test_the_published_examples_as_they_are_handed_around() -> None:
    cases = json.loads(shared("conformance", "finance", "apr_us.json").read_text())
    assert len(cases) == 5
    for case in cases:
        first = case["first"]
        time = first["whole"] + Fraction(first["days"], first["days_in_period"])
        found = apr(
            advances=[(0, amount(case["amount_financed"]))],
            payments=regular(time, amount(case["payment"]), case["count"]),
            rule="us",
            periods_per_year=case["periods_per_year"],
        )
        assert in_percent(found) == case["apr_percent"], case["name"]


def test_several_advances() -> None:
    # 1000 now and 1000 in a month, 2030 in two: 1000 x^2 + 1000 x = 2030 for x = 1 + i
    found = apr(advances=[(0, 100_000), (1, 100_000)], payments=[(2, 203_000)], rule="us")
    i = Fraction(found, 12_000_000)
    half = Fraction(1, 24_000_000)
    assert (1 + i - half) ** 2 + (1 + i - half) <= Fraction(203, 100)
    assert (1 + i + half) ** 2 + (1 + i + half) > Fraction(203, 100)


def test_one_year_is_one_year() -> None:
    assert apr(advances=[(0, 100_000)], payments=[(1, 110_000)], rule="eu") == 100_000
    assert apr(advances=[(0, 100_000)], payments=[(12, 110_000)], rule="us") == 95_690


def test_less_paid_than_received_is_below_zero() -> None:
    assert apr(advances=[(0, 100_000)], payments=[(1, 90_000)], rule="eu") == -100_000
    assert apr(advances=[(0, 100)], payments=[(1, 100)], rule="eu") == 0


def test_halves_are_rounded_up_and_known_to_be_halves() -> None:
    # 0.5 ppm exactly, and -0.5 ppm.
    assert apr(advances=[(0, 2_000_000)], payments=[(1, 2_000_001)], rule="eu") == 1
    assert apr(advances=[(0, 2_000_000)], payments=[(1, 1_999_999)], rule="eu") == 0
    assert apr(advances=[(0, 10**9)], payments=[(1, 10**9 + 499)], rule="eu") == 0
    assert apr(advances=[(0, 10)], payments=[(Fraction(1, 2), 11)], rule="eu") == 210_000
    # (3 / 2)^7 = 17.0859375: a half of a ppm whose seventh root is a fraction.
    assert apr(advances=[(0, 2)], payments=[(Fraction(1, 7), 3)], rule="eu") == 16_085_938


def test_what_is_nearly_a_half_is_known_not_to_be() -> None:
    """A cent four hundred years off moves the rate by 10^-120: no fixed number of digits sees it."""
    advances, payments = [(0, 2_000_000)], [(1, 4_000_001)]  # 100.00005 %, a half
    assert apr(advances=advances, payments=payments, rule="eu") == 1_000_001
    assert apr(advances=advances, payments=[*payments, (400, 1)], rule="eu") == 1_000_001
    assert apr(advances=[*advances, (400, 1)], payments=payments, rule="eu") == 1_000_000


@pytest.mark.parametrize("part", [Fraction(1, 2), Fraction(1, 4), Fraction(5, 12)])
def test_a_half_behind_an_irrational_root(part: Fraction) -> None:
    """Two payments whose irrational parts cancel: the value is exactly 0 half a ppm above 0."""
    growth = Fraction(2_000_001, 2_000_000)
    first = (part, 2_000_000)
    # 2 000 000 received then is worth 2 000 001 a year later.
    assert growth * first[1] == 2_000_001
    found = apr(
        advances=[(0, 2_000_000), first],
        payments=[(1, 2_000_001), (1 + part, 2_000_001)],
        rule="eu",
    )
    assert found == 1


flows = st.lists(
    st.tuples(st.fractions(0, 20, max_denominator=40), st.integers(1, 10**9)),
    min_size=1,
    max_size=12,
)


@given(flows, st.integers(1, 10**9), st.sampled_from([1, 4, 12, 52]))
def test_the_us_rounding_is_certain(
    payments: Sequence[tuple[Fraction, int]], advance: int, per_year: int
) -> None:
    """The value of the flows changes its sign between half a ppm below and above."""
    later = sorted((Fraction(1, 50) + time, paid) for time, paid in payments)
    try:
        found = apr(advances=[(0, advance)], payments=later, rule="us", periods_per_year=per_year)
    except P2PMatchError as refusal:
        assert refusal.code in {"too_large", "too_small"}  # noqa: PT017 - both are right here
        return
    split = [(Fraction(0), Fraction(0), -advance)]
    split += [(Fraction(int(time)), time % 1, paid) for time, paid in later]
    below, above = (Fraction(2 * found + side, 2_000_000 * per_year) for side in (-1, 1))
    assert model.value(split, below) >= 0
    assert model.value(split, above) < 0


@given(flows, st.integers(1, 10**9))
def test_the_eu_rounding_is_certain(payments: Sequence[tuple[Fraction, int]], advance: int) -> None:
    """All times are twelfths of a year, so the value is one of powers of the growth's twelfth root."""
    later = sorted((Fraction(1 + int(time * 12), 12), paid) for time, paid in payments)
    try:
        found = apr(advances=[(0, advance)], payments=later, rule="eu")
    except P2PMatchError as refusal:
        assert refusal.code in {"too_large", "too_small"}  # noqa: PT017 - both are right here
        return
    for side in (-1, 1):
        growth = 1 + Fraction(2 * found + side, 2_000_000)
        # Bounds of the twelfth root to 60 digits, by whole-number roots.
        scale = 10**60
        root = whole_root(growth.numerator * scale**12 // growth.denominator, 12)
        worth = [
            sum(
                (Fraction(paid) / step ** int(12 * time) for time, paid in later),
                Fraction(-advance),
            )
            for step in (Fraction(root, scale), Fraction(root + 1, scale))
        ]
        assert max(worth) >= 0 if side < 0 else min(worth) <= 0


def whole_root(number: int, degree: int) -> int:
    """The largest whole number whose power is at most `number`: Newton's steps from above."""
    guess = 1 << (number.bit_length() // degree + 1)
    while True:
        closer = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
        if closer >= guess:
            return guess
        guess = closer


@given(flows, st.integers(1, 10**9), st.integers(0, 10**6))
def test_paying_more_never_lowers_it(
    payments: Sequence[tuple[Fraction, int]], advance: int, more: int
) -> None:
    later = sorted((1 + time, paid) for time, paid in payments)
    larger = [*later[:-1], (later[-1][0], later[-1][1] + more)]
    try:
        first, second = (
            apr(advances=[(0, advance)], payments=side, rule="us") for side in (later, larger)
        )
    except P2PMatchError as refusal:
        assert refusal.code in {"too_large", "too_small"}  # noqa: PT017 - both are right here
        return
    assert first <= second


def test_dates_count_months_first() -> None:
    """Twelfths of a year for months, however long; the effective rate of 1 % a month."""
    start = date(2023, 1, 15)
    dated = list(zip(due_dates(start, 6), [17_255] * 6, strict=True))
    twelfths = [(Fraction(k, 12), 17_255) for k in range(1, 7)]
    found = apr(advances=[(start, 100_000)], payments=dated, rule="eu")
    assert found == apr(advances=[(0, 100_000)], payments=twelfths, rule="eu")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2024, 1, 15), date(2024, 1, 15), Fraction(0)),
        (date(2024, 1, 15), date(2025, 1, 15), Fraction(1)),
        (date(2024, 1, 31), date(2024, 2, 29), Fraction(1, 12)),
        (date(2024, 1, 31), date(2024, 2, 28), Fraction(28, 365)),
        (date(2023, 1, 1), date(2023, 2, 11), Fraction(1, 12) + Fraction(10, 365)),
        # The year that ends with the last of the odd days holds a 29th of February.
        (date(2024, 3, 1), date(2024, 4, 11), Fraction(1, 12) + Fraction(10, 366)),
        (date(2023, 12, 31), date(2024, 3, 31), Fraction(1, 4)),
    ],
)
def test_years_between_dates(start: date, end: date, expected: Fraction) -> None:
    assert years_between(start, end) == expected


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"rule": "uk"}, "rule", "unknown_rule"),
        ({"rule": ["us"]}, "rule", "unknown_rule"),
        ({"periods_per_year": 0}, "periods_per_year", "zero"),
        ({"advances": []}, "advances", "empty"),
        ({"advances": 5}, "advances", "wrong_type"),
        ({"advances": np.array(5)}, "advances", "wrong_type"),
        ({"payments": np.array(5)}, "payments", "wrong_type"),
        ({"payments": "ab"}, "payments", "wrong_type"),
        ({"advances": [(0, 0)]}, "payments", "one_sign"),
        ({"payments": []}, "payments", "one_sign"),
        ({"advances": [(0, 0)], "payments": []}, "payments", "one_sign"),
        ({"payments": [(0, 100_000)]}, "payments", "one_sign"),
        ({"payments": [(1, -5)]}, "payments", "negative"),
        ({"payments": [(1, 2.5)]}, "payments", "wrong_type"),
        ({"payments": [(1.5, 5)]}, "payments", "wrong_type"),
        ({"payments": [(date(2024, 1, 1), 5)]}, "payments", "wrong_type"),
        ({"payments": [(-1, 5)]}, "payments", "negative"),
        ({"payments": [(40_000, 5)]}, "payments", "too_large"),
        ({"payments": [(Fraction(1, 10**13), 5)]}, "payments", "too_large"),
        # Times that together need finer parts of a year than any two of them.
        (
            {
                "payments": [
                    (Fraction(k, p), 50_000) for k, p in ((1, 999_983), (2, 999_979), (3, 997))
                ],
                "rule": "eu",
            },
            "payments",
            "too_large",
        ),
        ({"payments": [(1, 2, 3)]}, "payments", "malformed"),
        ({"payments": [7]}, "payments", "malformed"),
        ({"payments": [(2, 60_000), (1, 60_000)]}, "payments", "out_of_order"),
        ({"advances": [(0, 1), (2, 60_000), (1, 60_000)]}, "advances", "out_of_order"),
        ({"advances": [(1, 100_000)]}, "advances", "contradiction"),
        # Received, paid, received, paid: two rates could solve that.
        (
            {"advances": [(0, 100_000), (2, 133_000)], "payments": [(1, 230_000), (3, 4_000)]},
            "payments",
            "ambiguous",
        ),
        ({"payments": [(Fraction(1, 1_000), 10**12)]}, "payments", "too_large"),
        ({"payments": [(Fraction(1, 1_000), 10**12)], "rule": "eu"}, "payments", "too_large"),
        ({"payments": [(1, 1)], "advances": [(0, 10**11)], "rule": "eu"}, "payments", "too_small"),
        (
            {
                "advances": [(date(2024, 1, 2), 5)],
                "payments": [(date(2024, 1, 1), 5)],
                "rule": "eu",
            },
            "payments",
            "out_of_order",
        ),
        (
            {"advances": [(date(2024, 1, 2), 5)], "payments": [(1, 5)], "rule": "eu"},
            "payments",
            "wrong_type",
        ),
    ],
)
def test_refusals(change: dict[str, Any], field: str, code: str) -> None:
    good: dict[str, Any] = {"advances": [(0, 100_000)], "payments": [(1, 101_000)], "rule": "us"}
    assert apr(**good) == 120_000
    with pytest.raises(P2PMatchError) as caught:
        apr(**(good | change))
    assert (caught.value.field, caught.value.code) == (field, code)


def test_very_large_rates_are_found_until_the_limit() -> None:
    assert apr(advances=[(0, 1)], payments=[(1, 10**6 + 1)], rule="eu") == MAX_SOLVED
    assert apr(advances=[(0, 10**6)], payments=[(1, 1)], rule="eu") == -999_999


def test_every_rule_is_tried_here() -> None:
    assert set(APR_RULES) == {"eu", "us"}
