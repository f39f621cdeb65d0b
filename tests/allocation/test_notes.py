"""Parts in order, and parts that are large enough to be notes."""

import numpy as np
import pytest

from p2pmatch.allocation.notes import in_order, without_dust


@pytest.mark.parametrize(
    ("need", "rooms", "least", "parts"),
    [
        (62, [30, 30, 30], 5, [30, 27, 5]),  # brought up by the last before it
        (62, [30, 30, 30], 20, [22, 20, 20]),  # and by those before
        (62, [30, 30, 30], 25, [30, 30, 0]),  # or dropped
        (40, [25, 30], 20, [20, 20]),  # all that can be spared is enough
        (4, [30], 5, [0]),
        (0, [30], 5, [0]),
    ],
)
def test_in_order(need: int, rooms: list[int], least: int, parts: list[int]) -> None:
    assert in_order(need, np.array(rooms), least).tolist() == parts


@pytest.mark.parametrize(
    ("need", "parts", "rooms", "least", "after"),
    [
        (40, [3, 30, 7], [9, 60, 9], 5, [0, 33, 7]),  # the dust goes to the first with a note
        (40, [3, 30, 7], [9, 30, 9], 5, [5, 30, 5]),  # 1 is left over, and brought up by the last
        (38, [3, 28, 7], [9, 29, 9], 5, [0, 29, 9]),
        (10, [2, 2, 2], [5, 5, 5], 5, [5, 5, 0]),
        (10, [10, 0], [10, 10], 5, [10, 0]),
        (6, [5, 0], [9, 9], 5, [6, 0]),  # one unit is enough to be missing
        (10, [1, 3], [9, 5], 1, [7, 3]),  # one unit is a note like others
        (5, [1, 0], [1, 9], 1, [1, 4]),
        (13, [0, 0, 0], [5, 5, 9], 5, [5, 5, 0]),  # notes of the least can spare nothing
    ],
)  # fmt: skip
def test_without_dust(
    need: int, parts: list[int], rooms: list[int], least: int, after: list[int]
) -> None:
    made = without_dust(need, np.array(parts), np.array(rooms), least)
    assert made.tolist() == after
