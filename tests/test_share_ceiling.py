"""The largest loan that shares of it allow: by long steps what the rule finds step by step."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p2pmatch import Limits, Lottery, Marketplace, Offer, Rules
from p2pmatch.rooms import Rooms
from p2pmatch.share_ceiling import ShareCeiling
from p2pmatch.sweep import Sweep
from p2pmatch.units import MAX_AMOUNT
from tests.examples import of_hundred
from tests.helpers import offer, request

WHOLE = 1_000_000


def together(market: Marketplace, size: int) -> int:
    """The sum over lenders of the least of what its offers, its limit and its share allow."""
    rules = market.rules
    limits = rules.lender_limits
    by_lender: dict[str, int] = {}
    for status in market.offers():
        terms = market.offer_terms(status.offer_id)
        room = terms.amount - terms.amount % rules.increment
        room = room if room >= rules.smallest_note else 0
        if terms.max_share is not None:
            room = min(room, whole(terms.max_share * size // WHOLE, rules))
        by_lender[terms.lender_id] = by_lender.get(terms.lender_id, 0) + room
    caps = [
        whole(limits.per_loan if limits.per_loan is not None else MAX_AMOUNT, rules),
        *(
            whole(share * size // WHOLE, rules)
            for share in (limits.max_share, rules.max_share)
            if share is not None
        ),
    ]
    return sum(min(room, *caps) for room in by_lender.values())


def whole(amount: int, rules: Rules) -> int:
    return amount - amount % rules.increment


def step_by_step(market: Marketplace, size: int) -> int:
    """Ask for less and less until all of it could be given."""
    while (given := together(market, size)) < size:
        size = given
    return size


def posted(rules: Rules, offers: list[tuple[int, int, int | None]]) -> Marketplace:
    """A marketplace with offers (lender, amount, share) at three rates in turn."""
    market = Marketplace(rules)
    for number, (lender, amount, share) in enumerate(offers):
        market.post(
            offer(f"o{number}", f"l{lender}", amount, 1 + number % 3, max_share=share), now=0
        )
    return market


shares = st.none() | st.integers(1, WHOLE) | st.sampled_from([WHOLE // n for n in range(1, 9)])


def market_with(
    offers: list[tuple[int, int, int | None]],
    increment: int = 1,
    max_share: int | None = None,
    limits: Limits | None = None,
    asked: int = 80,
) -> dict[str, Any]:
    """As `MARKETS` draws one; `asked` in increments."""
    return {
        "offers": offers,
        "increment": increment,
        "max_share": max_share,
        "limits": limits or Limits(),
        "asked": asked,
    }


MARKETS = st.fixed_dictionaries(
    {
        "offers": st.lists(st.tuples(st.integers(0, 4), st.integers(1, 900), shares), max_size=9),
        "increment": st.sampled_from([1, 7, 25]),
        "max_share": shares,
        "limits": st.builds(Limits, max_share=shares, per_loan=st.none() | st.integers(50, 900)),
        "asked": st.integers(1, 80),
    }
)


# A lender's own limit; a share that is less than the money only when it is made whole.
@example(drawn=market_with([(0, 60, None)], limits=Limits(per_loan=50), asked=60))
@example(drawn=market_with([(0, 50, 300_000), (1, 900, None)], increment=25, asked=40))
@example(drawn=market_with([(0, 900, None), (1, 75, None)], 25, 110_000, asked=40))
@settings(max_examples=of_hundred(300))
@given(drawn=MARKETS)
def test_by_long_steps_the_same_as_step_by_step(drawn: dict[str, Any]) -> None:
    increment = drawn["increment"]
    rules = Rules(
        grades=["A"],
        terms=[36],
        increment=increment,
        max_share=drawn["max_share"],
        lender_limits=drawn["limits"],
    )
    market = posted(rules, drawn["offers"])
    asked = drawn["asked"] * increment
    ceiling = ShareCeiling(Rooms(market._state, request(asked), 1))
    assert ceiling.below(asked) == step_by_step(market, asked)
    assert ceiling.below(0) == 0


def as_the_rule_says(sweep: Sweep) -> int:
    """Try each target that the rule names, one after the other."""
    target = sweep.rooms.largest()
    while target:
        placed, _ = sweep._place(target, target)
        if placed == target:
            return target
        capacity = sweep._capacity(target)
        target = capacity if capacity < target else placed
    return 0


NEARLY = [333_333, 333_000, 499_999, 500_000, 249_999, 166_666, 1_000, 30_000]
MARKETS_WITH_DUST = st.fixed_dictionaries(
    {
        "offers": st.lists(
            st.tuples(
                st.integers(0, 6), st.integers(3, 3_000), st.none() | st.sampled_from(NEARLY)
            ),
            max_size=7,
        ),
        "min_note": st.sampled_from([3, 10, 60]),
        "max_share": st.none() | st.sampled_from(NEARLY),
        "allocation": st.sampled_from(["fifo", "pro_rata", "equal_share", Lottery(seed=1)]),
        "asked": st.integers(1, 2_000),
    }
)


@settings(max_examples=of_hundred(300))
@given(drawn=MARKETS_WITH_DUST)
def test_no_target_is_left_out_that_could_be_placed(drawn: dict[str, Any]) -> None:
    rules = Rules(
        grades=["A"],
        terms=[36],
        min_note=drawn["min_note"],
        max_share=drawn["max_share"],
        allocation=drawn["allocation"],
    )
    market = posted(rules, drawn["offers"])
    rooms = Rooms(market._state, request(drawn["asked"]), 1)
    assert Sweep(rooms).run(1).principal == as_the_rule_says(Sweep(rooms))


def market_of(lenders: int, share: int, **rules: Any) -> Marketplace:
    """Lenders with more money than anybody asks for."""
    made = Marketplace(Rules(grades=["A"], terms=[36], max_share=share, **rules))
    for number in range(lenders):
        made.post(offer(f"o{number}", f"l{number}", 10**9, 5), now=0)
    return made


@pytest.fixture
def placings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The targets that sweeps try to place."""
    tried: list[int] = []
    place = Sweep._place

    def noted(self: Sweep, target: int, size: int) -> Any:
        tried.append(target)
        return place(self, target, size)

    monkeypatch.setattr(Sweep, "_place", noted)
    return tried


