"""Schedules: worked by hand, against plain fractions, and what must hold of every one."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import repeat
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError
from p2pmatch.finance import DAY_COUNTS, METHODS, Schedule, apr, schedule, xirr, year_fraction
from p2pmatch.units import MAX_AMOUNT, MAX_RATE
from tests.model import finance as model

principals = st.one_of(st.integers(1, 2_000), st.integers(1, MAX_AMOUNT))
rates = st.one_of(
    st.sampled_from([0, 1, 90_000, MAX_RATE]),
    st.integers(0, MAX_RATE),
    st.fractions(0, MAX_RATE, max_denominator=10**9),
)
methods = st.sampled_from(METHODS)


def columns(s: Schedule) -> list[tuple[int, ...]]:
    """The rows of a schedule, as the model writes them."""
    return list(
        zip(
            s.payments.tolist(),
            s.interest.tolist(),
            s.principal.tolist(),
            s.balance.tolist(),
            strict=True,
        )
    )


def check_it_adds_up(s: Schedule) -> None:
    assert s.balance[-1] == 0
    assert s.principal.sum() == s.amount
    assert np.array_equal(s.payments, s.interest + s.principal)
    assert np.array_equal(s.balance, s.amount - s.principal.cumsum())
    assert (s.interest >= 0).all()
    assert (s.principal >= 0).all()
    assert not any(c.flags.writeable for c in (s.payments, s.interest, s.principal, s.balance))


# By hand


def test_an_annuity_of_three_months() -> None:
    # 1000.00 at 12 %: 1 % a month; 1000 x 0.01 / (1 - 1.01^-3) = 340.0221
    s = schedule(principal=100_000, rate=120_000, term=3)
    assert columns(s) == [
        (34_002, 1_000, 33_002, 66_998),
        (34_002, 670, 33_332, 33_666),
        (34_003, 337, 33_666, 0),
    ]
    assert (s.level, s.total_interest, s.total_paid, len(s)) == (34_002, 2_007, 102_007, 3)
    assert repr(s) == "<3 payments, 100000 minor units lent, annuity>"
    assert s == schedule(principal=100_000, rate=120_000, term=3)
    assert s != schedule(principal=100_000, rate=120_001, term=3)


def test_equal_principal() -> None:
    s = schedule(principal=100_000, rate=120_000, term=3, method="equal_principal")
    assert columns(s) == [
        (34_333, 1_000, 33_333, 66_667),
        (34_000, 667, 33_333, 33_334),
        (33_667, 333, 33_334, 0),
    ]


def test_interest_only() -> None:
    s = schedule(principal=100_000, rate=120_000, term=3, method="interest_only")
    assert s.payments.tolist() == [1_000, 1_000, 101_000]


def test_no_interest_at_all() -> None:
    assert schedule(principal=100, rate=0, term=3).payments.tolist() == [33, 33, 34]


def test_a_thousand_percent() -> None:
    # 5/6 a month: 1000 x (5/6) / (1 - (6/11)^2) = 1186.2745
    s = schedule(principal=100_000, rate=MAX_RATE, term=2)
    assert columns(s) == [(118_627, 83_333, 35_294, 64_706), (118_628, 53_922, 64_706, 0)]


def test_thirty_six_rounded_payments_leave_some_cents_over() -> None:
    s = schedule(principal=1_000_000, rate=95_000, term=36)
    exact = Fraction(1_000_000) / sum(Fraction(12_000, 12_095) ** k for k in range(1, 37))
    assert s.payments[0] == model.half_up(exact)
    assert 0 < abs(int(s.payments[-1]) - s.level) < 40


def test_daily_accrual_counts_the_days() -> None:
    s = schedule(
        principal=100_000, rate=120_000, term=2, day_count="ACT/365F", start=date(2023, 1, 31)
    )
    assert s.dates == (date(2023, 2, 28), date(2023, 3, 31))
    # 28 and 31 days: 100000 x 0.12 x 28 / 365 = 920.55; the balance x 0.12 x 31 / 365
    assert s.interest.tolist() == [
        921,
        model.half_up(Fraction(int(s.balance[0]) * 12 * 31, 36_500)),
    ]


def test_months_by_30e_360_are_equal_periods() -> None:
    dated = schedule(
        principal=123_456, rate=77_000, term=24, day_count="30E/360", start=date(2023, 1, 15)
    )
    assert columns(dated) == columns(schedule(principal=123_456, rate=77_000, term=24))


# Against plain fractions


@given(principals, rates, st.integers(1, 40), methods, st.sampled_from([1, 4, 12, 52, 365]))
def test_equal_periods_as_in_plain_fractions(
    principal: int, rate: Fraction, term: int, method: str, per_year: int
) -> None:
    s = schedule(
        principal=principal, rate=rate, term=term, method=method, periods_per_year=per_year
    )
    interests = [Fraction(rate) / 1_000_000 / per_year] * term
    level = model.level(principal, interests, method)
    assert s.level == level
    assert columns(s) == model.rows(principal, interests, method, level)
    check_it_adds_up(s)


@given(
    principals,
    rates,
    st.lists(st.integers(1, 70), min_size=1, max_size=20),
    methods,
    st.sampled_from(sorted(DAY_COUNTS)),
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
)
def test_dates_as_in_plain_fractions(
    principal: int, rate: Fraction, gaps: list[int], method: str, day_count: str, start: date
) -> None:
    dates = [start + timedelta(days=sum(gaps[: i + 1])) for i in range(len(gaps))]
    parts = [year_fraction(a, b, day_count) for a, b in zip([start, *dates], dates, strict=False)]
    interests = [Fraction(rate) * part / 1_000_000 for part in parts]
    level = model.level(principal, interests, method)
    expected = model.rows(principal, interests, method, level)
    given_values: dict[str, Any] = {
        "principal": principal,
        "rate": rate,
        "term": len(gaps),
        "method": method,
        "day_count": day_count,
        "start": start,
        "dates": dates,
    }
    if any(row[2] < 0 for row in expected):
        with pytest.raises(P2PMatchError, match="covers"):
            schedule(**given_values)
        return
    s = schedule(**given_values)
    assert columns(s) == expected
    check_it_adds_up(s)


# What must hold


@given(principals, rates, st.integers(1, 60), methods)
def test_it_falls_and_never_rises(principal: int, rate: Fraction, term: int, method: str) -> None:
    s = schedule(principal=principal, rate=rate, term=term, method=method)
    assert (np.diff(s.balance) <= 0).all()
    assert (np.diff(s.interest) <= 0).all()
    if method == "annuity":
        assert (np.diff(s.principal[:-1]) >= 0)[s.balance[1:-1] > 0].all()
        assert (s.payments[:-1] <= s.level).all()
    if method == "equal_principal":
        assert (np.diff(s.payments[:-1]) <= 0).all()


@given(principals, st.integers(0, MAX_RATE - 1), st.integers(1, 60))
def test_a_higher_rate_never_costs_less_a_month(principal: int, rate: int, term: int) -> None:
    lower = schedule(principal=principal, rate=rate, term=term)
    higher = schedule(principal=principal, rate=rate + 1, term=term)
    assert lower.level <= higher.level


@given(
    st.integers(10**9, MAX_AMOUNT),
    st.integers(0, 600_000),
    st.integers(1, 60),
    methods,
    st.sampled_from([4, 12, 52]),
)
def test_its_apr_is_the_rate_it_was_made_from(
    principal: int, rate: int, term: int, method: str, per_year: int
) -> None:
    """Equal periods and no fees: the US rule gives the nominal rate back."""
    s = schedule(
        principal=principal, rate=rate, term=term, method=method, periods_per_year=per_year
    )
    found = apr(
        advances=[(0, principal)],
        payments=list(enumerate(s.payments.tolist(), 1)),
        rule="us",
        periods_per_year=per_year,
    )
    assert abs(found - rate) <= 1


@given(
    st.integers(10**9, MAX_AMOUNT),
    st.integers(0, 600_000),
    st.integers(1, 60),
    st.sampled_from(METHODS),
)
def test_its_xirr_is_the_rate_it_was_made_from(
    principal: int, rate: int, term: int, method: str
) -> None:
    """A year of exactly 365 days between payments, ACT/365F: the effective rate is the nominal."""
    start = date(1900, 1, 1)
    dates = [start + timedelta(days=365 * k) for k in range(1, term + 1)]
    s = schedule(
        principal=principal,
        rate=rate,
        term=term,
        method=method,
        day_count="ACT/365F",
        start=start,
        dates=dates,
    )
    flows = [(start, -principal), *zip(dates, s.payments.tolist(), strict=True)]
    assert abs(xirr(flows) - rate) <= 1


@given(st.integers(10**9, MAX_AMOUNT), st.integers(0, 600_000), st.integers(1, 60))
def test_monthly_xirr_by_the_eu_rule_is_the_compounded_rate(
    principal: int, rate: int, term: int
) -> None:
    s = schedule(principal=principal, rate=rate, term=term)
    payments = [(Fraction(k, 12), p) for k, p in enumerate(s.payments.tolist(), 1)]
    found = apr(advances=[(0, principal)], payments=payments, rule="eu")
    effective = ((1 + Fraction(rate, 12_000_000)) ** 12 - 1) * 1_000_000
    assert abs(found - effective) <= 2


# Fifty years of days


def test_fifty_years_of_daily_payments() -> None:
    s = schedule(principal=10**9, rate=90_000, term=18_250, periods_per_year=365)
    check_it_adds_up(s)
    found = apr(
        advances=[(0, 10**9)],
        payments=list(enumerate(s.payments.tolist(), 1)),
        rule="us",
        periods_per_year=365,
    )
    assert found == 90_000


def test_fifty_years_of_days_with_leap_years() -> None:
    start = date(2024, 1, 1)
    dates = [start + timedelta(days=k) for k in range(1, 18_264)]
    s = schedule(
        principal=10**9,
        rate=90_000,
        term=18_263,
        day_count="ACT/ACT ISDA",
        start=start,
        dates=dates,
    )
    check_it_adds_up(s)
    assert (
        90_000 < xirr([(start, -(10**9)), *zip(dates, s.payments.tolist(), strict=True)]) < 95_000
    )


# Tiny and extreme


def test_a_few_cents_are_paid_back_before_the_term() -> None:
    s = schedule(principal=25, rate=90_000, term=36)
    assert s.payments.tolist() == [1] * 25 + [0] * 11


def test_at_extreme_rates_the_last_payment_takes_what_the_cents_left() -> None:
    s = schedule(principal=100_000, rate=MAX_RATE, term=36)
    check_it_adds_up(s)
    assert s.payments[:-1].tolist() == [83_333] * 35
    assert s.payments[-1] == 183_333


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"principal": 0}, "principal", "zero"),
        ({"principal": -5}, "principal", "negative"),
        ({"principal": MAX_AMOUNT + 1}, "principal", "too_large"),
        ({"principal": 1.5}, "principal", "wrong_type"),
        ({"rate": -1}, "rate", "negative"),
        ({"rate": MAX_RATE + 1}, "rate", "too_large"),
        ({"rate": 0.09}, "rate", "wrong_type"),
        ({"rate": True}, "rate", "wrong_type"),
        ({"term": 0}, "term", "zero"),
        ({"term": -12}, "term", "negative"),
        ({"term": 20_001}, "term", "too_large"),
        ({"method": "balloon"}, "method", "unknown_rule"),
        ({"method": []}, "method", "unknown_rule"),
        ({"periods_per_year": 0}, "periods_per_year", "zero"),
        ({"periods_per_year": 367}, "periods_per_year", "too_large"),
        ({"start": date(2024, 1, 1)}, "start", "contradiction"),
        ({"dates": [date(2024, 1, 1)]}, "dates", "contradiction"),
        ({"day_count": "ACT/360"}, "start", "wrong_type"),
        ({"day_count": "ACT/364", "start": date(2024, 1, 1)}, "day_count", "unknown_rule"),
        (
            {"day_count": "ACT/360", "start": date(2024, 1, 1), "dates": [date(2024, 2, 1)]},
            "dates",
            "contradiction",
        ),
        *(
            (
                {"day_count": "ACT/360", "start": date(2024, 1, 1), "dates": wrong},
                "dates",
                code,
            )
            for wrong, code in [
                (5, "wrong_type"),
                ("2024-02-01", "wrong_type"),
                (np.array(5), "wrong_type"),
                (date(2024, 2, 1), "wrong_type"),
                ({date(2024, month, 1) for month in (2, 3, 4)}, "wrong_type"),
                (["2024-02-01"] * 3, "wrong_type"),
                ([], "contradiction"),
                (repeat(date(2024, 2, 1)), "contradiction"),
            ]
        ),
        (
            {
                "day_count": "ACT/360",
                "start": date(2024, 1, 1),
                "dates": [date(2024, 2, 1), date(2024, 2, 1), date(2024, 3, 1)],
            },
            "dates",
            "out_of_order",
        ),
        (
            {
                "day_count": "ACT/360",
                "start": date(2024, 1, 1),
                # A first period of thirty years bears more than one level payment.
                "dates": [date(2054, 2, 1), date(2054, 2, 2), date(2054, 2, 3)],
                "rate": MAX_RATE,
            },
            "dates",
            "contradiction",
        ),
    ],
)
def test_refusals(change: dict[str, Any], field: str, code: str) -> None:
    good: dict[str, Any] = {"principal": 100_000, "rate": 90_000, "term": 3}
    with pytest.raises(P2PMatchError) as caught:
        schedule(**(good | change))
    assert (caught.value.field, caught.value.code) == (field, code)


def test_numpy_numbers_are_numbers() -> None:
    s = schedule(principal=np.int64(100_000), rate=np.int64(90_000), term=np.int32(3))  # type: ignore[arg-type]
    assert type(s.amount) is int
    assert type(s.level) is int
    assert columns(s) == columns(schedule(principal=100_000, rate=90_000, term=3))
