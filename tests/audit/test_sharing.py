"""The auditor's own reading of the allocation rules gives what the rules give."""

from typing import Any

import pytest
from hypothesis import given

from p2pmatch import Level, Split, Step, Steps
from p2pmatch.allocation import EqualShare, ProRata
from p2pmatch.audit.sharing import AuditAllocation, shared
from tests.allocation.levels import level, levels

RULES: list[Any] = [
    ProRata(),
    EqualShare(),
    Split(400_000),
    Split(0),
    Split(1_000_000),
    Steps([Step("fifo", at_most=30), Step("equal_share", share=300_000), Step("pro_rata")]),
    Steps([Step("oldest"), Step("pro_rata_floors", drop_below=3), Step("fifo")]),
    Steps([Step("pro_rata", share=500_000), Step("oldest", at_most=9), Step("equal_share")]),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(drawn=levels())
def test_as_the_rule_itself(rule: Any, drawn: Level) -> None:
    rooms: list[int] = drawn.rooms.tolist()
    if drawn.need >= sum(rooms):
        return
    again = shared(AuditAllocation.of(rule), drawn.need, rooms, drawn.increment, drawn.min_note)
    assert again == rule.allocate(drawn).tolist()


@pytest.mark.parametrize(
    ("need", "rooms", "least", "parts"),
    [
        # 8, 16 and 24 of 50: only the third is a note, and has room for all of it.
        (50, [20, 40, 60], 20, [0, 0, 50]),
        # A rest too small for a note is brought up by those that can spare it.
        (70, [30, 30, 60], 30, [30, 0, 40]),
        # Nobody can spare it: it is dropped.
        (50, [30, 30, 30], 30, [30, 0, 0]),
    ],
)
def test_parts_too_small(need: int, rooms: list[int], least: int, parts: list[int]) -> None:
    rule = Steps([Step("pro_rata_floors"), Step("fifo")])
    assert rule.allocate(level(need, rooms, 1, least)).tolist() == parts
    assert shared(AuditAllocation.of(rule), need, rooms, 1, least) == parts


def test_a_step_for_which_no_room_is_left() -> None:
    """5 each, and 7 left of each room: not a note, so the rest goes by arrival."""
    rule = Steps([Step("pro_rata_floors", share=500_000), Step("equal_share")])
    assert rule.allocate(level(20, [12, 12], 1, 10)).tolist() == [10, 10]
    assert shared(AuditAllocation.of(rule), 20, [12, 12], 1, 10) == [10, 10]
