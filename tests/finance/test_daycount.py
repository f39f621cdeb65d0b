"""Day counts: worked examples, and QuantLib for every pair of dates."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import QuantLib
from hypothesis import example, given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError
from p2pmatch.finance import DAY_COUNTS, add_months, due_dates, year_fraction

ORACLES = {
    "30E/360": QuantLib.Thirty360(QuantLib.Thirty360.European),
    "30/360 US": QuantLib.Thirty360(QuantLib.Thirty360.USA),
    "ACT/360": QuantLib.Actual360(),
    "ACT/365F": QuantLib.Actual365Fixed(),
    "ACT/ACT ISDA": QuantLib.ActualActual(QuantLib.ActualActual.ISDA),
}

days = st.dates(date(1950, 1, 1), date(2150, 12, 31))


def in_quantlib(day: date) -> QuantLib.Date:
    return QuantLib.Date(day.day, day.month, day.year)


def test_every_day_count_has_an_oracle() -> None:
    assert ORACLES.keys() == DAY_COUNTS.keys()


@given(st.sampled_from(sorted(DAY_COUNTS)), days, days)
@example("30/360 US", date(2023, 2, 28), date(2024, 2, 29))
@example("30/360 US", date(2024, 2, 28), date(2024, 3, 31))
@example("30/360 US", date(2024, 1, 30), date(2024, 3, 31))
@example("30E/360", date(2024, 1, 29), date(2024, 3, 31))
@example("ACT/ACT ISDA", date(2023, 12, 31), date(2024, 1, 1))
def test_the_same_as_quantlib(name: str, one: date, other: date) -> None:
    start, end = sorted((one, other))
    expected = ORACLES[name].yearFraction(in_quantlib(start), in_quantlib(end))
    assert float(year_fraction(start, end, name)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("30E/360", Fraction(180, 360)),
        ("30/360 US", Fraction(180, 360)),
        ("ACT/360", Fraction(182, 360)),
        ("ACT/365F", Fraction(182, 365)),
        ("ACT/ACT ISDA", Fraction(62, 365) + Fraction(120, 366)),
    ],
)
def test_from_the_end_of_october_to_april_over_a_leap_day(name: str, expected: Fraction) -> None:
    assert year_fraction(date(2023, 10, 31), date(2024, 4, 30), name) == expected


@given(st.sampled_from(sorted(set(DAY_COUNTS) - {"30E/360", "30/360 US"})), days, days, days)
def test_actual_days_add_up(name: str, one: date, other: date, another: date) -> None:
    first, second, third = sorted((one, other, another))
    parts = year_fraction(first, second, name) + year_fraction(second, third, name)
    assert parts == year_fraction(first, third, name)


def test_the_two_thirty_day_rules_part_at_the_end_of_february() -> None:
    february, march = date(2023, 2, 28), date(2023, 3, 31)
    assert year_fraction(february, march, "30E/360") == Fraction(32, 360)
    assert year_fraction(february, march, "30/360 US") == Fraction(30, 360)


@given(days, st.integers(0, 1200))
def test_months_keep_the_day_or_end_the_month(start: date, months: int) -> None:
    later = add_months(start, months)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    if later.day != start.day:
        assert later.day < start.day
        assert (later + timedelta(days=1)).day == 1


def test_due_dates_do_not_drift_after_a_short_month() -> None:
    assert due_dates(date(2024, 1, 31), 3)[-1] == date(2024, 4, 30)
    assert due_dates(date(2024, 1, 31), 2)[-1] == date(2024, 3, 31)


def test_an_unknown_day_count_is_refused_with_the_list() -> None:
    with pytest.raises(P2PMatchError, match="ACT/360") as caught:
        year_fraction(date(2024, 1, 1), date(2024, 2, 1), "ACT/364")
    assert caught.value.code == "unknown_rule"


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (date(2024, 1, 2), date(2024, 1, 1), "out_of_order"),
        ("2024-01-01", date(2024, 1, 1), "wrong_type"),
        (date(2024, 1, 1), datetime(2024, 1, 2), "wrong_type"),  # noqa: DTZ001 - what is refused
    ],
)
def test_what_is_no_later_date_is_refused(start: date, end: date, code: str) -> None:
    with pytest.raises(P2PMatchError) as caught:
        year_fraction(start, end, "ACT/360")
    assert caught.value.code == code


def test_the_calendar_begins_and_ends() -> None:
    assert add_months(date(1, 1, 31), 12 * 9_998 + 11) == date(9999, 12, 31)
    assert add_months(date(9999, 12, 31), -12 * 9_998 - 11) == date(1, 1, 31)
    for start, months, code in [
        (date(9999, 12, 1), 1, "too_large"),
        (date(1, 1, 31), -1, "too_small"),
        (date(1, 1, 31), 10**30, "too_large"),
    ]:
        with pytest.raises(P2PMatchError) as caught:
            add_months(start, months)
        assert (caught.value.code, caught.value.field) == (code, "months")


@pytest.mark.parametrize("rubbish", [None, 1.5, "x", [], np.array([1])])
def test_what_is_no_date_or_no_number_of_months_is_refused(rubbish: Any) -> None:
    for call in (
        lambda: add_months(rubbish, 1),
        lambda: add_months(date(2024, 1, 1), rubbish),
        lambda: due_dates(rubbish, 1),
        lambda: due_dates(date(2024, 1, 1), rubbish),
    ):
        with pytest.raises(P2PMatchError) as caught:
            call()
        assert caught.value.code == "wrong_type"
