"""First come, first served; and what holds for every rule that has a name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import ALLOCATION_RULES, AllocationRule, Level
from p2pmatch.allocation import Fifo


def level(need: int, rooms: list[int], increment: int = 1, min_note: int = 1) -> Level:
    ids = [f"o{i}" for i in range(len(rooms))]
    return Level(need, np.array(rooms, dtype=np.int64), increment, min_note, "r", ids)


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
    assert Fifo().allocate(level(need, rooms)).tolist() == parts


@pytest.mark.parametrize("rule", ALLOCATION_RULES.values(), ids=ALLOCATION_RULES)
@given(data=st.data())
def test_every_named_rule_places_the_need_within_the_rooms(
    rule: AllocationRule, data: st.DataObject
) -> None:
    increment = data.draw(st.sampled_from([1, 5, 25]))
    rooms = [
        increment * room for room in data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=9))
    ]
    need = increment * data.draw(st.integers(0, sum(rooms) // increment))
    parts = rule.allocate(level(need, rooms, increment, increment))
    assert parts.dtype == np.int64
    assert parts.sum() == need
    assert ((parts >= 0) & (parts <= rooms)).all()
    assert not (parts % increment).any()
