"""The sweep by hand: each test is small enough to check with a pencil."""

import re
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import (
    BorrowerLimits,
    InvariantError,
    Level,
    Limits,
    Lottery,
    Marketplace,
    Split,
    Step,
    Steps,
)
from tests.helpers import many, market, notes, offer, request
from tests.machines.pair import request_columns


def test_the_best_rate_first_then_arrival() -> None:
    made = market(("a", "ann", 100, 6), ("b", "ben", 100, 5), ("c", "cleo", 100, 5))
    result = made.submit(request(250), now=1)
    assert notes(result) == [("b", 100), ("c", 100), ("a", 50)]
    assert (result.unfunded, result.reason) == (0, None)
    assert result.loan is not None
    assert result.loan.exact_rate == 52_000
    assert (result.loan.rate, result.loan.marginal_rate) == (52_000, 60_000)


def test_rates_above_the_borrowers_are_left() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 9))
    result = made.submit(request(150, percent=8), now=1)
    assert notes(result) == [("a", 100)]
    assert (result.unfunded, result.reason) == (50, "not_enough_room")


@pytest.mark.parametrize(("increment", "given"), [(10, 50), (2, 56), (1, 57)])
def test_rooms_are_rounded_down_to_the_increment(increment: int, given: int) -> None:
    made = market(("a", "ann", 57, 5), ("b", "ben", 100, 6), increment=increment)
    assert notes(made.submit(request(100), now=1)) == [("a", given), ("b", 100 - given)]


def test_the_first_offer_of_all_is_too_dear_by_the_least_bit() -> None:
    made = market()
    made.post(attrs.evolve(offer("dear", "ann", 10, 5), min_rate=50_001), now=0)
    made.post(offer("a", "ben", 10, 5), now=0)
    assert notes(made.submit(request(20, percent=5), now=1)) == [("a", 10)]


def test_a_lenders_joint_room_binds_over_its_offers() -> None:
    made = market(
        ("a", "ann", 60, 5),
        ("b", "ann", 60, 6),
        ("c", "ben", 60, 7),
        lender_limits=Limits(per_loan=80),
    )
    assert notes(made.submit(request(120), now=1)) == [("a", 60), ("b", 20), ("c", 40)]


@pytest.mark.parametrize(
    ("limits", "second"),
    [
        (Limits(per_loan=50), [("a", 50), ("b", 50)]),
        (Limits(per_borrower=70), [("b", 40)]),
        (Limits(per_grade=70), [("b", 40)]),
        (Limits(total=50), []),
        (Limits(per_loan=50, total=90), [("a", 40), ("b", 40)]),
    ],
)
def test_limits_count_what_is_outstanding(limits: Limits, second: list[tuple[str, int]]) -> None:
    made = market(("a", "ann", 500, 5), ("b", "ben", 500, 6), lender_limits=limits)
    made.submit(request(100), now=1)
    assert notes(made.submit(request(200, request_id="r2"), now=1)) == second


def test_limits_of_one_borrower_or_grade_leave_others_alone() -> None:
    made = market(
        ("a", "ann", 500, 5), grades=["A", "B"], lender_limits=Limits(per_borrower=50, per_grade=70)
    )
    assert notes(made.submit(request(200), now=1)) == [("a", 50)]
    other = request(200, request_id="r2", borrower_id="bea")
    assert notes(made.submit(other, now=1)) == [("a", 20)]
    assert notes(made.submit(request(200, request_id="r3", grade="B"), now=1)) == []
    third = request(200, request_id="r4", borrower_id="bea", grade="B")
    assert notes(made.submit(third, now=1)) == [("a", 30)]


def test_paying_back_makes_room_again() -> None:
    made = market(("a", "ann", 500, 5), lender_limits=Limits(total=100))
    made.submit(request(100), now=1)
    assert notes(made.submit(request(50, request_id="r2"), now=1)) == []
    made.repay("r1", 30, now=2)
    assert notes(made.submit(request(50, request_id="r3"), now=2)) == [("a", 30)]


def test_the_borrowers_limit_is_the_most_of_a_loan() -> None:
    made = market(("a", "ann", 500, 5), borrower_limits=BorrowerLimits(total=120), increment=50)
    result = made.submit(request(200), now=1)
    assert notes(result) == [("a", 100)]
    assert (result.unfunded, result.reason) == (100, "borrower_limit")
    again = made.submit(request(200, request_id="r2"), now=1)
    assert (notes(again), again.unfunded, again.reason) == ([], 200, "borrower_limit")


