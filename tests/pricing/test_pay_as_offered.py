"""Every lender gets the rate it asked; and what holds for every rule that has a name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import PRICING_RULES, Accepted, PricingRule
from p2pmatch.pricing import PayAsOffered


def test_asks_are_the_rates() -> None:
    accepted = Accepted(np.array([5, 7]), np.array([50_000, 60_000]), 90_000)
    assert PayAsOffered().price(accepted).tolist() == [50_000, 60_000]


@pytest.mark.parametrize("rule", PRICING_RULES.values(), ids=PRICING_RULES)
@given(asks=st.lists(st.integers(0, 90_000), min_size=1, max_size=9))
def test_every_named_rule_respects_both_sides(rule: PricingRule, asks: list[int]) -> None:
    amounts = np.ones(len(asks), dtype=np.int64)
    rates = rule.price(Accepted(amounts, np.array(sorted(asks)), 90_000))
    assert (rates >= sorted(asks)).all()
    assert (rates <= 90_000).all()
