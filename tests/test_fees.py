from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import Fees, P2PMatchError, Rules
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT


def test_the_share_is_rounded_half_up_and_the_fixed_part_added() -> None:
    fees = Fees(origination=25_000, origination_fixed=100)  # 2.5 %
    assert [fees.of(principal) for principal in (10, 20, 60, 1_000)] == [100, 101, 102, 125]


def test_who_pays_how() -> None:
    assert Fees(origination=30_000).proceeds(1_000) == 1_000
    assert Fees(origination=30_000, paid="from_proceeds").proceeds(1_000) == 970
    assert Fees(origination_fixed=1_500, paid="from_proceeds").proceeds(1_000) == -500


def test_the_net_rate_may_be_negative() -> None:
    assert Fees(servicing=10_000).net(65_000) == 55_000
    assert Fees(servicing=10_000).net(0) == -10_000
    assert Fees().net(65_000) == 65_000


@given(st.integers(1, MAX_AMOUNT), st.integers(0, FULL_SHARE))
def test_the_fee_is_the_exact_share_but_for_half_a_cent(principal: int, share: int) -> None:
    fee = Fees(origination=share).of(principal)
    assert -FULL_SHARE <= 2 * (fee * FULL_SHARE - principal * share) <= FULL_SHARE
    assert 0 <= fee <= principal


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"origination": -1}, "negative", "origination"),
        ({"origination": FULL_SHARE + 1}, "too_large", "origination"),
        ({"origination": "3%"}, "wrong_type", "origination"),
        ({"origination_fixed": 1.5}, "wrong_type", "origination_fixed"),
        ({"origination_fixed": MAX_AMOUNT + 1}, "too_large", "origination_fixed"),
        ({"servicing": True}, "wrong_type", "servicing"),
        ({"paid": "later"}, "unknown_rule", "paid"),
        ({"paid": None}, "unknown_rule", "paid"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Fees(**wrong)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_rules_take_fees_and_the_name_of_a_rule() -> None:
    assert Rules(grades=["A"], terms=[12]).fees == Fees()
    for wrong, code in [({"fees": 3}, "wrong_type"), ({"apr_rule": "uk"}, "unknown_rule")]:
        with pytest.raises(P2PMatchError) as refused:
            Rules(grades=["A"], terms=[12], **wrong)
        assert refused.value.code == code