def test_share_caps_bind_on_the_loan_that_is_made() -> None:
    # Three lenders at 25 % can never fund a loan: 300 -> 225 -> 168 -> ... -> 0.
    made = market(
        ("a", "ann", 500, 5), ("b", "ben", 500, 5), ("c", "cleo", 500, 5), max_share=250_000
    )
    result = made.submit(request(300), now=1)
    assert (notes(result), result.reason) == ([], "below_min_amount")


def test_the_greatest_fixed_point_of_the_share_caps() -> None:
    # Two of 40 % and one of 30: F = 0.4 F + 0.4 F + 30 comes to rest at 150 = 60 + 60 + 30.
    made = market(
        ("a", "ann", 500, 5), ("b", "ben", 500, 6), ("c", "cleo", 30, 7), max_share=400_000
    )
    result = made.submit(request(1_000), now=1)
    assert result.loan is not None
    assert notes(result) == [("a", 60), ("b", 60), ("c", 30)]
    assert result.unfunded == 850


def test_an_offers_own_share_and_a_lenders_own_share() -> None:
    made = market(increment=5)
    made.post(offer("a", "ann", 500, 5, max_share=100_000), now=0)
    made.post(offer("b", "ben", 500, 6), now=0)
    made.post(offer("c", "cleo", 500, 7), now=0)
    made.set_lender_limits("ben", Limits(max_share=250_000), now=0)
    assert notes(made.submit(request(230), now=1)) == [("a", 20), ("b", 55), ("c", 155)]


def test_notes_below_the_smallest_are_not_made() -> None:
    made = market(
        ("a", "ann", 60, 5),
        ("b", "ann", 60, 6),
        ("c", "ben", 100, 7),
        min_note=25,
        lender_limits=Limits(per_loan=80),
    )
    # 20 of ann's joint room are left at b: below 25, passed over.
    assert notes(made.submit(request(100), now=1)) == [("a", 60), ("c", 40)]


def test_lenders_who_could_give_more_if_notes_were_smaller_lower_the_loan() -> None:
    """Each could give 30, but the second note of either would be 10."""
    made = market(
        ("a1", "ann", 20, 5), ("a2", "ann", 20, 6), ("b1", "ben", 20, 7), ("b2", "ben", 20, 8),
        min_note=15, lender_limits=Limits(per_loan=30),
    )  # fmt: skip
    result = made.submit(request(60), now=1)
    assert notes(result) == [("a1", 20), ("b1", 20)]
    assert (result.unfunded, result.reason) == (20, "not_enough_room")


def test_a_tail_is_brought_up_by_the_dearest_before_it() -> None:
    made = market(("a", "ann", 50, 5), ("b", "ben", 30, 6), ("c", "cleo", 40, 7), min_note=25)
    # 85 = 50 + 30 + 5: c needs 25, so b gives 5 and a 15.
    assert notes(made.submit(request(85), now=1)) == [("a", 35), ("b", 25), ("c", 25)]


@pytest.mark.parametrize("allocation", ["fifo", "pro_rata", "equal_share"])
def test_a_tail_may_need_all_the_room_its_offer_has(allocation: str) -> None:
    made = market(("a", "ann", 50, 5), ("b", "ben", 25, 6), min_note=25, allocation=allocation)
    assert notes(made.submit(request(60), now=1)) == [("a", 35), ("b", 25)]


def test_a_tail_nobody_can_spare_for_is_dropped() -> None:
    made = market(("a", "ann", 30, 5), ("b", "ben", 30, 6), ("c", "cleo", 40, 7), min_note=25)
    result = made.submit(request(65), now=1)
    assert notes(result) == [("a", 30), ("b", 30)]
    assert (result.unfunded, result.reason) == (5, "not_enough_room")


def test_a_tail_for_which_the_lender_has_no_room_is_dropped() -> None:
    made = market(
        ("a", "ann", 60, 5),
        ("b", "ann", 60, 6),
        ("c", "ben", 100, 7),
        min_note=25,
        lender_limits=Limits(per_loan=80),
    )
    # After a, 15 are missing and ann has 20 left: b takes the whole need, but has no room for 25.
    result = made.submit(request(75), now=1)
    assert notes(result) == [("a", 60)]
    assert result.unfunded == 15


def test_a_loan_smaller_than_the_smallest_note_is_none() -> None:
    made = market(("a", "ann", 60, 5), min_note=25)
    assert notes(made.submit(request(20), now=1)) == []


