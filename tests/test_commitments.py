"""Money promised: sums and differences by place, in rank order, without what is nothing."""

import numpy as np
import pytest

from p2pmatch.commitments import NO_COMMITMENTS, Commitments


def committed(**places: int) -> Commitments:
    """Amounts at the places p1, p2, ...: offer 10 and lender 20 stand at p0, and so on."""
    numbers = [int(name[1:]) for name in places]
    return Commitments(
        np.array(numbers, dtype=np.int64),
        np.array(numbers, dtype=np.int32) + 10,
        np.array(numbers, dtype=np.int32) + 20,
        np.array(list(places.values()), dtype=np.int64),
    )


def rows(money: Commitments) -> dict[str, int]:
    """The amounts by place; offers and lenders must still be theirs."""
    assert (money.slots - money.keys).tolist() == [10] * len(money.keys)
    assert (money.lenders - money.keys).tolist() == [20] * len(money.keys)
    assert money.amounts.dtype == np.int64
    return {f"p{key}": amount for key, amount in zip(money.keys, money.amounts, strict=True)}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"p1": 5, "p3": 7}, {"p2": 1, "p3": 2}, {"p1": 5, "p2": 1, "p3": 9}),
        ({"p3": 7}, {"p1": 5}, {"p1": 5, "p3": 7}),
        ({}, {"p1": 5}, {"p1": 5}),
        ({"p1": 2**60}, {"p1": 1}, {"p1": 2**60 + 1}),
        ({}, {}, {}),
    ],
)
def test_both_together(one: dict[str, int], other: dict[str, int], both: dict[str, int]) -> None:
    assert rows(committed(**one).plus(committed(**other))) == both


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ({"p1": 5, "p3": 7}, {"p3": 2}, {"p1": 5, "p3": 5}),
        ({"p1": 5, "p3": 7}, {"p1": 5}, {"p3": 7}),
        ({"p1": 5}, {"p2": 3}, {"p1": 5, "p2": -3}),
        ({"p1": 5}, {"p1": 4}, {"p1": 1}),
    ],
)
def test_one_without_the_other(
    one: dict[str, int], other: dict[str, int], left: dict[str, int]
) -> None:
    assert rows(committed(**one).minus(committed(**other))) == left


def test_only_what_is_more_than_nothing() -> None:
    assert rows(committed(p1=1, p2=0, p3=-1, p4=9).positive()) == {"p1": 1, "p4": 9}


def test_nothing_committed_is_nothing_and_stays_so() -> None:
    assert (NO_COMMITMENTS.total, NO_COMMITMENTS.interest) == (0, 0)
    for column in (NO_COMMITMENTS.keys, NO_COMMITMENTS.slots, NO_COMMITMENTS.amounts):
        assert not column.flags.writeable
