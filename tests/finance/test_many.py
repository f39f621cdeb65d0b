"""Many schedules at once are the same cents as one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pmatch import P2PMatchError
from p2pmatch.finance import METHODS, schedule, schedules
from p2pmatch.units import MAX_AMOUNT, MAX_RATE
from tests.finance.test_schedule import columns

loans = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 2_000), st.integers(1, MAX_AMOUNT)),
        st.one_of(st.sampled_from([0, 90_000, MAX_RATE]), st.integers(0, MAX_RATE)),
        st.integers(1, 60),
    ),
    max_size=12,
)


@given(loans, st.sampled_from(METHODS), st.sampled_from([1, 12, 52]))
@example([(MAX_AMOUNT, MAX_RATE, 1), (MAX_AMOUNT, MAX_RATE, 60)], "annuity", 1)
@example([(5, 0, 2), (MAX_AMOUNT - 1, 0, 2), (1, 0, 2)], "annuity", 12)  # exactly half a cent
@example([(3, 0, 6), (9, 0, 6)], "annuity", 12)  # the same, where the factor is cut
def test_the_same_as_one_by_one(
    rows: list[tuple[int, int, int]], method: str, per_year: int
) -> None:
    many = schedules(
        principals=np.array([row[0] for row in rows], dtype=np.int64),
        rates=[row[1] for row in rows],
        terms=[row[2] for row in rows],
        method=method,
        periods_per_year=per_year,
    )
    assert len(many) == len(rows)
    for together, (principal, rate, term) in zip(many, rows, strict=True):
        alone = schedule(
            principal=principal, rate=rate, term=term, method=method, periods_per_year=per_year
        )
        assert columns(together) == columns(alone)
        assert (together.level, together.amount, together.rate) == (
            alone.level,
            alone.amount,
            alone.rate,
        )
        assert (together.method, together.periods_per_year) == (method, per_year)


@given(st.integers(1, MAX_AMOUNT // 2), st.integers(0, 10**6))
def test_levels_of_exactly_half_a_cent(half: int, rate: int) -> None:
    """Two payments at 0 %: an odd amount ends in half a cent; beside a rate that does not."""
    many = schedules(principals=2 * half - 1, rates=[0, rate], terms=2)
    assert many.levels[0] == half
    assert many.levels[1] == schedule(principal=2 * half - 1, rate=rate, term=2).level


def test_columns_have_one_row_a_loan_and_end_with_its_term() -> None:
    many = schedules(principals=[100, 200], rates=0, terms=[2, 4])
    assert many.payments.tolist() == [[50, 50, 0, 0], [50, 50, 50, 50]]
    assert many.balance.tolist() == [[50, 0, 0, 0], [150, 100, 50, 0]]
    assert not many.payments.flags.writeable
    assert [len(s) for s in many[:]] == [2, 4]
    assert many[-1].payments.tolist() == [50, 50, 50, 50]
    assert repr(many) == "<2 schedules, 6 payments>"
    assert many[0].prepay(after=1).payments.tolist() == [100]
    with pytest.raises(IndexError):
        many[2]


def test_no_loans_at_all() -> None:
    assert len(schedules(principals=[], rates=[], terms=[])) == 0


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"principals": [0, 5]}, "principals", "zero"),
        ({"principals": [5, -1]}, "principals", "negative"),
        ({"principals": [5, MAX_AMOUNT + 1]}, "principals", "too_large"),
        ({"principals": [5.0, 6.0]}, "principals", "wrong_type"),
        ({"principals": [2**70, 1]}, "principals", "wrong_type"),
        ({"principals": [[5, 6]]}, "principals", "contradiction"),
        ({"principals": np.ma.array([5, 6], mask=[0, 1])}, "principals", "wrong_type"),
        ({"rates": np.ma.array([5, 6], mask=[0, 1])}, "rates", "wrong_type"),
        ({"principals": [5, 6, 7]}, "rates", "contradiction"),
        ({"rates": [0, MAX_RATE + 1]}, "rates", "too_large"),
        ({"terms": [0, 12]}, "terms", "zero"),
        ({"terms": [12, 20_001]}, "terms", "too_large"),
        (
            {"principals": np.ones(10_000, dtype=np.int64), "rates": 5, "terms": 20_000},
            "terms",
            "too_large",
        ),
        ({"method": "balloon"}, "method", "unknown_rule"),
        ({"periods_per_year": 0}, "periods_per_year", "zero"),
    ],
)
def test_refusals(change: dict[str, Any], field: str, code: str) -> None:
    good: dict[str, Any] = {"principals": [5, 6], "rates": [5, 6], "terms": [12, 12]}
    with pytest.raises(P2PMatchError) as caught:
        schedules(**(good | change))
    assert (caught.value.field, caught.value.code) == (field, code)
