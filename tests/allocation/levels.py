"""One rate's offers, in a line."""

import numpy as np
from hypothesis import strategies as st

from p2pmatch import AllocationRule, Level


def level(
    need: int, rooms: list[int], increment: int = 1, min_note: int = 1, request_id: str = "r"
) -> Level:
    ids = [f"o{i}" for i in range(len(rooms))]
    return Level(need, np.array(rooms, dtype=np.int64), increment, min_note, request_id, ids)


def parts_of(
    rule: AllocationRule, need: int, rooms: list[int], increment: int = 1, min_note: int = 1
) -> list[int]:
    """What each offer gives."""
    parts: list[int] = rule.allocate(level(need, rooms, increment, min_note)).tolist()
    return parts


@st.composite
def levels(draw: st.DrawFn, *, notes: bool = True) -> Level:
    """A need below the sum of the rooms, with or without a smallest note that binds."""
    increment = draw(st.sampled_from([1, 5, 25]))
    least = increment * draw(st.sampled_from([1, 1, 2, 5])) if notes else increment
    room = st.integers(least // increment, draw(st.sampled_from([8, 60]))).map(
        lambda units: units * increment
    )
    rooms = draw(st.lists(room, min_size=1, max_size=9))
    need = draw(st.integers(1, max(sum(rooms) // increment - 1, 1))) * increment
    return level(need, rooms, increment, least, draw(st.sampled_from(["r1", "r2"])))
