"""Many schedules at once are the same cents as one by one."""

import copy
import pickle
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
    # What is the same for all is so for none as well.
    assert len(schedules(principals=[], rates=90_000, terms=36)) == 0
    assert len(schedules(principals=5, rates=[], terms=np.array([], dtype=np.int64))) == 0


def test_numbers_for_all_are_one_loan() -> None:
    (alone,) = schedules(principals=100, rates=0, terms=2)
    assert alone == schedule(principal=100, rate=0, term=2)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda many: pickle.loads(pickle.dumps(many))],  # noqa: S301 - our own
)
def test_schedules_equal_their_copies_which_are_read_only_too(duplicate: Any) -> None:
    many = schedules(principals=[100, 200], rates=90_000, terms=[2, 4])
    copied = duplicate(many)
    assert copied == many
    assert repr(copied) == repr(many)
    for name in ("amounts", "rates", "terms", "levels", "payments", "balance"):
        for one in (many, copied):
            assert not getattr(one, name).flags.writeable
    assert duplicate(many[0]) == many[0]


@pytest.mark.parametrize(
    "change",
    [
        {"principals": [100, 201]},
        {"rates": 90_001},
        {"terms": [2, 3]},
        {"method": "equal_principal"},
        {"periods_per_year": 4},
        {"principals": [100, 200, 300], "terms": [2, 4, 4]},
    ],
)
def test_schedules_are_equal_if_all_their_columns_are(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"principals": [100, 200], "rates": 90_000, "terms": [2, 4]}
    many = schedules(**good)
    assert many == schedules(**good)
    assert many != schedules(**(good | change))
    assert many != list(many)
    with pytest.raises(TypeError):
        hash(many)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"principals": [0, 5]}, "principals", "zero"),
        ({"principals": [5, -1]}, "principals", "negative"),
        ({"principals": [5, MAX_AMOUNT + 1]}, "principals", "too_large"),
        ({"principals": [5.0, 6.0]}, "principals", "wrong_type"),
        ({"principals": [2**70, 1]}, "principals", "wrong_type"),
        ({"principals": [[5, 6]]}, "principals", "contradiction"),
        ({"principals": [[5, 6], [7]]}, "principals", "wrong_type"),
        ({"rates": [[], [7]]}, "rates", "wrong_type"),
        ({"terms": [12, [12]]}, "terms", "wrong_type"),
        ({"principals": None}, "principals", "wrong_type"),
        ({"principals": object()}, "principals", "wrong_type"),
        ({"principals": []}, "principals", "contradiction"),
        ({"principals": 5, "rates": 5, "terms": [[12, 12]]}, "terms", "contradiction"),
        ({"principals": [], "rates": MAX_RATE + 1, "terms": 5}, "rates", "too_large"),
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
