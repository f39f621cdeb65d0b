"""The checks for rules pass ours, and find out rules that do not keep to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from p2pmatch import ALLOCATION_RULES, PRICING_RULES, Accepted, Level, Priced
from p2pmatch.testing import check_allocation, check_pricing
from tests.allocation.levels import level, levels
from tests.pricing.notes import accepted

LEVEL = level(50, [30, 60, 20], increment=5, min_note=10)
NOTES = accepted((50_000, 10), (60_000, 10))


class Rule:
    """Answers what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def allocate(self, level: Level) -> Any:
        return np.array(self.answers[0] if len(self.answers) == 1 else self.answers.pop(0))

    def price(self, accepted: Accepted) -> Any:
        rates, source = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return Priced(np.array(rates), source)


@pytest.mark.parametrize("rule", ALLOCATION_RULES.values(), ids=ALLOCATION_RULES)
@given(drawn=levels())
def test_our_allocation_rules_pass(rule: Any, drawn: Level) -> None:
    check_allocation(rule, drawn)


@pytest.mark.parametrize("rule", PRICING_RULES.values(), ids=PRICING_RULES)
def test_our_pricing_rules_pass(rule: Any) -> None:
    check_pricing(rule, NOTES)


@pytest.mark.parametrize(
    ("check", "given", "answers"),
    [
        (check_allocation, LEVEL, [[30.0, 20.0, 0.0]]),
        (check_allocation, LEVEL, [[30, 20]]),
        (check_allocation, LEVEL, [[35, 15, 0]]),
        (check_allocation, LEVEL, [[-10, 60, 0]]),
        (check_allocation, LEVEL, [[30, 11, 0]]),
        (check_allocation, LEVEL, [[30, 15, 5]]),
        (check_allocation, LEVEL, [[30, 30, 0]]),
        (check_allocation, LEVEL, [[30, 10, 0]]),
        (check_allocation, level(50, [30, 60]), [[30, 19]]),
        (check_allocation, LEVEL, [[30, 20, 0], [20, 30, 0]]),
        (check_pricing, NOTES, [([50_000.0, 60_000.0], "x")]),
        (check_pricing, NOTES, [([50_000], "x")]),
        (check_pricing, NOTES, [([49_999, 60_000], "x")]),
        (check_pricing, NOTES, [([50_000, 90_001], "x")]),
        (check_pricing, NOTES, [([50_000, 60_000], "")]),
        (check_pricing, NOTES, [([50_000, 60_000], "x"), ([50_001, 60_000], "x")]),
        (check_pricing, NOTES, [([50_000, 60_000], "x"), ([50_000, 60_000], "y")]),
    ],
)
def test_a_broken_rule_is_found_out(
    check: Callable[[Any, Any], None], given: Any, answers: list[Any]
) -> None:
    with pytest.raises(AssertionError):
        check(Rule(*answers), given)
