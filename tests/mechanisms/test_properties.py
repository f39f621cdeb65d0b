"""What holds of whole markets, whatever the rules: splitting, fairness, lots, auctions, crossings."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pmatch import (
    Auction,
    Limits,
    Listing,
    Lottery,
    Marketplace,
    Offer,
    Posted,
    Request,
    Split,
    Step,
    Steps,
)
from p2pmatch.mechanisms.call import cross
from tests.examples import of_hundred
from tests.helpers import market, offer, request

STEPS = Steps([Step("oldest", share=400_000), Step("pro_rata_floors"), Step("fifo")])
ALLOCATIONS: list[Any] = [
    "fifo", "pro_rata", "equal_share", Split(400_000), Lottery(7), STEPS,
]  # fmt: skip
PRICINGS: list[Any] = [
    "pay_as_offered", "uniform_marginal", "uniform_first_rejected", "midpoint",
    Posted({("A", 36): 60_000}),
]  # fmt: skip

money = st.integers(1, 40)
percents = st.integers(4, 7)
limits = st.builds(
    Limits,
    per_loan=st.none() | st.integers(5, 40),
    total=st.none() | st.integers(5, 40),
    max_share=st.none() | st.sampled_from([200_000, 333_333, 500_000]),
)


def standing(rules: dict[str, Any], offers: Sequence[Offer]) -> Marketplace:
    made = market(**rules)
    for posted in offers:
        made.post(posted, now=0)
    return made


def lent(made: Marketplace) -> dict[str, int]:
    return {status.offer_id: status.lent for status in made.offers()}


# (lender, amount, rate in percent), one offer or several a lender
drawn_offers = st.lists(st.tuples(st.integers(0, 4), money, percents), min_size=1, max_size=9)


def named(drawn: Sequence[tuple[int, int, int]]) -> list[Offer]:
    return [offer(f"o{i}", f"l{who}", amount, at) for i, (who, amount, at) in enumerate(drawn)]


@given(drawn=drawn_offers, wanted=st.integers(1, 120), cut=st.integers(1, 39), limits=limits)
def test_nobody_gains_more_than_a_unit_by_splitting_an_offer(
    drawn: list[tuple[int, int, int]], wanted: int, cut: int, limits: Limits
) -> None:
    whole = named(drawn)
    first = whole[0]
    parts = [first]
    if cut < first.amount:
        rest = attrs.evolve(first, offer_id="other half", amount=first.amount - cut)
        parts = [attrs.evolve(first, amount=cut), rest]
    totals = []
    for offers in (whole, [*parts, *whole[1:]]):
        made = standing({"allocation": "pro_rata", "lender_limits": limits}, offers)
        made.submit(request(wanted), now=1)
        totals.append(made.exposure(first.lender_id).total)
    assert totals[1] <= totals[0] + 1


@given(
    amounts=st.lists(money, min_size=1, max_size=9),
    wanted=st.integers(1, 150),
    per_loan=st.integers(5, 40),
    unit=st.sampled_from([1, 5]),
)
def test_equal_shares_are_max_min_fair_under_the_lenders_caps(
    amounts: list[int], wanted: int, per_loan: int, unit: int
) -> None:
    offers = [offer(f"o{i}", f"l{i}", amount * unit, 5) for i, amount in enumerate(amounts)]
    rules = {
        "allocation": "equal_share",
        "increment": unit,
        "lender_limits": Limits(per_loan=per_loan * unit),
    }
    made = standing(rules, offers)
    made.submit(request(wanted * unit), now=1)
    got = list(lent(made).values())
    rooms = [min(amount, per_loan) * unit for amount in amounts]
    assert sum(got) == min(wanted * unit, sum(rooms))
    # Who could have more has within a unit as much as anybody, so more would be taken from less.
    for mine, room in zip(got, rooms, strict=True):
        assert mine <= room
        assert mine == room or max(got) <= mine + unit


@given(data=st.data(), drawn=drawn_offers, wanted=st.integers(1, 120), limits=limits)
@pytest.mark.parametrize("matching", ["immediate", "call"])
def test_a_lottery_does_not_depend_on_arrival(
    matching: str,
    data: st.DataObject,
    drawn: list[tuple[int, int, int]],
    wanted: int,
    limits: Limits,
) -> None:
    offers = named(drawn)
    rules = {"allocation": Lottery(3), "lender_limits": limits, "matching": matching}
    outcomes = []
    for order in (offers, data.draw(st.permutations(offers))):
        made = standing(rules, order)
        made.submit(request(wanted), now=1)
        if matching == "call":
            made.uncross("A", 36, now=2)
        outcomes.append(lent(made))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("pricing", PRICINGS, ids=lambda rule: str(rule)[:22])
@pytest.mark.parametrize("allocation", ALLOCATIONS, ids=lambda rule: str(rule)[:12])
@settings(max_examples=of_hundred(12))
@given(
    drawn=drawn_offers,
    wanted=st.integers(1, 120),
    least=st.integers(1, 120),
    limits=limits,
    note=st.sampled_from([1, 1, 5]),
)
def test_with_everything_in_at_once_resting_changes_nothing(
    allocation: Any,
    pricing: Any,
    drawn: list[tuple[int, int, int]],
    wanted: int,
    least: int,
    limits: Limits,
    note: int,
) -> None:
    rules = {
        "allocation": allocation, "pricing": pricing, "lender_limits": limits, "min_note": note,
    }  # fmt: skip
    asked = request(wanted, 7, min_amount=min(least, wanted))
    outcomes = []
    for terms in ({}, {"time_in_force": Listing(9)}, {"time_in_force": Auction(9)}):
        made = standing(rules, named(drawn))
        made.submit(asked, now=1, **terms)
        made.advance(9)
        made.check()
        outcomes.append((lent(made), rates(made, asked)))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def rates(made: Marketplace, asked: Request) -> dict[str, int]:
    """What each offer lends at, in the loan of that request if there is one."""
    if not made.borrower_outstanding(asked.borrower_id):
        return {}
    return {note.offer_id: note.rate for note in made.loan(asked.request_id).notes}


# Crossings

Bid = tuple[int, int, int]


def crossed_by_the_letter(
    asks: list[int], line: list[tuple[int, Bid]], point: Fraction
) -> tuple[int, int | None, list[tuple[int, int]]]:
    """Unit by unit; the lowest-ranked request with a part below its least drops out; again."""
    units = [(position, bid) for position, (bid, amount, _) in line for _ in range(amount)]
    volume = max(
        (q for q in range(1, min(len(asks), len(units)) + 1) if asks[q - 1] <= units[q - 1][1]),
        default=0,
    )
    matched = [position for position, _ in units[:volume]]
    parts = [(position, matched.count(position)) for position, _ in line if position in matched]
    least = {position: bid[2] for position, bid in line}
    short = [position for position, part in parts if part < least[position]]
    if short:
        rest = [entry for entry in line if entry[0] != short[-1]]
        return crossed_by_the_letter(asks, rest, point)
    if not volume:
        return 0, None, []
    low = max([asks[volume - 1], *(bid for _, bid in units[volume : volume + 1])])
    high = min([units[volume - 1][1], *asks[volume : volume + 1]])
    # Nobody could have been better off in all: the surplus is the largest there is.
    gains = [bid - ask for (_, bid), ask in zip(units, asks, strict=False)]
    assert sum(gains[:volume]) == max(sum(gains[:q]) for q in range(len(gains) + 1))
    return volume, low + int(point * (high - low)), parts


@given(
    asks=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=7),
    bids=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 15), st.integers(1, 15)), max_size=9),
    point=st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1)]),
)
def test_a_crossing_in_one_pass_is_the_crossing_by_the_letter(
    asks: list[tuple[int, int]], bids: list[Bid], point: Fraction
) -> None:
    asks = sorted(asks)
    ranked = sorted(
        ((bid, amount, min(least, amount)) for bid, amount, least in bids), key=lambda bid: -bid[0]
    )
    rates_ppm = np.array([ask for ask, _ in asks], dtype=np.int64)
    supply = np.array([amount for _, amount in asks], dtype=np.int64)
    found = cross(rates_ppm, supply, ranked, point)
    units = [ask for ask, amount in asks for _ in range(amount)]
    expected = crossed_by_the_letter(units, list(enumerate(ranked)), point)
    assert (found.volume, found.rate, list(found.parts)) == expected
