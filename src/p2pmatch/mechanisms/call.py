"""The call auction: a cell's offers and requests are matched all at once, at one rate.

Supply is lined up from the cheapest unit, demand from the unit that would pay most; they meet where
the next unit of supply asks more than the next unit of demand would pay. Any rate between the last
accepted and the first excluded clears the cell; the rules say which is taken.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import attrs
import numpy as np

from p2pmatch.allocation import Fifo, Level, allocated
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.events import CellUncrossed, Event, LoansMade, RequestUnfunded
from p2pmatch.keys import key_bound, rate_of, rates_of
from p2pmatch.loans import Loans, Notes
from p2pmatch.mechanisms.loan import loan_at, loan_event
from p2pmatch.pool import Pool, PoolRooms
from p2pmatch.state import State
from p2pmatch.sweep import Sweep
from p2pmatch.waiting import Resting

__all__ = ["Crossing", "cross", "uncross"]

_SOURCE: Final = "clearing"


@attrs.frozen(eq=False)
class Crossing:
    """Where supply and demand meet.

    Parameters
    ----------
    volume : minor units.
    rate : what clears, ppm; None: nothing is matched.
    parts : the requests that are matched, by position, with their parts of the volume, minor units.
    """

    volume: int
    rate: int | None
    parts: Sequence[tuple[int, int]]


def cross(
    rates: Amounts, supply: Amounts, bids: Sequence[tuple[int, int, int]], point: Fraction
) -> Crossing:
    """Find the volume, the rate and who takes part.

    A request whose part is below its least amount drops out, the lowest-ranked first, and the rest
    is found again without it.

    Parameters
    ----------
    rates, supply : int64, shape (n,): what offers ask, ppm, ascending, and offer, minor units.
    bids : of each request, by rank: its highest rate, ppm, amount and least amount, minor units.
    point : where in the interval of rates that clear, from 0 to 1.

    Notes
    -----
    O(n + m log n). Only the request at the margin can have a part of its amount; whether it stays
    changes nothing for those before it, so one pass in rank order finds what is left of each.

    Examples
    --------
    >>> crossing = cross(np.array([50_000, 60_000, 70_000]), np.array([100, 100, 100]),
    ...                  [(80_000, 150, 1), (65_000, 40, 1), (55_000, 100, 1)], Fraction(0))
    >>> crossing.volume, crossing.rate, crossing.parts
    (190, 60000, [(0, 150), (1, 40)])
    """
    sums = np.concatenate(([0], supply.cumsum()))
    highest = np.array([bid[0] for bid in bids], dtype=np.int64)
    # What is offered at or below each request's highest rate.
    reach = sums[rates.searchsorted(highest, side="right")].tolist()
    parts: list[tuple[int, int]] = []
    volume = 0
    first_excluded_bid = None
    for position, (within, (rate, amount, least)) in enumerate(zip(reach, bids, strict=True)):
        part = min(amount, within - volume)
        if part <= 0:
            first_excluded_bid = rate
            break
        if part < least:
            continue
        parts.append((position, part))
        volume += part
        if part < amount:
            first_excluded_bid = rate
            break
    if not parts:
        return Crossing(0, None, parts)
    last_ask = int(rates[sums[1:].searchsorted(volume)])
    low = last_ask if first_excluded_bid is None else max(last_ask, first_excluded_bid)
    high = bids[parts[-1][0]][0]
    if volume < sums[-1]:
        high = min(high, int(rates[sums[1:].searchsorted(volume, side="right")]))
    return Crossing(volume, low + int(point * (high - low)), parts)


def uncross(state: State, grade: str, term: int, now: int) -> Iterator[list[Event]]:
    """Clear one cell: loan after loan, then what came of it. Each step is applied before the next.

    Notes
    -----
    O(n + m log n) to find the rate, and a sweep for each loan; where nothing can limit any loan,
    O(n + m) for all of them.
    """
    cell = state.cell_of[grade, term]
    keys, slots, rooms = _supply(state, cell)
    resting = [
        resting
        for resting in state.waiting.ranked()
        if (resting.request.grade, resting.request.term) == (grade, term)
    ]
    bids = [(r.request.max_rate, r.request.amount, r.request.least_amount) for r in resting]
    rates = rates_of(keys)
    crossing = cross(rates, rooms, bids, state.rules.clearing_point)
    matched, at_margin = _matched(state, keys, slots, rooms, crossing, f"call {grade} {term} {now}")
    pool = Pool(keys, slots, state.table.lender.take(slots), matched)
    lent = 0
    turned_away: list[tuple[str, int, str]] = []
    parts = crossing.parts
    if parts and _nothing_limits(state, cell, [resting[position] for position, _ in parts]):
        lent = crossing.volume
        yield _lend_all(state, pool, resting, crossing, now)
        parts = []
    for position, part in parts:
        events, placed, reason = _lend(state, pool, resting[position], part, crossing, now)
        lent += placed
        if reason is not None:
            turned_away.append((resting[position].request.request_id, part - placed, reason))
        if events:
            yield events
    yield [
        CellUncrossed(
            now=now,
            grade=grade,
            term=term,
            rate=crossing.rate if lent else None,
            matched=crossing.volume,
            volume=lent,
            supply=int(rooms.sum()),
            demand=sum(amount for _, amount, _ in bids),
            at_margin=at_margin,
            turned_away=tuple(turned_away),
        )
    ]


def _supply(state: State, cell: int) -> tuple[Amounts, Numbers, Amounts]:
    """What stands in a cell, best first: keys, slots, and money in whole increments.

    Offers whose time is up have expired before: no command is followed up until they have.
    """
    table, ladder = state.table, state.ladders[cell]
    keys, slots = ladder.standing(table.remaining, state.least)
    rooms = table.remaining.take(slots)
    return keys, slots, rooms - rooms % state.rules.increment


def _matched(
    state: State,
    keys: Amounts,
    slots: Numbers,
    rooms: Amounts,
    crossing: Crossing,
    name: str,
) -> tuple[Amounts, tuple[int, int]]:
    """The part of the volume that each offer has; and what stood and got at the last rate.

    Offers below the last accepted rate are matched whole; those at it share by the allocation rule.
    """
    matched = np.zeros_like(rooms)
    if not crossing.volume:
        return matched, (0, 0)
    last = int(rooms.cumsum().searchsorted(crossing.volume))
    rate = rate_of(keys.item(last))
    first, stop = keys.searchsorted([key_bound(rate - 1), key_bound(rate)]).tolist()
    matched[:first] = rooms[:first]
    need = crossing.volume - int(rooms[:first].sum())
    stood = int(rooms[first:stop].sum())
    if stood == need:
        matched[first:stop] = rooms[first:stop]
    else:
        level = Level(
            need=need,
            rooms=rooms[first:stop],
            increment=state.rules.increment,
            min_note=state.least,
            request_id=name,
            offer_ids=state.offer_names.at(slots[first:stop]),
        )
        matched[first:stop] = allocated(state.allocation, level)
    return matched, (stood, need)


def _nothing_limits(state: State, cell: int, asked: Sequence[Resting]) -> bool:
    """Whether every loan can be had from the supply in rank order, whoever it is for. O(m)."""
    rules = state.rules
    return (
        isinstance(state.allocation, Fifo)
        and state.least == rules.increment
        and not (state.lender_caps.in_force or state.any_share or state.groups)
        and rules.borrower_limits.total is None
        and not state.borrower_caps.own
        and not (state.ladders[cell].capped or state.ladders[cell].tagged)
        and all(
            resting.hold_for is None and resting.request.borrower_id not in state.lenders
            for resting in asked
        )
    )


def _lend_all(
    state: State, pool: Pool, resting: Sequence[Resting], crossing: Crossing, now: int
) -> list[Event]:
    """All loans at once: the notes lie between the ends of the offers' and the requests' parts."""
    rows = np.flatnonzero(pool.money)
    offers_end = pool.money[rows].cumsum()
    requests_end = np.array([part for _, part in crossing.parts], dtype=np.int64).cumsum()
    ends = np.concatenate((offers_end, requests_end))
    ends.sort(kind="stable")  # two runs that ascend: merged in O(n)
    ends = ends[np.diff(ends, prepend=0) > 0]
    rows = rows[offers_end.searchsorted(ends)]
    notes = Notes(
        np.diff(ends, prepend=0),
        np.full(len(ends), crossing.rate, dtype=np.int64),
        pool.slots[rows],
        pool.lenders[rows],
        state.offer_names,
        state.lender_names,
        _SOURCE,
    )
    requests = [resting[position].request for position, _ in crossing.parts]
    events: list[Event] = [
        LoansMade(now=now, loans=Loans(requests, ends.searchsorted(requests_end) + 1, notes))
    ]
    # Only the last can have less than it asked for.
    last = requests[-1]
    short = last.amount - crossing.parts[-1][1]
    if short:
        reason = "not_enough_room"
        events.append(RequestUnfunded(now=now, request=last, amount=short, reason=reason))
    return events


def _lend(
    state: State, pool: Pool, resting: Resting, part: int, crossing: Crossing, now: int
) -> tuple[list[Event], int, str | None]:
    """One request's loan out of the matched supply: its events, its size, what limited it."""
    request = resting.request
    rooms = PoolRooms(state, request, now, pool, part)
    placement = Sweep(rooms).run(request.least_amount)
    placed = placement.principal
    reason = None
    if placed < part:
        reason = rooms.hindrance(placement.keys, placement.lenders, placement.amounts)
    if not placed or crossing.rate is None:
        return [], 0, reason
    pool.take(placement.keys, placement.amounts)
    rates = np.full_like(placement.amounts, crossing.rate)
    loan = loan_at(state, request, placement, rates, _SOURCE)
    events = [loan_event(loan, now, resting.hold_for)]
    if placed < request.amount:
        unfunded = RequestUnfunded(
            now=now,
            request=request,
            amount=request.amount - placed,
            reason=reason or "not_enough_room",
        )
        events.append(unfunded)
    return events, placed, reason
