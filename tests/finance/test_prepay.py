"""Early repayment: by hand, against the model, and what must hold."""

from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError
from p2pmatch.finance import METHODS, schedule
from p2pmatch.finance.schedule import Schedule
from tests.finance.test_schedule import check_it_adds_up, columns
from tests.model import finance as model


def test_all_of_it_ends_the_loan() -> None:
    s = schedule(principal=100_000, rate=120_000, term=3).prepay(after=1)
    assert columns(s) == [(101_000, 1_000, 100_000, 0)]


def test_a_part_makes_it_shorter() -> None:
    # 669.98 are owed after the first payment, 333.00 of them paid at once: 336.98 is left.
    s = schedule(principal=100_000, rate=120_000, term=3).prepay(after=1, amount=33_300)
    assert columns(s) == [
        (67_302, 1_000, 66_302, 33_698),
        (34_002, 337, 33_665, 33),
        (33, 0, 33, 0),
    ]
    enough = schedule(principal=100_000, rate=120_000, term=3).prepay(after=1, amount=33_400)
    assert columns(enough)[1:] == [(33_934, 336, 33_598, 0)]


def test_a_part_makes_it_lower() -> None:
    # 336.98 over two months at 1 %: 336.98 x 0.01 / (1 - 1.01^-2) = 171.0238
    s = schedule(principal=100_000, rate=120_000, term=3)
    lower = s.prepay(after=1, amount=33_300, then="lower")
    assert columns(lower)[1:] == [(17_102, 337, 16_765, 16_933), (17_102, 169, 16_933, 0)]
    assert lower.level == 17_102


def test_equal_principal_keeps_its_part_or_lowers_it() -> None:
    s = schedule(principal=90_000, rate=120_000, term=3, method="equal_principal")
    assert s.prepay(after=1, amount=30_000).principal.tolist() == [60_000, 30_000]
    lower = s.prepay(after=1, amount=30_000, then="lower")
    assert lower.principal.tolist() == [60_000, 15_000, 15_000]


def test_interest_only_is_lowered() -> None:
    s = schedule(principal=100_000, rate=120_000, term=3, method="interest_only")
    lower = s.prepay(after=1, amount=40_000, then="lower")
    assert lower.payments.tolist() == [41_000, 600, 60_600]
    assert s.prepay(after=2).payments.tolist() == [1_000, 101_000]


def test_on_a_day_between_payments_the_days_until_then_are_paid() -> None:
    s = schedule(
        principal=100_000, rate=120_000, term=3, day_count="ACT/365F", start=date(2023, 1, 1)
    )
    full = s.prepay(on=date(2023, 1, 11))
    assert full.dates == (date(2023, 1, 11),)
    assert columns(full) == [(100_329, 329, 100_000, 0)]  # 1000 x 0.12 x 10 / 365
    part = s.prepay(on=date(2023, 2, 11), amount=20_000)
    assert part.dates is not None
    assert part.dates[:3] == (date(2023, 2, 1), date(2023, 2, 11), date(2023, 3, 1))
    owed = int(s.balance[0])
    assert part.interest[1] == model.half_up(Fraction(owed * 12 * 10, 36_500))
    assert part.interest[2] == model.half_up(Fraction((owed - 20_000) * 12 * 18, 36_500))
    assert part.payments[2] == s.level
    check_it_adds_up(part)


def test_on_a_day_a_payment_is_due_it_comes_with_that() -> None:
    s = schedule(
        principal=100_000, rate=120_000, term=3, day_count="ACT/365F", start=date(2023, 1, 1)
    )
    assert columns(s.prepay(on=date(2023, 2, 1), amount=5)) == columns(s.prepay(after=1, amount=5))
    assert s.prepay(on=date(2023, 3, 1)).dates == (date(2023, 2, 1), date(2023, 3, 1))


@st.composite
def prepaid(draw: st.DrawFn) -> tuple[Schedule, int, int, str]:
    """A schedule, the payment, the amount, and what changes."""
    method = draw(st.sampled_from(METHODS))
    s = schedule(
        principal=draw(st.integers(100, 10**9)),
        rate=draw(st.integers(0, 1_000_000)),
        term=draw(st.integers(2, 40)),
        method=method,
        **draw(st.sampled_from([{}, {"day_count": "ACT/360", "start": date(2024, 1, 31)}])),  # type: ignore[arg-type]
    )
    after = draw(st.integers(1, len(s) - 1))
    then = "lower" if method == "interest_only" else draw(st.sampled_from(["shorter", "lower"]))
    return s, after, draw(st.integers(1, max(1, int(s.balance[after - 1])))), then


@given(prepaid())
def test_paying_early_saves_interest_and_adds_up(case: tuple[Schedule, int, int, str]) -> None:
    s, after, amount, then = case
    if s.balance[after - 1] == 0:
        with pytest.raises(P2PMatchError):
            s.prepay(after=after, amount=amount, then=then)
        return
    early = s.prepay(after=after, amount=amount, then=then)
    check_it_adds_up(early)
    assert np.array_equal(early.payments[: after - 1], s.payments[: after - 1])
    assert early.payments[after - 1] == s.payments[after - 1] + amount
    assert early.total_interest <= s.total_interest + len(s)  # every row may round up
    if then == "lower" and amount < s.balance[after - 1]:
        assert len(early) == len(s)
        assert early.level <= s.level + 1
    else:
        assert len(early) <= len(s)
        assert early.level == s.level
    if early.dates is not None:
        assert early.dates == s.dates[: len(early)]  # type: ignore[index]


@given(prepaid())
def test_the_rest_is_a_schedule_of_its_own(case: tuple[Schedule, int, int, str]) -> None:
    s, after, amount, _ = case
    left = int(s.balance[after - 1]) - amount
    if left <= 0 or s.dates is not None:
        return
    early = s.prepay(after=after, amount=amount, then="lower")
    alone = schedule(principal=left, rate=s.rate, term=len(s) - after, method=s.method)
    assert columns(early)[after:] == columns(alone)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"after": 0}, "after", "zero"),
        ({"after": 4}, "after", "too_large"),
        ({"after": None}, "after", "wrong_type"),
        ({"amount": 0}, "amount", "zero"),
        ({"amount": -1}, "amount", "negative"),
        ({"amount": 66_999}, "amount", "above_outstanding"),
        ({"then": "later"}, "then", "unknown_rule"),
        ({"on": date(2024, 1, 1)}, "on", "contradiction"),
        ({"on": date(2024, 1, 1), "after": None}, "on", "contradiction"),
    ],
)
def test_refusals(change: dict[str, Any], field: str, code: str) -> None:
    s = schedule(principal=100_000, rate=120_000, term=3)
    with pytest.raises(P2PMatchError) as caught:
        s.prepay(**({"after": 1, "amount": 500} | change))
    assert (caught.value.field, caught.value.code) == (field, code)


@pytest.mark.parametrize("day", [date(2022, 12, 31), date(2023, 1, 1), date(2023, 4, 2)])
def test_days_outside_the_loan_are_refused(day: date) -> None:
    s = schedule(
        principal=100_000, rate=120_000, term=3, day_count="ACT/360", start=date(2023, 1, 1)
    )
    with pytest.raises(P2PMatchError) as caught:
        s.prepay(on=day)
    assert (caught.value.field, caught.value.code) == ("on", "out_of_order")


def test_an_interest_only_loan_cannot_be_shorter() -> None:
    s = schedule(principal=100_000, rate=120_000, term=3, method="interest_only")
    with pytest.raises(P2PMatchError, match="lower"):
        s.prepay(after=1, amount=500)
