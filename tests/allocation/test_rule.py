"""What holds for every allocation rule, the twin's answers, the published numbers, and refusals."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pmatch import (
    ALLOCATION_RULES,
    AllocationRule,
    Level,
    Lottery,
    Rules,
    Split,
    Step,
    Steps,
)
from p2pmatch.allocation import Fifo, allocated
from p2pmatch.errors import InvariantError
from tests.allocation.levels import level, levels, parts_of
from tests.helpers import refusal_of
from tests.model.sharing import share
from tests.shared import shared

RULES: dict[str, AllocationRule] = {
    **ALLOCATION_RULES,
    "split": Split(400_000),
    "lottery": Lottery(7),
    "steps": Steps(
        [
            Step("oldest", share=400_000, at_most=20),
            Step("pro_rata_floors", drop_below=10),
            Step("equal_share", share=500_000),
            Step("pro_rata", at_most=7),
            Step("fifo"),
        ]
    ),
}
# Those that share by the rooms alone, as the twin knows them.
BY_ROOMS = {name: rule for name, rule in RULES.items() if name not in {"fifo", "lottery"}}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(drawn=levels())
def test_parts_are_notes_within_the_rooms_and_place_what_can_be_placed(
    rule: AllocationRule, drawn: Level
) -> None:
    parts = rule.allocate(drawn)
    assert parts.dtype == np.int64
    assert parts.sum() <= drawn.need
    assert ((parts >= 0) & (parts <= drawn.rooms)).all()
    assert not (parts % drawn.increment).any()
    assert (parts[parts > 0] >= drawn.min_note).all()
    # Short by less than a note at most, and not at all where a note may be one increment.
    assert drawn.need - parts.sum() < max(drawn.min_note, 1)
    if drawn.min_note == drawn.increment and drawn.need <= drawn.rooms.sum():
        assert parts.sum() == drawn.need


@pytest.mark.parametrize("rule", BY_ROOMS.values(), ids=BY_ROOMS)
@given(drawn=levels())
def test_as_the_twin_does_it(rule: AllocationRule, drawn: Level) -> None:
    if drawn.need < drawn.rooms.sum():
        expected = share(rule, drawn.need, drawn.rooms.tolist(), drawn.increment, drawn.min_note)
        assert rule.allocate(drawn).tolist() == expected


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(drawn=levels(notes=False), scale=st.sampled_from([10**6, 10**9, 10**12]))
@example(drawn=level(401, [900, 200, 300, 400, 100]), scale=10**12)
def test_amounts_of_any_size_are_shared_exactly(
    rule: AllocationRule, drawn: Level, scale: int
) -> None:
    """A coarser unit is the same sharing: products beyond 64 bits included."""
    if isinstance(rule, Steps):
        # Its bounds are in money, and do not grow along.
        return
    large = Level(
        drawn.need * scale,
        drawn.rooms * scale,
        drawn.increment * scale,
        drawn.min_note * scale,
        drawn.request_id,
        drawn.offer_ids,
    )
    assert rule.allocate(large).tolist() == (rule.allocate(drawn) * scale).tolist()


@given(
    rooms=st.lists(st.integers(1, 10**15), min_size=1, max_size=9),
    percent=st.integers(1, 99),
)
def test_products_beyond_64_bits_are_exact(rooms: list[int], percent: int) -> None:
    need = max(sum(rooms) * percent // 100, 1)
    for name in ("pro_rata", "equal_share"):
        assert sum(parts_of(ALLOCATION_RULES[name], need, rooms)) == need
    floors = [need * room // sum(rooms) for room in rooms]
    parts = parts_of(ALLOCATION_RULES["pro_rata"], need, rooms)
    assert all(0 <= part - floor <= 1 for part, floor in zip(parts, floors, strict=True))


def published(rule: str) -> list[dict[str, Any]]:
    text = shared("conformance", "allocation", "published.json").read_text(encoding="utf-8")
    cases = [case for case in json.loads(text) if case["rule"] == rule]
    assert cases
    return cases


def test_published_numbers_pro_rata() -> None:
    for case in published("pro_rata"):
        parts = parts_of(ALLOCATION_RULES["pro_rata"], case["need"], case["rooms"])
        assert parts == case["with_largest_remainder"], case["source"]
        if "floors" in case:
            floors = Steps([Step("pro_rata_floors"), Step("fifo")])
            expected = [case["floors"][0] + case["left_over"], *case["floors"][1:]]
            assert parts_of(floors, case["need"], case["rooms"]) == expected


def test_published_numbers_equal_share() -> None:
    for case in published("equal_share"):
        parts = parts_of(ALLOCATION_RULES["equal_share"], case["need"], case["rooms"])
        assert parts == case["shares"], case["name"]


@pytest.mark.parametrize("rule", ["lifo", "pro rata", Fifo, Split, None, 5])
def test_what_is_no_rule_is_refused_with_the_list(rule: Any) -> None:
    assert refusal_of(lambda: Rules(grades=["A"], terms=[36], allocation=rule)) == (
        f"allocation: {rule!r} is not a rule; accepted: one of "
        "['equal_share', 'fifo', 'pro_rata'], Split(share), Lottery(seed), Steps([...])"
    )


class Given:
    """A rule of one's own that gives what it was told."""

    def __init__(self, *parts: int) -> None:
        self.parts = np.array(parts)

    def allocate(self, level: Level) -> Any:
        return self.parts


@pytest.mark.parametrize(
    ("parts", "increment", "min_note"),
    [
        ((4, 0), 1, 5),
        ((1, 0), 1, 5),  # no part is too small to be noticed
        ((9, 1), 1, 2),
        ((3, 0), 2, 2),
        ((11, 0), 1, 1),  # above the room
        ((9, 9), 1, 1),  # above the need
        ((-1, 9), 1, 1),
    ],
)
def test_parts_outside_the_contract_are_our_bug(
    parts: tuple[int, ...], increment: int, min_note: int
) -> None:
    with pytest.raises(InvariantError, match="gave parts outside the rooms it was handed"):
        allocated(Given(*parts), level(12, [10, 10], increment, min_note))


@pytest.mark.parametrize(
    ("parts", "increment", "min_note", "left"),
    [((0, 0), 1, 5, 12), ((7, 0), 1, 5, 5), ((10, 1), 1, 1, 1), ((8, 2), 2, 2, 2)],
)
def test_a_rule_that_leaves_money_that_there_is_room_for_is_found_out(
    parts: tuple[int, ...], increment: int, min_note: int, left: int
) -> None:
    with pytest.raises(InvariantError, match=f"left {left} that there was room for"):
        allocated(Given(*parts), level(12, [10, 10], increment, min_note))


@pytest.mark.parametrize("parts", [[5, 7], np.array([5.0, 7.0]), np.array([12]), None])
def test_what_is_no_array_of_parts_is_said_to_be_none(parts: Any) -> None:
    rule = Given()
    rule.parts = parts
    with pytest.raises(InvariantError, match="no array of one int64 part for each room"):
        allocated(rule, level(12, [10, 10], 1, 1))


def test_parts_within_the_contract_are_taken_as_they_are() -> None:
    for parts, increment, min_note in (((5, 7), 1, 5), ((2, 10), 1, 1), ((10, 0), 1, 3)):
        assert allocated(Given(*parts), level(12, [10, 10], increment, min_note)).tolist() == [
            *parts
        ]
