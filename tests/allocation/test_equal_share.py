"""Everybody the same until their room is full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import Level
from p2pmatch.allocation import EqualShare
from tests.allocation.levels import levels, parts_of


@pytest.mark.parametrize(
    ("need", "rooms", "parts"),
    [
        (20, [2, 10, 4, 10], [2, 7, 4, 7]),
        (10, [9, 9, 9], [4, 3, 3]),  # the unit left over goes to the first
        (11, [1, 9, 9], [1, 5, 5]),
        (2, [5, 5, 5], [1, 1, 0]),
        (7, [3, 4], [3, 4]),
    ],
)
def test_by_hand(need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(EqualShare(), need, rooms) == parts


@pytest.mark.parametrize(
    ("need", "rooms", "parts"),
    [
        (60, [60, 60, 60], [30, 30, 0]),  # two notes of 25: for those who came first
        (60, [30, 25, 60], [30, 0, 30]),  # who would hold 55 only: for those with most room
        (20, [60, 60], [0, 0]),  # not one
        (80, [30, 30, 30], [27, 27, 26]),
    ],
)
def test_notes_of_25_at_least(need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(EqualShare(), need, rooms, min_note=25) == parts


@given(drawn=levels(notes=False))
def test_max_min_fair(drawn: Level) -> None:
    """Who has less than another by more than an increment is full."""
    parts = EqualShare().allocate(drawn).tolist()
    for part, room in zip(parts, drawn.rooms.tolist(), strict=True):
        assert part == room or all(other - part <= drawn.increment for other in parts)


@given(drawn=levels(notes=False), data=st.data())
def test_arrival_decides_about_the_last_unit_only(drawn: Level, data: st.DataObject) -> None:
    rooms = drawn.rooms.tolist()
    order = data.draw(st.permutations(range(len(rooms))))
    unit = drawn.increment
    parts = parts_of(EqualShare(), drawn.need, rooms, unit, unit)
    shuffled = parts_of(EqualShare(), drawn.need, [rooms[row] for row in order], unit, unit)
    for row, part in zip(order, shuffled, strict=True):
        assert abs(part - parts[row]) <= unit


def test_among_many_with_the_same_room_those_who_came_first_have_the_notes() -> None:
    """40 notes; the first 40 offers could hold 1 000, so 40 of those with 30: 25.5 each."""
    parts = parts_of(EqualShare(), 1_020, [25] * 100 + [30] * 100, min_note=25)
    assert parts == [0] * 100 + [26] * 20 + [25] * 20 + [0] * 60
