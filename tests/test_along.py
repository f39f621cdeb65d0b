"""Filling a request along the ranking, line by line."""

import numpy as np
import pytest

from p2pmatch.along import Found, along, giving
from p2pmatch.line import Line
from p2pmatch.scratch import Scratch
from p2pmatch.taken import Taken

# Two lines of three places; the lender 7 stands in both.
LENDERS = [[7, 8, 9], [7, 6, 5]]
MONEY = [[40, 30, 0], [50, 20, 10]]


def filled(
    missing: int, joint: int | None, increment: int = 1, least: int = 1
) -> list[tuple[int, int]] | None:
    """What each key gives of these places, whose keys are 0 to 5."""
    steps: dict[int, tuple[Found, int]] = {}
    for number, (lenders, money) in enumerate(zip(LENDERS, MONEY, strict=True)):
        keys = np.arange(3) + 3 * number
        line = Line(
            keys, keys.astype(np.int32), np.array(lenders, dtype=np.int32), np.full(3, 10**9)
        )
        steps[3 * number - 1] = (line, np.array(money), joint), 3 * number + 2
    taken = Taken()
    taken.begin(10)
    found = along(steps.get, missing, (increment, least), taken, Scratch(8))
    if found is None:
        return None
    pieces, short = found
    notes = [
        (key, amount)
        for keys, _, _, amounts in pieces
        for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True)
    ]
    assert short == missing - sum(amount for _, amount in notes)
    return notes


@pytest.mark.parametrize(
    ("missing", "joint", "found"),
    [
        (40, None, [(0, 40)]),
        (41, None, [(0, 40), (1, 1)]),
        # Who has nothing is left out; who meets the last unit is the last.
        (120, None, [(0, 40), (1, 30), (3, 50)]),
        (150, None, [(0, 40), (1, 30), (3, 50), (4, 20), (5, 10)]),
        # There is no more.
        (151, None, [(0, 40), (1, 30), (3, 50), (4, 20), (5, 10)]),
        # What a lender gave in the first line counts in the second.
        (100, 45, [(0, 40), (1, 30), (3, 5), (4, 20), (5, 5)]),
        (80, 25, [(0, 25), (1, 25), (4, 20), (5, 10)]),
        (81, 25, [(0, 25), (1, 25), (4, 20), (5, 10)]),
    ],
)
def test_each_place_gives_what_it_can(
    missing: int, joint: int | None, found: list[tuple[int, int]] | None
) -> None:
    assert filled(missing, joint) == found


def test_a_last_note_that_is_too_small_is_for_others_to_think_about() -> None:
    assert filled(45, None, least=10) is None
    assert filled(50, None, least=10) == [(0, 40), (1, 10)]
    # What a lender has left of its limit is no note either, so the next one is the last.
    assert filled(90, 45, least=10) == [(0, 40), (1, 30), (4, 20)]


def test_what_gives_is_copied() -> None:
    keys = np.arange(3)
    numbers = keys.astype(np.int32)
    given = np.array([5, 0, 6])
    columns = giving(keys, numbers, numbers, given)
    assert [column.tolist() for column in columns] == [[0, 2], [0, 2], [0, 2], [5, 6]]
    assert not any(np.shares_memory(column, keys) for column in columns[:1])
    assert not np.shares_memory(columns[3], given)