def test_below_the_least_amount_nothing_is_matched() -> None:
    made = market(("a", "ann", 60, 5))
    result = made.submit(request(100, min_amount=61), now=1)
    assert (notes(result), result.unfunded, result.reason) == ([], 100, "below_min_amount")


def test_tags_and_parties_decide_who_may_lend() -> None:
    made = market(("own", "bob", 100, 1), ("kin", "bob-ltd", 100, 2))
    made.post(offer("needs", "ann", 100, 3, requires={"green"}), now=0)
    made.post(offer("bars", "ben", 100, 4, refuses={"shop"}), now=0)
    made.post(offer("any", "cleo", 100, 5), now=0)
    made.declare_group("bob", {"bob-ltd", "nobody"}, now=0)
    assert notes(made.submit(request(300, tags={"shop"}), now=1)) == [("any", 100)]
    wanted = request(250, request_id="r2", borrower_id="bea", tags={"green", "x"})
    assert notes(made.submit(wanted, now=1)) == [("own", 100), ("kin", 100), ("needs", 50)]


def test_an_expired_offer_is_gone_for_quotes_too() -> None:
    made = market()
    made.post(offer("a", "ann", 100, 5, expires_at=5), now=0)
    made.post(offer("b", "ben", 100, 6), now=0)
    assert made.quote(request(100), now=4).marginal_rate == 50_000
    before = made.digest()
    assert made.quote(request(100), now=5).marginal_rate == 60_000
    assert made.digest() == before
    assert notes(made.submit(request(100), now=5)) == [("b", 100)]
    assert made.offer("a").state == "expired"


@pytest.mark.parametrize(
    ("offers", "more", "reason"),
    [
        ([], {}, "empty_book"),
        ([("a", "ann", 10, 5)], {"percent": 4}, "no_eligible_offer"),
        ([("a", "bob", 10, 5)], {}, "no_eligible_offer"),
        ([("a", "ann", 10, 5)], {"min_amount": 11}, "below_min_amount"),
    ],
)
def test_why_nothing_is_found(
    offers: list[tuple[str, str, int, int]], more: dict[str, Any], reason: str
) -> None:
    result = market(*offers).submit(request(20, **more), now=1)
    assert (result.loan, result.unfunded, result.reason) == (None, 20, reason)


def test_lots_are_drawn_over_a_whole_rate_whatever_stands_in_its_middle() -> None:
    count = 2_880
    made = market(allocation=Lottery(3))
    # The second of three chunks gives nothing to a loan of this size.
    shares = [1 if 960 <= i < 1_920 else None for i in range(count)]
    made.post_many(many(count, max_share=shares), now=0)
    assert len(made._state.ladders[0].chunks) == 3
    givers = [i for i in range(count) if not 960 <= i < 1_920]
    names = [f"o{i}" for i in givers]
    drawn = sorted(zip(Lottery(3).draw("r1", names), names, strict=True))
    result = made.submit(request(500), now=1)
    assert notes(result) == [(name, 1) for _, name in drawn[:500]]


def test_a_book_whose_offers_all_expire_is_empty() -> None:
    made = market()
    made.post(offer("a", "ann", 100, 5, expires_at=5), now=0)
    assert made.quote(request(10), now=5).reason == "empty_book"


def test_parts_of_an_offer_share_its_cap_to_the_last_unit() -> None:
    made = market(("z", "zoe", 50, 9))
    made.post(offer("a", "ann", 10, 5, max_per_loan=10), now=0)
    made.amend("a", amount=11, now=0)
    assert notes(made.submit(request(20), now=1)) == [("a", 10), ("z", 10)]


def test_parts_of_an_offer_that_are_just_a_note_share_its_cap() -> None:
    made = market(("z", "zoe", 50, 9), min_note=5)
    made.post(offer("a", "ann", 5, 5, max_per_loan=10), now=0)
    made.amend("a", amount=10, now=0)
    made.amend("a", amount=15, now=0)
    assert notes(made.submit(request(20), now=1)) == [("a", 5), ("a", 5), ("z", 10)]


