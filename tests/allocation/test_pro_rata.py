"""In proportion to room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import Level
from p2pmatch.allocation import ProRata
from tests.allocation.levels import levels, parts_of


@pytest.mark.parametrize(
    ("need", "rooms", "parts"),
    [
        (50, [30, 60, 10], [15, 30, 5]),
        (2, [5, 5, 5], [1, 1, 0]),  # equal remainders: by arrival
        (10, [1, 1, 97], [0, 0, 10]),
        (5, [10, 20, 30], [1, 2, 2]),  # 0.83, 1.67, 2.5: the two largest remainders
        (0, [3, 4], [0, 0]),
        (1, [10**16, 10**16 + 1, 10**16], [0, 1, 0]),  # remainders no float tells apart
        (
            2 * 10**16 + 2,
            [3 * 10**16 + 2, 5 * 10**16 + 2],
            [7_500_000_000_000_001, 12_500_000_000_000_001],
        ),
    ],
)
def test_by_hand(need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(ProRata(), need, rooms) == parts


@pytest.mark.parametrize(
    ("need", "rooms", "parts"),
    [
        # A third each would be 16 to 17: the latest leave, until two can have 25.
        (50, [60, 60, 60], [25, 25, 0]),
        # The smallest leaves, though it came first.
        (60, [30, 100, 100], [0, 30, 30]),
        # 87 and 3 by room: the second leaves, and the first alone has room for 90.
        (90, [870, 30], [90, 0]),
        # 87 and 13 by room, but the first alone cannot hold 100: the second is brought up to 25.
        (100, [87, 25], [75, 25]),
        # The first cannot hold 50: both are brought to 25.
        (50, [40, 30], [25, 25]),
        # 175 is the most of the first two. With the third at 25 the second has 23.6 by room.
        (190, [150, 25, 25], [140, 25, 25]),
        # Not even two notes: one.
        (40, [30, 30], [30, 0]),
    ],
)
def test_notes_of_25_at_least(need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(ProRata(), need, rooms, min_note=25) == parts


@given(drawn=levels(notes=False))
def test_every_part_is_the_exact_share_rounded_up_or_down(drawn: Level) -> None:
    whole = int(drawn.rooms.sum())
    if drawn.need > whole:
        return
    for part, room in zip(ProRata().allocate(drawn).tolist(), drawn.rooms.tolist(), strict=True):
        assert abs(part * whole - drawn.need * room) < drawn.increment * whole


@given(drawn=levels(notes=False), data=st.data())
def test_splitting_an_offer_gains_no_more_than_one_unit(drawn: Level, data: st.DataObject) -> None:
    """In two, and put wherever in the queue: the halves together get one increment more at most."""
    rooms = drawn.rooms.tolist()
    unit = drawn.increment
    row = data.draw(st.integers(0, len(rooms) - 1))
    if rooms[row] < 2 * unit or drawn.need > sum(rooms):
        return
    before = parts_of(ProRata(), drawn.need, rooms, unit, unit)[row]
    first = unit * data.draw(st.integers(1, rooms[row] // unit - 1))
    others = [*rooms[:row], first, *rooms[row + 1 :]]
    at = data.draw(st.integers(0, len(others)))
    halves = {row + (at <= row), at}
    split = [*others[:at], rooms[row] - first, *others[at:]]
    after = parts_of(ProRata(), drawn.need, split, unit, unit)
    assert sum(after[half] for half in halves) <= before + unit


def test_among_many_with_the_same_room_the_latest_are_left_out() -> None:
    """1 010 make 40 notes of 25.25."""
    parts = parts_of(ProRata(), 1_010, [50] * 100 + [60] * 100, min_note=25)
    assert parts == [0] * 100 + [26] * 10 + [25] * 30 + [0] * 60


def test_shares_are_of_whole_increments() -> None:
    """Five increments among three with three each: 1.67 each."""
    assert parts_of(ProRata(), 10, [6, 6, 6], 2, 2) == [4, 4, 2]
