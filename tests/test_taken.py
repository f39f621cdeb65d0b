"""What one loan takes from each lender, row by row and chunk by chunk."""

import numpy as np

from p2pmatch.line import Repeats
from p2pmatch.taken import Taken


def room(
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
    assert room(taken, lenders, own, 70, 1) == [30, 50, 30, 10, 9]
    # With notes of 25 at least, 10 are too little: they stay, whoever asks.
    assert room(taken, lenders, own, 70, 25) == [30, 50, 30, 10, 9]
    assert room(taken, [0] * 4, [30] * 4, 70, 25) == [30, 30, 10, 10]
    taken.add(np.array(lenders, dtype=np.int32), np.array([30, 50, 30, 0, 0]))
    assert room(taken, lenders, own, [70, 60, 70, 70, 5], 1) == [10, 10, 0, 0, 5]
    taken.begin(5)
    assert room(taken, lenders[:2], own[:2], 40, 1) == [30, 40]