def test_what_all_lenders_could_give_together_is_tried_before_what_could_be_placed() -> None:
    made = market(min_note=2, allocation="pro_rata", lender_limits=Limits(max_share=400_000))
    made.post(offer("o0", "ann", 17, 5, max_share=300_000), now=0)
    made.post(offer("o1", "ben", 6, 7), now=0)
    made.post(offer("o2", "ann", 11, 5, max_share=500_000, max_per_loan=5), now=0)
    made.post(offer("o3", "cleo", 3, 6, max_share=500_000), now=0)
    # Of 34, 13 + 6 + 3 = 22 are there; of 22 ann may hold 8, o0 no more than 6: 17; of 17 ann may
    # hold 6: 15; and of 15 she may hold 6 still.
    result = made.submit(request(34), now=1)
    assert notes(result) == [("o0", 4), ("o2", 2), ("o3", 3), ("o1", 6)]
    assert result.reason == "not_enough_room"


def test_a_lenders_limit_is_rounded_down_to_the_increment() -> None:
    made = market(("a", "ann", 10, 5), ("b", "ben", 10, 6), increment=2)
    made.set_lender_limits("ann", Limits(per_loan=7), now=0)
    assert notes(made.submit(request(10), now=1)) == [("a", 6), ("b", 4)]


