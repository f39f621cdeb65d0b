"""What one loan takes from each lender, row by row and chunk by chunk."""

import numpy as np
import pytest

from p2pmatch.line import Repeats
from p2pmatch.taken import Taken


def rooms(
    taken: Taken, lenders: list[int], own: list[int], cap: int | list[int], least: int
) -> list[int]:
    who = np.array(lenders, dtype=np.int32)
    limit = cap if isinstance(cap, int) else np.array(cap)
    found = np.empty(len(own), dtype=np.int64)
    taken.room(who, np.array(own), limit, least, Repeats.among(who), found)
    return found.tolist()


def test_what_one_loan_takes_is_counted_per_lender() -> None:
    taken = Taken()
    lenders = [0, 1, 0, 0, 2]
    own = [30, 50, 30, 30, 9]
    taken.begin(3)
    assert rooms(taken, lenders, own, 70, 1) == [30, 50, 30, 10, 9]
    # With notes of 25 at least, 10 are too little: they stay, whoever asks.
    assert rooms(taken, lenders, own, 70, 25) == [30, 50, 30, 10, 9]
    assert rooms(taken, [0] * 4, [30] * 4, 70, 25) == [30, 30, 10, 10]
    taken.add(np.array(lenders, dtype=np.int32), np.array([30, 50, 30, 0, 0]))
    assert rooms(taken, lenders, own, [70, 60, 70, 70, 5], 1) == [10, 10, 0, 0, 5]
    taken.begin(5)
    assert rooms(taken, lenders[:2], own[:2], 40, 1) == [30, 40]


@pytest.mark.parametrize(
    ("least", "own", "expected"),
    [
        (1, [4, 4, 4], [4, 1, 0]),
        # Too little is left for a second note: it stays left.
        (2, [4, 4, 4], [4, 1, 1]),
        # What has no room for a note takes nothing from those after it.
        (2, [1, 4, 4], [1, 4, 1]),
        (3, [2, 3, 4], [2, 3, 2]),
        (3, [3, 2, 4], [3, 2, 2]),
    ],
)
@pytest.mark.parametrize("few", [12, 0])
def test_what_a_lenders_places_leave_each_other(
    least: int, own: list[int], expected: list[int], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One by one, and in vector passes.
    monkeypatch.setattr("p2pmatch.taken._FEW", few)
    taken = Taken()
    taken.begin(2)
    assert rooms(taken, [1, 1, 1], own, 5, least) == expected
