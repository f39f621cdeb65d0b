"""First come, first served."""

import pytest

from p2pmatch.allocation import Fifo
from tests.allocation.levels import parts_of


@pytest.mark.parametrize(
    ("need", "rooms", "parts"),
    [
        (50, [30, 30, 30], [30, 20, 0]),
        (30, [30, 30], [30, 0]),
        (5, [30, 30], [5, 0]),
        (60, [30, 30, 1], [30, 30, 0]),
    ],
)
def test_arrival_order(need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(Fifo(), need, rooms) == parts