@pytest.mark.parametrize(
    ("whose", "until", "reason"),
    [
        # Whoever may lend in any of three chunks may lend too little, ...
        (["ann", "bob", "bob"], [None, None, None], "below_min_amount"),
        (["bob", "ann", "bob"], [None, None, None], "below_min_amount"),
        (["bob", "bob", "ann"], [None, None, None], "below_min_amount"),
        # ... and one that stands in any of them is no empty book.
        (["bob", "bob", "bob"], [None, 5, 5], "no_eligible_offer"),
        (["bob", "bob", "bob"], [5, None, 5], "no_eligible_offer"),
        (["bob", "bob", "bob"], [5, 5, None], "no_eligible_offer"),
        (["bob", "bob", "bob"], [5, 5, 5], "empty_book"),
    ],
)
def test_why_nothing_is_found_in_any_chunk(
    whose: list[str], until: list[int | None], reason: str
) -> None:
    made = market()
    lenders = [whose[i // 960] for i in range(2_880)]
    ends = [until[i // 960] for i in range(2_880)]
    made.post_many(many(2_880, lender_id=lenders, expires_at=ends), now=0)
    assert len(made._state.ladders[0].chunks) == 3
    assert made.quote(request(1_900, min_amount=1_800), now=5).reason == reason


def test_what_a_run_leaves_without_money_is_walked_past_once() -> None:
    made = market()
    made.post_many(many(3_000, lender_id=["ann"] * 3_000), now=0)
    made.submit_many(request_columns([request(200, request_id=f"r{i}") for i in range(14)]), now=1)
    (ladder,) = made._state.ladders
    before = len(ladder.chunks)
    assert made.quote(request(10, percent=4, request_id="q"), now=1).reason == "no_eligible_offer"
    assert (before, len(ladder.chunks)) == (4, 1)
    made.submit(request(200, request_id="r"), now=1)
    assert made.quote(request(10, percent=4, request_id="q"), now=1).reason == "empty_book"
    assert not ladder.chunks


def test_a_sweep_over_many_chunks_with_repeated_lenders() -> None:
    made = market(lender_limits=Limits(per_loan=10))
    lenders = [f"l{i % 700}" for i in range(3_000)]
    made.post_many(many(3_000, lender_id=lenders, amount=[4] * 3_000), now=0)
    result = made.submit(request(8_000), now=1)
    assert result.loan is not None
    # Each of 700 lenders has four or five offers of 4, and may lend 10: 4 + 4 + 2.
    assert result.loan.principal == 7_000
    assert result.loan.lenders == 700
    assert set(result.loan.notes.amounts.tolist()) == {4, 2}
    made.check()


# Rules that share a rate


@attrs.frozen
class LastFirst:
    """The latest offer first: simple, and unlike the built-in rule."""

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        rooms = level.rooms[::-1]
        before = rooms.cumsum() - rooms
        parts = np.clip(level.need - before, 0, rooms)[::-1]
        return np.where(parts >= level.min_note, parts, 0)


@attrs.frozen
class Wrong:
    """Breaks its contract in the way it is told."""

    how: str

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        parts = LastFirst().allocate(level)
        if self.how == "too much":
            return level.rooms + level.increment
        if self.how == "over the need":
            return level.rooms
        if self.how == "too few":
            return parts[1:]
        if self.how == "dust":
            return np.where(parts > 0, 1, 0)
        return parts - np.where(parts > level.min_note, 1, 0)


class Watching:
    """As LastFirst; keeps what it was handed."""

    def __init__(self) -> None:
        self.seen: list[Level] = []

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        self.seen.append(level)
        return LastFirst().allocate(level)


def by_level(rule: Any, **rules: Any) -> Marketplace:
    return market(
        ("a", "ann", 30, 5),
        ("b", "ben", 30, 6),
        ("c", "cleo", 30, 6),
        ("d", "dan", 30, 6),
        ("e", "eva", 30, 7),
        allocation=rule,
        **rules,
    )


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (20, [("a", 20)]),
        (30, [("a", 30)]),
        (50, [("a", 30), ("d", 20)]),
        (75, [("a", 30), ("c", 15), ("d", 30)]),
        (120, [("a", 30), ("b", 30), ("c", 30), ("d", 30)]),
        (140, [("a", 30), ("b", 30), ("c", 30), ("d", 30), ("e", 20)]),
        (999, [("a", 30), ("b", 30), ("c", 30), ("d", 30), ("e", 30)]),
    ],
)
def test_a_rule_shares_the_last_rate(amount: int, expected: list[tuple[str, int]]) -> None:
    assert notes(by_level(LastFirst()).submit(request(amount), now=1)) == expected


def test_a_rule_sees_what_it_needs_to_draw_lots() -> None:
    rule = Watching()
    by_level(rule, increment=5, min_note=10).submit(request(75), now=1)
    (level,) = rule.seen
    assert (level.need, level.rooms.tolist()) == (45, [30, 30, 30])
    assert (level.increment, level.min_note, level.request_id) == (5, 10, "r1")
    assert list(level.offer_ids) == ["b", "c", "d"]
    assert list(level.offer_ids[1:]) == ["c", "d"]
    assert level.offer_ids[-1] == "d"


def test_a_rule_sees_rooms_with_every_limit_in_them() -> None:
    made = by_level(LastFirst(), lender_limits=Limits(per_loan=10))
    assert notes(made.submit(request(35), now=1)) == [("a", 10), ("b", 5), ("c", 10), ("d", 10)]


def test_a_rest_too_small_for_a_note_is_brought_up_by_the_dearest_notes_before() -> None:
    made = by_level(LastFirst(), min_note=25)
    # 20 are needed at 6 %, and nobody gives less than 25: `a` spares 5.
    assert notes(made.submit(request(50), now=1)) == [("a", 25), ("d", 25)]


def test_a_rule_that_is_asked_again_sees_the_same_offers() -> None:
    """20 are needed at 6 %, less than a note; then 25, of which `a` takes 5."""
    rule = Watching()
    by_level(rule, min_note=25).submit(request(50), now=1)
    assert [level.need for level in rule.seen] == [20, 25]
    assert [list(level.offer_ids) for level in rule.seen] == [["b", "c", "d"]] * 2


def test_what_a_rule_cannot_place_lowers_the_loan() -> None:
    made = by_level(LastFirst(), min_note=25)
    result = made.submit(request(42), now=1)
    # 12 are needed at 6 %; `a` could spare 5 of the 13 that are lacking.
    assert notes(result) == [("a", 30)]
    assert result.reason == "not_enough_room"


def test_a_rate_that_spans_chunks_is_read_whole() -> None:
    made = market(allocation=LastFirst())
    columns = {
        "offer_id": [f"o{i}" for i in range(1_300)],
        "lender_id": ["ann"] * 1_300,
        "amount": [2] * 1_300,
        "min_rate": [50_000] * 1_200 + [60_000] * 100,
    }
    made.post_many(columns, now=0)
    assert notes(made.submit(request(5), now=1)) == [("o1197", 1), ("o1198", 2), ("o1199", 2)]
    assert notes(made.submit(request(9, percent=5, request_id="r2"), now=1))[-1] == ("o1197", 1)


def test_a_rate_that_ends_with_a_chunk() -> None:
    made = market(allocation=LastFirst())
    columns = {
        "offer_id": [f"o{i}" for i in range(1_920)],
        "lender_id": ["ann"] * 1_920,
        "amount": [2] * 1_920,
        "min_rate": [50_000] * 960 + [60_000] * 960,
    }
    made.post_many(columns, now=0)
    assert notes(made.submit(request(3), now=1)) == [("o958", 1), ("o959", 2)]


@pytest.mark.parametrize("how", ["too much", "over the need", "too few", "dust", "broken units"])
def test_a_rule_that_breaks_its_contract_is_our_bug_and_changes_nothing(how: str) -> None:
    rule = Wrong(how)
    made = by_level(rule, increment=5, min_note=10)
    before = made.digest()
    wrong = "no array of one int64 part for each room"
    if how != "too few":
        wrong = "parts outside the rooms it was handed"
    message = re.escape(f"{rule!r} gave {wrong}")
    with pytest.raises(InvariantError, match=f"^{message}$"):
        made.submit(request(75), now=1)
    assert made.digest() == before


def test_what_is_remembered_of_tags_is_forgotten_and_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pmatch.state._TAG_SETS", 2)
    monkeypatch.setattr("p2pmatch.ladder._PATTERNS", 2)
    made = market(("a", "ann", 100, 5))
    for name, needs in [("b", {"x"}), ("c", {"y"}), ("d", {"x", "y"})]:
        made.post(offer(name, name, 100, 6, requires=needs), now=0)
    for _ in range(2):
        for tags, expected in [
            ("", ["a"]),
            ("x", ["a", "b"]),
            ("y", ["a", "c"]),
            ("xy", list("abcd")),
        ]:
            quote = made.quote(request(900, tags=frozenset(tags)), now=1)
            assert quote.loan is not None
            assert quote.loan.notes.offer_ids.tolist() == expected
    made.post(offer("e", "eve", 100, 7, refuses={"x"}), now=1)
    quote = made.quote(request(900, tags=frozenset("y")), now=1)
    assert quote.loan is not None
    assert quote.loan.notes.offer_ids.tolist() == ["a", "c", "e"]


def test_a_lender_with_less_than_a_note_left_does_not_end_a_loan() -> None:
    made = market(("a", "ann", 5, 4), ("b", "ben", 50, 5), ("c", "cleo", 10, 6), min_note=2)
    made.set_lender_limits("ben", Limits(total=3), now=0)
    made.submit(request(7), now=1)
    made.post(offer("d", "dan", 5, 4), now=1)
    # Ben may lend 1 more, which is no note; so cleo's is brought up to one at dan's cost.
    asked = request(6, request_id="r2", min_amount=6)
    assert notes(made.submit(asked, now=1)) == [("d", 4), ("c", 2)]


# Whole notes at the last rate


SHARING: list[Any] = ["pro_rata", "equal_share", Split(500_000), Steps([Step("pro_rata")])]


def lent_by(rule: Any, rooms: list[tuple[int, int]], amount: int, least: int) -> list[int]:
    """What offers of these (amount, rate in percent) give to a loan of that amount or less."""
    made = market(
        *((f"o{i}", f"l{i}", money, percent) for i, (money, percent) in enumerate(rooms)),
        min_note=least,
        allocation=rule,
    )
    loan = made.submit(request(amount), now=1).loan
    given = {} if loan is None else {note.offer_id: note.amount for note in loan.notes}
    return [given.get(f"o{i}", 0) for i in range(len(rooms))]


@pytest.mark.parametrize("rule", ["fifo", *SHARING], ids=repr)
@pytest.mark.parametrize(
    ("rooms", "amount", "least", "parts"),
    [
        # Shared by room: four and three; the one that is too small needs one from elsewhere.
        ([(5, 1), (6, 2), (6, 2)], 12, 4, [4, 4, 4]),
        ([(5, 1), (5, 2), (4, 2)], 12, 4, [4, 4, 4]),
        ([(8, 1), (4, 2), (3, 2)], 13, 3, [7, 3, 3]),
        ([(9, 1), (6, 2), (6, 2)], 16, 4, [8, 4, 4]),
        # Nobody at a better rate can spare the one that is missing.
        ([(4, 1), (6, 2), (6, 2)], 11, 4, [4, 6, 0]),
    ],
)
def test_the_dearest_notes_spare_first_what_the_last_one_lacks(
    rule: Any, rooms: list[tuple[int, int]], amount: int, least: int, parts: list[int]
) -> None:
    assert lent_by(rule, rooms, amount, least) == parts


@given(
    st.lists(st.tuples(st.integers(2, 12), st.integers(1, 3)), min_size=1, max_size=7),
    st.integers(2, 40),
    st.integers(2, 5),
    st.sampled_from(SHARING),
)
def test_who_shares_a_rate_lends_no_less_and_no_dearer_than_who_comes_first(
    rooms: list[tuple[int, int]], amount: int, least: int, rule: Any
) -> None:
    first, shared = (lent_by(each, rooms, amount, least) for each in ("fifo", rule))
    assert sum(shared) >= sum(first)
    if sum(shared) == sum(first):
        cost, other = (
            sum(part * percent for part, (_, percent) in zip(parts, rooms, strict=True))
            for parts in (shared, first)
        )
        assert cost <= other
