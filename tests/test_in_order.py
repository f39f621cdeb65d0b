"""The commonest sweep, written out, finds what the general one finds."""

from random import Random

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pmatch import Limits, Marketplace, Request, Rules
from p2pmatch.in_order import in_order
from p2pmatch.rooms import Rooms
from p2pmatch.sweep import Sweep
from tests.examples import of_hundred
from tests.helpers import many, market, offer, request


def book(random: Random, offers: int, rules: Rules) -> Marketplace:
    """Offers at few rates, several a lender, some with tags, caps or an expiry."""
    made = Marketplace(rules)
    limited, tagged, capped = (random.random() < 0.5 for _ in range(3))
    columns = {
        "offer_id": [f"o{i}" for i in range(offers)],
        "lender_id": [f"l{random.randrange(max(offers // 4, 1))}" for _ in range(offers)],
        "amount": [random.randrange(1, 60) for _ in range(offers)],
        "min_rate": [random.randrange(8) * 10_000 for _ in range(offers)],
        "requires": [random.choice(["", "", "x"]) if tagged else "" for _ in range(offers)],
        "max_per_loan": [random.choice([None, 9]) if capped else None for _ in range(offers)],
        "expires_at": [random.choice([None, None, 3]) for _ in range(offers)],
    }
    made.post_many(columns, now=0)
    if limited:
        made.set_lender_limits("l0", Limits(total=rules.smallest_note + 20), now=0)
    return made


def requests(random: Random, count: int, increment: int) -> list[Request]:
    return [
        Request(
            request_id=f"r{i}",
            borrower_id=random.choice(["bob", "bea", "l1"]),
            amount=random.randrange(9, 80) * increment * random.choice([1, 1, 9]),
            max_rate=random.randrange(9) * 10_000,
            grade="A",
            term=36,
            tags=frozenset(random.choice(["", "x"])),
            min_amount=random.choice([None, 1, increment * 9]),
        )
        for i in range(count)
    ]


@given(st.integers(0, 2**32), st.sampled_from([30, 200, 2_000]))
@settings(max_examples=of_hundred(40))
def test_it_finds_what_the_general_sweep_finds(seed: int, offers: int) -> None:
    random = Random(seed)
    increment = random.choice([1, 1, 5])
    limits = Limits(per_loan=random.choice([None, 20, 30]), per_borrower=random.choice([None, 40]))
    rules = Rules(
        grades=["A"],
        terms=[36],
        increment=increment,
        min_note=random.choice([None, 10]),
        lender_limits=limits,
    )
    made = book(random, offers, rules)
    for asked in requests(random, 30, increment):
        state, now = made._state, random.choice([1, 4])
        quick = in_order(Rooms(state, asked, now))
        slow = Sweep(Rooms(state, asked, now)).run(asked.least_amount)
        if quick is None:
            assert rules.smallest_note > increment
        else:
            for one, other in zip(
                attrs.astuple(quick, recurse=False), attrs.astuple(slow, recurse=False), strict=True
            ):
                assert np.array_equal(one, other)
                assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
        made.submit(asked, now=1)
        made.check()


def test_it_fills_what_is_asked_without_a_second_thought() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), lender_limits=Limits(per_loan=80))
    placement = in_order(Rooms(made._state, request(120), 1))
    assert placement is not None
    assert placement.amounts.tolist() == [80, 40]


@pytest.mark.parametrize(
    "more",
    [
        {"allocation": "pro_rata"},
        {"max_share": 500_000},
        {"min_note": 90},
        {"increment": 3, "min_note": 60},
    ],
)
def test_what_needs_more_is_left(more: dict[str, object]) -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), **more)
    assert in_order(Rooms(made._state, request(120), 1)) is None


@pytest.mark.parametrize(
    ("least", "rate", "principal", "reason"),
    [
        (None, 9, 0, "below_min_amount"),
        (101, 9, 0, "below_min_amount"),
        (100, 9, 100, "not_enough_room"),
        (1, 9, 100, "not_enough_room"),
        (1, 4, 0, "no_eligible_offer"),
    ],
)
def test_where_the_places_end_the_borrower_gets_less_or_nothing(
    least: int | None, rate: int, principal: int, reason: str
) -> None:
    made = market(("a", "ann", 60, 5), ("b", "ben", 40, 6))
    asked = request(120, rate, min_amount=least)
    placement = in_order(Rooms(made._state, asked, 1))
    assert placement is not None
    assert (placement.principal, placement.reason) == (principal, reason)
    assert placement.unfunded == 120 - principal
    assert placement.amounts.tolist() == ([60, 40] if principal else [])