@pytest.mark.parametrize(("lenders", "share"), [(3, 333_333), (6, 166_666), (7, 142_857)])
def test_shares_of_nearly_all_of_a_loan_are_found_too_few_at_once(
    lenders: int, share: int, placings: list[int]
) -> None:
    # Once the target went down by a cent or two at a time.
    market = market_of(lenders, share)
    result = market.submit(request(MAX_AMOUNT), now=1)
    assert (result.loan, result.unfunded) == (None, MAX_AMOUNT)
    assert placings == [MAX_AMOUNT]


def test_shares_too_small_for_a_note_do_not_count(placings: list[int]) -> None:
    # A thousandth of the loan is never a note of 2 500, but makes three thirds more than all of it.
    market = market_of(3, 333_333, min_note=2_500)
    market.post(offer("dust", "dan", 10**9, 5, max_share=1_000), now=0)
    assert market.submit(request(1_000_000), now=1).loan is None
    assert placings == [1_000_000]


def test_a_little_more_money_makes_a_large_loan_of_them(placings: list[int]) -> None:
    # 3 * 333 333 ppm leave 1 ppm, which one unit is all of at 1 000 000.
    market = market_of(3, 333_333)
    market.post(offer("more", "max", 1, 6), now=0)
    result = market.submit(request(1_002_000), now=1)
    assert result.loan is not None
    assert result.loan.principal == step_by_step(market, 1_002_000) == 1_000_000
    assert placings == [1_002_000, 1_000_000]


def test_two_offers_share_what_their_lender_may_give(placings: list[int]) -> None:
    # Each offer's share is half of the lender's; made whole, two of them may be less than it.
    market = Marketplace(Rules(grades=["A"], terms=[36], max_share=333_332))
    for lender in range(3):
        for number in range(2):
            name = f"l{lender}o{number}"
            market.post(
                Offer(
                    offer_id=name,
                    lender_id=f"l{lender}",
                    amount=10**9,
                    min_rate=5,
                    max_share=166_666,
                ),
                now=0,
            )
    assert market.submit(request(1_000_000), now=1).loan is None
    assert placings == [1_000_000]
