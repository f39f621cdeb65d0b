"""Largest remainder: parts add up, nobody is off by a unit or more, ties go to the earlier."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import apportion
from tests.helpers import refusal_of

weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any)


@pytest.mark.parametrize(
    ("total", "parts_of", "expected"),
    [
        (401, [900, 200, 300, 400, 100], [190, 42, 63, 85, 21]),
        (2, [5, 5, 5], [1, 1, 0]),
        (100, [1, 1, 1], [34, 33, 33]),
        (0, [3, 4], [0, 0]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (1, [1], [1]),
        (7, [0, 7], [0, 7]),
    ],
)
def test_examples(total: int, parts_of: list[int], expected: list[int]) -> None:
    assert apportion(total, parts_of) == expected


def test_numpys_integers_are_split_as_ours_are() -> None:
    parts = apportion(np.int64(100), np.array([1, 1, 1]))  # type: ignore[arg-type]
    assert parts == [34, 33, 33]
    assert {type(part) for part in parts} == {int}


@given(st.integers(0, 10**12), weights)
def test_parts_add_up_and_keep_quota(total: int, shares: list[int]) -> None:
    parts = apportion(total, shares)
    assert sum(parts) == total
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - Fraction(total * share, sum(shares))) < 1


@given(st.data(), weights)
def test_no_part_exceeds_its_weight_up_to_their_sum(data: st.DataObject, shares: list[int]) -> None:
    total = data.draw(st.integers(0, sum(shares)))
    assert all(part <= share for part, share in zip(apportion(total, shares), shares, strict=True))


@pytest.mark.parametrize(
    ("total", "shares", "message"),
    [
        (-1, [1], "total: -1 is negative; accepted: an int of at least 0"),
        (1, [-1, 2], "weights: [-1, 2] is negative; accepted: ints of at least 0"),
        (1, [0, 0], "weights: [0, 0] is zero; accepted: at least one weight above 0"),
        (1, [], "weights: [] is zero; accepted: at least one weight above 0"),
        (None, [1], "total: None has the wrong type; accepted: an int of at least 0"),
        (1.5, [1], "total: 1.5 has the wrong type; accepted: an int of at least 0"),
        (1, None, "weights: None has the wrong type; accepted: ints of at least 0"),
        (1, "x", "weights: 'x' has the wrong type; accepted: ints of at least 0"),
        (1, [1.0], "weights: [1.0] has the wrong type; accepted: ints of at least 0"),
        (1, {1, 2}, "weights: {1, 2} has the wrong type; accepted: ints of at least 0"),
    ],
)
def test_what_cannot_be_split_is_refused(total: Any, shares: Any, message: str) -> None:
    assert refusal_of(lambda: apportion(total, shares)) == message
