"""How much money stands in a cell, and what a request's loan would cost at each size."""

from typing import Final

import attrs
import numpy as np

from p2pmatch.keys import rates_of
from p2pmatch.mechanisms import match
from p2pmatch.orders import Request
from p2pmatch.shared_rooms import SharedRooms
from p2pmatch.state import State
from p2pmatch.views import CostCurve, RateLadder

__all__ = ["CURVE_POINTS", "cost_curve", "depth"]

#: For how many sizes of a loan its cost is worked out.
CURVE_POINTS: Final = 32


def depth(state: State, grade: str, term: int) -> RateLadder:
    """How much money stands in a cell at or below each rate. O(n)."""
    ladder = state.ladders[state.cell(grade, term)]
    remaining, least = state.table.remaining, state.least
    keys, slots = ladder.standing(remaining, least)
    rates, amounts = rates_of(keys), remaining.take(slots)
    available = (amounts - amounts % state.rules.increment).cumsum()
    last_of_rate = np.flatnonzero(np.diff(rates, append=-1))
    return RateLadder(rates[last_of_rate], available[last_of_rate])


def cost_curve(state: State, request: Request, now: int) -> CostCurve:
    """The blended rate of the loans of up to `CURVE_POINTS` sizes up to the amount asked.

    Each is what a quote for that size would say, if the borrower took any part of it.
    """
    increment = state.rules.increment
    sizes = {
        max(request.amount * i // CURVE_POINTS // increment, 1) * increment
        for i in range(1, CURVE_POINTS + 1)
    }
    any_size = attrs.evolve(request, min_amount=1)
    rooms = SharedRooms(state, any_size, now)
    rates: dict[int, int] = {}
    for size in sorted(sizes, reverse=True):
        rooms.ask(any_size.resized(size))
        _, loan = match(rooms)
        if loan is not None:
            rates[loan.principal] = loan.rate
    amounts = sorted(rates)
    return CostCurve(
        np.array(amounts, dtype=np.int64),
        np.array([rates[size] for size in amounts], dtype=np.int64),
    )
