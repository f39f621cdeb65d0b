"""One command, from the first of its events to the last.

What is due by the command's time happens first: offers expire, then requests close and loans that
waited too long lapse, in the order of their times. Then what the command itself leads to. Then the
resting requests, in rank order, meet whatever has come free. Each step is decided by reading the
state and applied before the next.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from p2pmatch import commands as c
from p2pmatch.apply import apply
from p2pmatch.columns import OfferColumns
from p2pmatch.decide import decide
from p2pmatch.errors import InvariantError
from p2pmatch.events import Event, OfferPosted, OffersPosted, Rejected
from p2pmatch.mechanisms import close, lapse, may_run, meet, submit_run
from p2pmatch.state import ALL_CELLS, State
from p2pmatch.waiting import Resting

__all__ = ["perform"]


def perform(state: State, command: c.Command) -> list[Event]:
    """Make the state what it is after a command.

    Returns
    -------
    All events, in order; one `Rejected` alone if the command is refused, and then nothing changed.
    """
    # On the state as it is, so that a refusal changes nothing. What is due only ends what waits,
    # and gives money back, so it cannot make the command refusable.
    events = decide(state, command)
    if events and type(events[0]) is Rejected:
        return events
    now = command.now
    if state.waiting and state.waiting.first_due(now) is not None:
        events = _due_first(state, command)
    else:
        for event in events:
            apply(state, event)
    follow_up = _FOLLOW_UPS.get(type(command))
    if follow_up is not None:
        _each(state, follow_up(state, command), events)
    # In a call market nobody meets anybody before the cell is uncrossed.
    if state.waiting.resting and state.rules.matching == "immediate":
        _each(state, _meetings(state, now), events)
    else:
        state.stirred.clear()
        state.fresh.clear()
    return events


def _each(state: State, steps: Iterator[list[Event]], events: list[Event]) -> None:
    """Apply each step before the next is worked out."""
    for step in steps:
        for event in step:
            apply(state, event)
        events += step


def _due_first(state: State, command: c.Command) -> list[Event]:
    events: list[Event] = []
    passed = decide(state, c.AdvanceTime(now=command.now))
    _each(state, iter([passed[:-1]]), events)
    _each(state, _closings(state, command.now), events)
    decided = decide(state, command)
    if decided and type(decided[0]) is Rejected:
        raise InvariantError("what is due never makes a command refusable")
    _each(state, iter([decided]), events)
    return events


def _closings(state: State, now: int) -> Iterator[list[Event]]:
    """What becomes of each request and loan whose time is up, the earliest first."""
    waiting = state.waiting
    while (request_id := waiting.first_due(now)) is not None:
        resting = waiting.resting.get(request_id)
        if resting is not None:
            yield close(state, resting, now)
        else:
            yield lapse(state, waiting.held[request_id], now, "lapsed")


def _meetings(state: State, now: int) -> Iterator[list[Event]]:
    """Ask the resting requests, in rank order, until nothing is left that one of them would take.

    Money that one of them gives back is offered to all again, from the first.
    """
    while state.stirred or state.fresh:
        stirred, fresh = set(state.stirred), set(state.fresh)
        state.stirred.clear()
        state.fresh.clear()
        for resting in _asked(state, stirred, fresh):
            events = meet(state, resting, now)
            if events:
                yield events
            if state.stirred:
                break


def _asked(state: State, stirred: set[int], fresh: set[str]) -> list[Resting]:
    """The resting requests to be asked, in rank order. O(resting), or O(1) for one that is new."""
    waiting = state.waiting
    if not stirred and len(fresh) == 1:
        return [waiting.resting[request_id] for request_id in fresh]
    return [
        resting
        for resting in waiting.ranked()
        if ALL_CELLS in stirred
        or resting.request.request_id in fresh
        or state.cell_of[resting.request.grade, resting.request.term] in stirred
    ]


def _uncrossed(state: State, command: c.Uncross) -> Iterator[list[Event]]:
    # Imported here, because most marketplaces have no call auctions.
    from p2pmatch.mechanisms.call import uncross

    return uncross(state, command.grade, command.term, command.now)


def _posted(state: State, command: c.PostOffers) -> Iterator[list[Event]]:
    """The offers; those in cells where requests rest are met one after the other."""
    offers, now = command.offers, command.now
    met = _met(state, offers)
    if not met:
        yield [OffersPosted(now=now, offers=offers)]
        return
    for first, stop in pairwise([0, *(row + 1 for row in met), len(offers)]):
        if stop - first == 1:
            yield [OfferPosted(now=now, offer=offers[first])]
        elif stop > first:
            yield [OffersPosted(now=now, offers=offers[first:stop])]
        yield from _meetings(state, now)


def _met(state: State, offers: OfferColumns) -> list[int]:
    """The rows after which the resting requests are to be asked.

    Those in whose cells one rests, whatever they ask: who is asked again may find better than it
    has, because others left meanwhile. And the first, if what was due has given money back.
    """
    resting = state.waiting.resting.values()
    if not resting or state.rules.matching != "immediate":
        return []
    asked = {state.cell_of[each.request.grade, each.request.term] for each in resting}
    by_place = [not asked.isdisjoint(state.cells_within(place)) for place in offers.places]
    met = np.array(by_place, dtype=np.bool_)[offers.place_codes]
    met[:1] |= bool(state.stirred)
    rows: list[int] = met.nonzero()[0].tolist()
    return rows


def _submitted(state: State, command: c.SubmitRequests) -> Iterator[list[Event]]:
    """The requests one after the other: in runs where that is the same, or one by one."""
    requests, now = command.requests, command.now
    if may_run(state, requests):
        yield from submit_run(state, requests, now)
        return
    for request in requests:
        yield decide(state, c.SubmitRequest(request=request, now=now))
        if state.waiting.resting and state.rules.matching == "immediate":
            yield from _meetings(state, now)


#: What follows a command step by step, because each step depends on the one before.
_FOLLOW_UPS: Mapping[type[c.Command], Callable[[State, Any], Iterator[list[Event]]]] = (
    MappingProxyType({c.PostOffers: _posted, c.SubmitRequests: _submitted, c.Uncross: _uncrossed})
)