def test_less_than_what_is_asked_is_left_where_notes_are_larger_than_the_increment() -> None:
    made = market(("a", "ann", 100, 5), min_note=10)
    assert in_order(Rooms(made._state, request(120), 1)) is None


def test_places_that_got_their_money_back_are_read_again() -> None:
    made = market(*((f"o{i}", f"l{i}", 1, 5) for i in range(200)))
    held = made.submit(request(150), now=1, hold_for=5).pending
    assert held is not None
    # The first are without money long enough to be left out of what a sweep reads.
    quote = made.quote(request(10, request_id="r2"), now=2)
    assert quote.loan is not None
    assert quote.loan.notes.offer_ids[0] == "o150"
    made.decline("r1", now=3)
    quote = made.quote(request(10, request_id="r2"), now=3)
    assert quote.loan is not None
    assert quote.loan.notes.offer_ids.tolist() == [f"o{i}" for i in range(10)]


def test_a_place_that_moved_while_it_had_no_money_is_not_found_at_its_old_rate() -> None:
    made = market(*((f"o{i}", f"l{i}", 1, 5) for i in range(200)))
    made.post(offer("dear", "eve", 500, 8), now=0)
    made.submit(request(150), now=1, hold_for=5)
    made.quote(request(10, request_id="r2"), now=2)
    made.amend("o0", min_rate=70_000, now=2)
    made.decline("r1", now=3)
    made.check()
    quote = made.quote(request(220, request_id="r2"), now=3)
    assert quote.loan is not None
    ids = quote.loan.notes.offer_ids.tolist()
    assert ids[:199] == [f"o{i}" for i in range(1, 200)]
    assert ids[199:] == ["o0", "dear"]


def moved_while_nobody_knew_its_place(**change: object) -> Marketplace:
    """An offer without money, dropped from the ladder but not from its line, is changed."""
    made = Marketplace(Rules(grades=["A", "B"], terms=[36]))
    made.post(offer("o", "ann", 100, 5), now=0)
    made.post(offer("p", "ben", 100, 7), now=0)
    made.submit(request(100, request_id="held"), now=1, hold_for=9)
    made._state.ladders[0].sweep_out(made._state.table.remaining, 1)
    made.amend("o", now=2, **change)
    made.decline("held", now=3)
    made.check()
    return made


def test_what_was_dropped_from_the_ladder_is_not_found_at_its_old_rate() -> None:
    made = moved_while_nobody_knew_its_place(min_rate=80_000)
    loan = made.submit(request(200), now=4).loan
    assert loan is not None
    assert [(note.offer_id, note.amount, note.rate) for note in loan.notes] == [
        ("p", 100, 70_000),
        ("o", 100, 80_000),
    ]
    made.check()


def test_what_was_dropped_from_the_ladder_is_not_found_in_a_cell_it_left() -> None:
    made = moved_while_nobody_knew_its_place(grades=frozenset("B"))
    loan = made.submit(request(100), now=4).loan
    assert loan is not None
    assert loan.notes.offer_ids.tolist() == ["p"]
    made.check()


def test_it_knows_what_a_smallest_note_and_a_lenders_limit_leave() -> None:
    rules = {"min_note": 5, "lender_limits": Limits(per_loan=7)}
    made = market(("a", "ann", 10, 5), ("b", "ben", 10, 6), ("c", "ben", 10, 6), **rules)
    for amount, expected in [(14, [7, 7]), (12, [7, 5])]:
        found = in_order(Rooms(made._state, request(amount), 1))
        assert found is not None
        assert found.amounts.tolist() == expected


def test_it_goes_on_to_the_next_chunk() -> None:
    made = market()
    made.post_many(many(600), now=0)
    found = in_order(Rooms(made._state, request(550), 1))
    assert found is not None
    assert found.slots.tolist() == list(range(550))


def test_it_knows_what_is_met_with_the_last_place_of_a_chunk() -> None:
    made = market(("a", "ann", 10, 5), ("b", "ben", 10, 6))
    found = in_order(Rooms(made._state, request(20), 1))
    assert found is not None
    assert found.amounts.tolist() == [10, 10]
