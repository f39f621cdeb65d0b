"""Limits: own before default, field by field; and no limit too small for a note."""

import pytest

from p2pmatch import Limits, P2PMatchError, Rules
from tests.helpers import refusal_of


def test_own_limits_come_before_the_defaults_field_by_field() -> None:
    default = Limits(per_loan=10, total=100, max_share=50_000)
    own = Limits(per_loan=20, per_grade=5)
    assert own.over(default) == Limits(per_loan=20, per_grade=5, total=100, max_share=50_000)
    assert Limits().over(default) == default


@pytest.mark.parametrize("name", ["per_loan", "per_borrower", "per_grade", "total", "max_share"])
@pytest.mark.parametrize(("value", "code"), [(0, "zero"), (-1, "negative"), (1.0, "wrong_type")])
def test_wrong_limits_are_refused(name: str, value: int, code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        Limits(**{name: value})
    assert (refused.value.field, refused.value.code) == (name, code)


@pytest.mark.parametrize("name", ["per_loan", "per_borrower", "per_grade", "total"])
def test_a_limit_below_the_smallest_note_contradicts_the_rules(name: str) -> None:
    def rules(limit: int) -> Rules:
        limits = Limits(**{name: limit})
        return Rules(grades=["A"], terms=[12], min_note=2_500, lender_limits=limits)

    assert refusal_of(lambda: rules(2_499)) == (
        f"lender_limits.{name}: 2499 contradicts another value; "
        "accepted: at least the smallest note, 2500"
    )
    assert getattr(rules(2_500).lender_limits, name) == 2_500
