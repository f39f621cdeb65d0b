"""With p = c a loan is the cheapest possible: its cost equals a linear program's optimum.

The program knows only offers' rooms and lenders' joint rooms (nested limits); it is solved by
HiGHS.
"""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from p2pmatch import Limits, Marketplace, Offer, Request, Rules
from tests.examples import of_hundred


def cheapest(
    rates: list[int], rooms: list[int], lenders: list[int], joint: int, principal: int
) -> float:
    """The least sum of amount times rate over all ways of lending `principal`."""
    same_lender = np.equal.outer(np.unique(lenders), lenders).astype(float)
    solved = linprog(
        rates,
        A_ub=same_lender,
        b_ub=np.full(len(same_lender), joint),
        A_eq=np.ones((1, len(rates))),
        b_eq=[principal],
        bounds=[(0, room) for room in rooms],
        method="highs",
    )
    assert solved.success
    return float(solved.fun)


def most(rooms: list[int], lenders: list[int], joint: int) -> int:
    """The most money that can be lent at all."""
    return sum(
        min(joint, sum(room for room, who in zip(rooms, lenders, strict=True) if who == lender))
        for lender in set(lenders)
    )


def check(random: Random, offers: int) -> None:
    increment = random.choice([1, 5])
    lenders = [random.randrange(max(offers // 2, 1)) for _ in range(offers)]
    amounts = [random.randrange(1, 60) for _ in range(offers)]
    caps = [random.randrange(increment, 40) for _ in range(offers)]
    rates = [random.randrange(0, 12) * 10_000 for _ in range(offers)]
    joint = increment * random.randrange(1, 15)
    rules = Rules(
        grades=["A"], terms=[12], increment=increment, lender_limits=Limits(per_loan=joint)
    )
    market = Marketplace(rules)
    for i in range(offers):
        offer = Offer(
            offer_id=f"o{i}",
            lender_id=f"l{lenders[i]}",
            amount=amounts[i],
            min_rate=rates[i],
            max_per_loan=caps[i],
        )
        market.post(offer, now=0)
    rooms = [
        min(amount, cap) // increment * increment for amount, cap in zip(amounts, caps, strict=True)
    ]
    request = Request(
        request_id="r",
        borrower_id="bob",
        amount=increment * random.randrange(1, 200),
        min_amount=1,
        max_rate=200_000,
        grade="A",
        term=12,
    )
    loan = market.submit(request, now=0).loan
    principal = min(request.amount, most(rooms, lenders, joint))
    if principal == 0:
        assert loan is None
        return
    assert loan is not None
    assert loan.principal == principal
    cost = int(loan.notes.amounts @ loan.notes.rates)
    assert cost == pytest.approx(cheapest(rates, rooms, lenders, joint, principal), abs=0.5)


@settings(max_examples=of_hundred(60), deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_small_books(random: Random, offers: int) -> None:
    check(random, offers)


@pytest.mark.parametrize("seed", range(of_hundred(20)))
def test_larger_books(seed: int) -> None:
    check(Random(seed), 80)
