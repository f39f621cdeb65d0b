"""What stands for "not set" is above all that can be; whom a tag rule lets in."""

import pytest

from p2pmatch.conditions import NEVER, NO_CAP, NO_SHARE, tags_fit, unless
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_TIME


def test_no_limit_is_never_what_binds() -> None:
    assert MAX_AMOUNT < NO_CAP
    assert FULL_SHARE < NO_SHARE
    assert MAX_TIME < NEVER


@pytest.mark.parametrize(("value", "expected"), [(5, 5), (0, 0), (NO_CAP, None)])
def test_what_is_not_set_is_none(value: int, expected: int | None) -> None:
    assert unless(value, NO_CAP) == expected


@pytest.mark.parametrize(
    ("requires", "refuses", "tags", "fits"),
    [
        ("", "", "", True),
        ("", "", "ab", True),
        ("a", "", "ab", True),
        ("ab", "", "a", False),
        ("", "b", "a", True),
        ("", "bc", "ab", False),
        ("a", "b", "a", True),
        ("a", "b", "ab", False),
    ],
)
def test_all_that_is_required_and_nothing_that_is_refused(
    requires: str, refuses: str, tags: str, fits: bool
) -> None:
    rule = frozenset(requires), frozenset(refuses)
    assert tags_fit(rule, frozenset(tags)) is fits
