"""Rules: everything that contradicts something is refused when they are built."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from p2pmatch import Accepted, Level, P2PMatchError, Posted, Priced, Rules

RULES: dict[str, Any] = {"grades": ("A", "B"), "terms": (12, 36)}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("grades", (), "empty"),
        ("grades", "AB", "wrong_type"),
        ("grades", 5, "wrong_type"),
        ("grades", np.array(5), "wrong_type"),
        # Which of them is safest would be another in each process.
        ("grades", {"A", "B"}, "wrong_type"),
        ("grades", frozenset({"A"}), "wrong_type"),
        ("grades", (["A"],), "wrong_type"),
        ("grades", {"A": 1, "B": 2}, None),
        ("grades", ("A", "A"), "duplicate"),
        ("grades", ("A|B",), "malformed"),
        ("grades", ("",), "empty"),
        ("grades", (1,), "wrong_type"),
        ("terms", (), "empty"),
        ("terms", (12, 12), "duplicate"),
        ("terms", (0,), "zero"),
        ("terms", (1201,), "too_large"),
        ("terms", ("12",), "wrong_type"),
        ("terms", {"12"}, "wrong_type"),
        ("terms", {36, 12}, None),
        ("terms", [[12]], "wrong_type"),
        ("terms", tuple(range(1, 1201)), None),
        ("increment", 0, "zero"),
        ("increment", 1.0, "wrong_type"),
        ("min_note", 0, "zero"),
        ("max_share", 0, "zero"),
        ("max_share", 1_000_001, "too_large"),
        ("lender_limits", {"per_loan": 5}, "wrong_type"),
        ("borrower_limits", None, "wrong_type"),
        ("allocation", "fifi", "unknown_rule"),
        ("allocation", 5, "unknown_rule"),
        ("pricing", "", "unknown_rule"),
        ("pricing", object(), "unknown_rule"),
        ("matching", "continuous", "unknown_rule"),
        ("matching", None, "unknown_rule"),
        ("clearing_point", -1, "negative"),
        ("clearing_point", Fraction(3, 2), "too_large"),
        ("clearing_point", 1_000_001, "too_large"),
        ("clearing_point", 0.5, "wrong_type"),
        ("clearing_point", "50%", "wrong_type"),
        ("clearing_point", Decimal("NaN"), "wrong_type"),
        ("clearing_point", True, "wrong_type"),
        ("clearing_point", 1, "contradiction"),
    ],
)
def test_wrong_rules_are_refused(field: str, value: object, code: str | None) -> None:
    if code is None:
        Rules(**{**RULES, field: value})
        return
    with pytest.raises(P2PMatchError) as refused:
        Rules(**{**RULES, field: value})
    assert (refused.value.field, refused.value.code) == (field, code)


def test_a_set_of_terms_is_taken_from_the_shortest_on() -> None:
    assert Rules(grades=["A"], terms={36, 12, 120, 24}).terms == (12, 24, 36, 120)
    assert Rules(grades=["A"], terms={np.int64(36), np.int64(12)}).terms == (12, 36)


def test_an_unknown_rule_is_refused_with_the_list_of_those_that_exist() -> None:
    with pytest.raises(LookupError, match="'fifo'"):
        Rules(**RULES, allocation="lifo")
    with pytest.raises(LookupError, match="'pay_as_offered'"):
        Rules(**RULES, pricing="pay_as_bid")


@pytest.mark.parametrize(
    ("point", "fraction"),
    [
        (0, Fraction(0)),
        (1, Fraction(1)),
        (500_000, Fraction(1, 2)),
        (Decimal("0.25"), Fraction(1, 4)),
        (Fraction(1, 3), Fraction(1, 3)),
        (np.int64(1), Fraction(1)),
    ],
)
def test_the_point_of_a_call_auction(point: Any, fraction: Fraction) -> None:
    assert Rules(**RULES, matching="call", clearing_point=point).clearing_point == fraction


@pytest.mark.parametrize("pricing", ["midpoint", Posted({("A", 12): 5})])
def test_a_call_auction_sets_the_rate_itself(pricing: Any) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Rules(**RULES, matching="call", pricing=pricing)
    assert (refused.value.field, refused.value.code) == ("pricing", "contradiction")


def test_the_smallest_note_is_a_multiple_of_the_increment() -> None:
    assert Rules(**RULES, increment=100).smallest_note == 100
    assert Rules(**RULES, increment=100, min_note=2_500).smallest_note == 2_500
    with pytest.raises(P2PMatchError) as refused:
        Rules(**RULES, increment=100, min_note=2_550)
    assert (refused.value.field, refused.value.code) == ("min_note", "not_multiple")


def test_too_many_cells_are_refused() -> None:
    grades = [f"g{i}" for i in range(100)]
    with pytest.raises(P2PMatchError) as refused:
        Rules(grades=grades, terms=range(1, 102))
    assert refused.value.code == "too_large"


def test_rules_take_a_rule_of_the_users_own() -> None:
    @attrs.frozen
    class LastFirst:
        def allocate(self, level: Level) -> npt.NDArray[np.int64]:
            return level.rooms

    @attrs.frozen
    class Maximum:
        def price(self, accepted: Accepted) -> Priced:
            return Priced(np.full_like(accepted.asks, accepted.max_rate), "maximum")

    rules = Rules(**RULES, allocation=LastFirst(), pricing=Maximum())
    assert rules.allocation_rule == LastFirst()
    assert rules.pricing_rule == Maximum()
