"""Loans of many sizes read off one pass of the ladder: each is the loan that a sweep makes."""

from random import Random

import pytest

from p2pmatch import Limits, Marketplace, Offer, Request, Rules
from p2pmatch.mechanisms import match
from p2pmatch.rooms import Rooms
from p2pmatch.shared_rooms import SharedRooms
from tests import helpers


def book(random: Random, *, shares: bool) -> Marketplace:
    """Few lenders with several offers each, in a market of some size."""
    increment = random.choice([1, 5])
    least = increment * random.choice([1, 1, 4])
    limits = {
        name: random.randrange(least, 40 * least)
        for name in ("per_loan", "total")
        if random.randrange(3) == 0
    }
    share = random.choice([150_000, 300_000, 500_000]) if shares else None
    rules = Rules(
        grades=["A"], terms=[36], increment=increment, min_note=least, max_share=share,
        lender_limits=Limits(**limits),
    )  # fmt: skip
    market = Marketplace(rules)
    for i in range(random.randrange(10, 80)):
        offer = Offer(
            offer_id=f"o{i}",
            lender_id=f"l{random.randrange(20)}",
            amount=least * random.randrange(1, 30) + random.randrange(3),
            min_rate=random.randrange(6) * 10_000,
            max_per_loan=least * random.randrange(1, 9) if random.randrange(5) == 0 else None,
            max_share=300_000 if shares and random.randrange(4) == 0 else None,
        )
        market.post(offer, now=0)
    return market


def check(seed: int, *, shares: bool) -> tuple[int, int]:
    """How many loans were asked for below one that could be made whole, and how many were read."""
    random = Random(seed)
    market = book(random, shares=shares)
    state, step = market._state, market.rules.increment
    most = step * random.randrange(20, 300)
    request = Request(
        request_id="r",
        borrower_id="bob",
        amount=most,
        max_rate=90_000,
        grade="A",
        term=36,
        min_amount=1,
    )
    rooms = SharedRooms(state, request, 0)
    placement, loan = match(rooms)
    if placement.unfunded:
        return 0, 0
    assert loan is not None
    amounts = sorted(
        {step * random.randrange(1, most // step + 1) for _ in range(12)}, reverse=True
    )
    fronts = rooms.fronts(amounts, loan)
    for amount, front in fronts.items():
        alone, _ = match(Rooms(state, request.resized(amount), 0))
        rows = front.rows()
        assert alone.principal == amount
        assert rows.keys.tolist() == alone.keys.tolist()
        assert rows.given.tolist() == alone.amounts.tolist()
    return len(amounts), len(fronts)


@pytest.mark.parametrize("shares", [False, True])
def test_what_is_read_off_is_what_a_sweep_makes(shares: bool) -> None:
    asked, read = map(sum, zip(*(check(seed, shares=shares) for seed in range(150)), strict=True))
    assert asked > 300
    # Nearly all of them: the others end in a note that is too small.
    assert read > asked * 3 // 4


@pytest.mark.parametrize("shares", [False, True])
def test_a_row_of_a_comparison_is_the_quote_by_itself(shares: bool) -> None:
    for seed in range(60):
        random = Random(seed)
        market = book(random, shares=shares)
        step = market.rules.increment
        amounts = {step * random.randrange(1, 200) for _ in range(8)}
        request = Request(
            request_id="r", borrower_id="l3", amount=step, max_rate=30_000, grade="A", term=36
        )
        for row in market.compare(request, amounts=amounts, now=0):
            assert row == market.quote(row.request, now=0)


def test_a_reading_of_many_pieces_is_cut_where_the_largest_loan_ends() -> None:
    made = helpers.market(max_share=5_000)
    made.post_many(helpers.many(1_500, lender_id=[f"l{i % 1_400}" for i in range(1_500)]), now=0)
    table = made.compare(helpers.request(1_300), amounts=[1_300, 700, 300, 199], now=0)
    assert [row.lenders for row in table] == [1_300, 700, 300, 0]
    assert list(table) == [made.quote(row.request, now=0) for row in table]
