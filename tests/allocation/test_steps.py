"""Several ways of sharing, one after the other."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, Level, Split, Step, Steps, UnknownName
from p2pmatch.allocation import Fifo, ProRata
from tests.allocation.levels import levels, parts_of
from tests.helpers import refusal_of


@pytest.mark.parametrize(
    ("steps", "need", "rooms", "parts"),
    [
        ([Step("fifo")], 50, [30, 30], [30, 20]),
        # 40 % of 50 is 20 to the oldest; 30 by what is left: 10, 60, 10.
        ([Step("oldest", share=400_000), Step("pro_rata")], 50, [30, 60, 10], [24, 22, 4]),
        # The oldest has room for 5 only.
        ([Step("oldest", share=400_000), Step("fifo")], 50, [5, 60], [5, 45]),
        # 3 by arrival at most; 20 % of the other 17 in equal parts, one each; 14 by what is left:
        # 6 and 29, so 2.4 and 11.6.
        (
            [Step("fifo", at_most=3), Step("equal_share", share=200_000), Step("pro_rata")],
            20, [10, 30, 1], [6, 13, 1],
        ),
        # 1.5 and 0.5 of 20, and 18: parts under 2 are dropped, and go by arrival.
        ([Step("pro_rata_floors", drop_below=2), Step("fifo")], 20, [3, 1, 36], [2, 0, 18]),
        # CME notice 020705-1 (2005), the order that improved the market first, then pro rata without
        # fills of one lot, then by arrival: 60 of 10, 5, 20, 50 and 75.
        (
            [Step("oldest"), Step("pro_rata_floors", drop_below=2), Step("fifo")],
            60, [10, 5, 20, 50, 75], [10, 3, 6, 16, 25],
        ),
        # CME, "Complex Match Example", steps 3 and 4: floors, and the two left over to the oldest.
        (
            [Step("pro_rata_floors", drop_below=2), Step("fifo")],
            401, [900, 200, 300, 400, 100], [191, 42, 63, 84, 21],
        ),
        # What is not below the bound stays.
        ([Step("pro_rata_floors", drop_below=2), Step("fifo")], 5, [4, 6], [2, 3]),
        ([Step("pro_rata_floors", drop_below=2), Step("fifo")], 5, [6, 4], [3, 2]),
        # A share that comes to nothing is no step.
        ([Step("oldest", share=1), Step("fifo")], 20, [3, 30], [3, 17]),
    ],
)  # fmt: skip
def test_by_hand(steps: list[Step], need: int, rooms: list[int], parts: list[int]) -> None:
    assert parts_of(Steps(steps), need, rooms) == parts


def test_bounds_are_rounded_down_to_the_increment() -> None:
    rule = Steps([Step("oldest", at_most=49), Step("equal_share")])
    assert parts_of(rule, 100, [100, 100], 25, 25) == [75, 25]


def test_parts_that_end_up_too_small_go_to_the_others() -> None:
    rule = Steps([Step("pro_rata_floors"), Step("fifo")])
    # 8, 16, 24 of 50 and two left: only the third is a note, and has room for 36 of it.
    assert parts_of(rule, 50, [20, 40, 60], 1, 20) == [0, 0, 50]
    # A rest that is too small for a note is brought up by those that can spare it.
    assert parts_of(rule, 70, [30, 30, 60], 1, 30) == [30, 0, 40]


@pytest.mark.parametrize(
    ("share", "parts"),
    [(0, [15, 30, 5]), (400_000, [24, 22, 4]), (1_000_000, [30, 20, 0])],
)
def test_split(share: int, parts: list[int]) -> None:
    assert parts_of(Split(share), 50, [30, 60, 10]) == parts


@given(drawn=levels())
def test_nothing_by_arrival_is_pro_rata_and_everything_is_fifo(drawn: Level) -> None:
    if drawn.need < drawn.rooms.sum():
        assert Split(0).allocate(drawn).tolist() == ProRata().allocate(drawn).tolist()
        by_arrival = Split(1_000_000).allocate(drawn).tolist()
        if drawn.min_note == drawn.increment:
            assert by_arrival == Fifo().allocate(drawn).tolist()


@given(drawn=levels(notes=False), share=st.integers(0, 1_000_000))
def test_a_split_gives_each_at_least_its_part_by_arrival(drawn: Level, share: int) -> None:
    if drawn.need >= drawn.rooms.sum():
        return
    first = share * drawn.need // 1_000_000 // drawn.increment * drawn.increment
    by_arrival = Fifo().allocate(attrs.evolve(drawn, need=first))
    assert (Split(share).allocate(drawn) >= by_arrival).all()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Steps([]), "empty"),
        (lambda: Steps([Step("fifo"), Step("pro_rata")]), "contradiction"),
        (lambda: Steps([Step("oldest")]), "contradiction"),
        (lambda: Steps([Step("fifo", share=500_000)]), "contradiction"),
        (lambda: Steps([Step("fifo", at_most=5)]), "contradiction"),
        (lambda: Steps([Step("fifo", drop_below=5)]), "contradiction"),
        (lambda: Steps([Step("fifo", at_most=5)] * 20 + [Step("fifo")]), "too_large"),
        (lambda: Steps(["fifo"]), "wrong_type"),  # type: ignore[list-item]
        (lambda: Steps(5), "wrong_type"),  # type: ignore[arg-type]
        (lambda: Step("fifo", share=0), "zero"),
        (lambda: Step("fifo", share=1_000_001), "too_large"),
        (lambda: Step("fifo", at_most=0), "zero"),
        (lambda: Step("fifo", drop_below=-1), "negative"),
        (lambda: Split(-1), "negative"),
        (lambda: Split(1_000_001), "too_large"),
        (lambda: Split("40%"), "wrong_type"),  # type: ignore[arg-type]
    ],
)
def test_contradictions_are_refused(make: Any, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        make()
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["lifo", None, ["fifo"], {}], ids=str)
def test_a_step_nobody_knows(name: Any) -> None:
    with pytest.raises(UnknownName, match=r"equal_share.*oldest.*pro_rata_floors"):
        Step(name)


def shown(rule: str) -> str:
    return f"Step(rule={rule!r}, share=1000000, at_most=None, drop_below=0)"


CONTRADICTS = "contradicts another value; accepted:"
STEP_NAMES = "['equal_share', 'fifo', 'oldest', 'pro_rata', 'pro_rata_floors']"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Steps([]), "steps: () is empty; accepted: 1 to 20 Step(...)"),
        (lambda: Steps(5), "steps: 5 has the wrong type; accepted: 1 to 20 Step(...)"),  # type: ignore[arg-type]
        (
            lambda: Steps([Step("fifo", at_most=5)] * 20 + [Step("fifo")]),
            "steps: 21 is too large; accepted: 1 to 20 Step(...)",
        ),
        (
            lambda: Steps([Step("fifo"), Step("pro_rata")]),
            f"steps: {shown('fifo')} {CONTRADICTS} a bound, for steps follow",
        ),
        (
            lambda: Steps([Step("oldest")]),
            f"steps: {shown('oldest')} {CONTRADICTS} a last step without bounds: fifo, pro_rata or equal_share",
        ),
        (lambda: Step("lifo"), f"rule: 'lifo' is not a rule; accepted: one of {STEP_NAMES}"),
    ],
)
def test_a_refusal_says_what_would_be_accepted(make: Any, message: str) -> None:
    assert refusal_of(make) == message


@pytest.mark.parametrize("rule", ["oldest", "pro_rata_floors"])
def test_what_leaves_money_over_cannot_come_last(rule: str) -> None:
    with pytest.raises(InvalidValue):
        Steps([Step(rule)])


def test_as_many_steps_as_are_allowed() -> None:
    rule = Steps([Step("oldest", at_most=1)] * 19 + [Step("fifo")])
    assert parts_of(rule, 30, [25, 30]) == [25, 5]
