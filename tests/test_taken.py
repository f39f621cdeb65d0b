"""What one loan takes from each lender, row by row and chunk by chunk."""

import numpy as np

from p2pmatch.taken import Taken


def test_what_one_loan_takes_is_counted_per_lender() -> None:
    taken = Taken()
    lenders = np.array([0, 1, 0, 0, 2], dtype=np.int32)
    own = np.array([30, 50, 30, 30, 9])
    taken.begin(3)
    assert taken.room(lenders, own, 70, 1, Repeats.among(lenders)).tolist() == [30, 50, 30, 10, 9]
    # With notes of 25 at least, 10 are too little: they stay, whoever asks.
    assert taken.room(lenders, own, 70, 25).tolist() == [30, 50, 30, 10, 9]
    assert taken.room(np.array([0] * 4, dtype=np.int32), np.array([30] * 4), 70, 25).tolist() == [
        30,
        30,
        10,
        10,
    ]
    taken.add(lenders, np.array([30, 50, 30, 0, 0]))
    assert taken.room(lenders, own, np.array([70, 60, 70, 70, 5]), 1).tolist() == [10, 10, 0, 0, 5]
    taken.begin(5)
    assert taken.room(lenders[:2], own[:2], 40, 1).tolist() == [30, 40]
