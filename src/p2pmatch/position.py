"""Where an offer stands in a cell, and what rate would have been lent lately."""

from collections.abc import Iterator
from itertools import islice

import attrs
import numpy as np

from p2pmatch import checks
from p2pmatch.arrays import Amounts
from p2pmatch.conditions import NO_CAP, NO_SHARE, tags_fit
from p2pmatch.errors import Refused, UnknownName
from p2pmatch.keys import place_key, rate_of
from p2pmatch.loans import Loan
from p2pmatch.state import State
from p2pmatch.units import FULL_SHARE

__all__ = ["MAX_LOANS", "Position", "position"]

#: The most loans of a cell that can be looked back upon.
MAX_LOANS = 1_000


@attrs.frozen(kw_only=True)
class Position:
    """An offer's place in a cell's queue; amounts in minor units, rates in ppm a year.

    Parameters
    ----------
    offer_id : the offer. Money added to it later stands further back: this is its first place.
    rate : what it asks in this cell.
    net_rate : what the platform's servicing fee leaves of that; may be below 0.
    remaining : what of its budget is still in the book.
    rank : its place in the queue, from 1.
    ahead : the money in front of it, at better rates or earlier at its own.
    ahead_at_rate, offers_ahead_at_rate : of that, what asks the same rate; and how many places.
    rate_to_be_first : the highest rate at which it would be first: its own if it is, else just
        below the best; None: no rate would do.
    filled_rate : the highest rate at which the last loans of the cell would have taken all that
        remains of it: what their notes lent at higher rates is as much. Its own caps and tags
        count, limits of its lender do not. None: at no rate.
    loans : how many loans that counts: as many as were asked for, or as there are.

    Where the platform posts the rates, places rank by arrival alone: `rate_to_be_first` is None
    but for the first, and so is `filled_rate`.
    """

    offer_id: str
    rate: int
    net_rate: int
    remaining: int
    rank: int
    ahead: int
    ahead_at_rate: int
    offers_ahead_at_rate: int
    rate_to_be_first: int | None
    filled_rate: int | None
    loans: int

    @property
    def offers_ahead(self) -> int:
        """How many places are in front of it."""
        return self.rank - 1


def position(state: State, offer_id: str, grade: str, term: int, last: int) -> Position:
    """Where an offer stands in a cell.

    Parameters
    ----------
    last : how many of the cell's latest loans to look back upon.

    Raises
    ------
    UnknownName : for an offer, grade or term that is not there.
    Refused : for an offer that does not stand in the cell, or has less left than a note.

    Notes
    -----
    One vector pass over the places in front, and the notes of the last loans. Places are counted as
    `Marketplace.queue` shows them: those with money for a note, whoever they belong to.
    """
    last = checks.check_whole(checks.as_plain(last), "last", 0, MAX_LOANS)
    cell = state.cell(grade, term)
    first = state.offer_names.find(checks.check_id(offer_id, "offer_id"))
    if first is None:
        raise UnknownName("unknown_offer", "offer_id", offer_id, "the id of an offer posted here")
    table, least = state.table, state.least
    standing = [
        slot
        for slot in state.slots_of(first)
        if cell in state.cells_of(slot) and table.remaining[slot] >= least
    ]
    if not standing:
        raise Refused(
            "not_in_queue",
            "offer_id",
            offer_id,
            f"one in ({grade!r}, {term}) with a note left",
        )
    key = min(state.key_of(slot, cell) for slot in standing)
    ask = state.ask_of(first, cell)
    keys, amounts = _in_front(state, cell, key)
    at_rate = int(keys.searchsorted(place_key(rate_of(key), 0)))
    remaining = state.remaining_of(first)
    loans = list(islice(_latest_loans(state, grade, term), last))
    return Position(
        offer_id=offer_id,
        rate=ask,
        net_rate=state.rules.fees.net(ask),
        remaining=remaining,
        rank=len(keys) + 1,
        ahead=int(amounts.sum()),
        ahead_at_rate=int(amounts[at_rate:].sum()),
        offers_ahead_at_rate=len(keys) - at_rate,
        rate_to_be_first=_rate_to_be_first(state, ask, keys),
        filled_rate=_filled_rate(state, first, remaining, loans),
        loans=len(loans),
    )


def _in_front(state: State, cell: int, key: int) -> tuple[Amounts, Amounts]:
    """The keys of the places in front of `key`, and the money there in whole increments."""
    pieces = []
    for chunk in state.ladders[cell].chunks:
        keys, slots, *_ = chunk.rows()
        if keys[0] > key:
            break
        before = int(keys.searchsorted(key))
        pieces.append((keys[:before], slots[:before]))
    keys = np.concatenate([piece[0] for piece in pieces])
    amounts = state.table.remaining.take(np.concatenate([piece[1] for piece in pieces]))
    standing = amounts >= state.least
    amounts = amounts[standing]
    return keys[standing], amounts - amounts % state.rules.increment


def _rate_to_be_first(state: State, ask: int, keys: Amounts) -> int | None:
    """The rate for a place with these in front of it. A changed rate goes behind its equals."""
    if not len(keys):
        return ask
    best = rate_of(keys.item(0))
    return None if state.posted is not None or not best else best - 1


def _latest_loans(state: State, grade: str, term: int) -> Iterator[Loan]:
    """The loans of a cell, the latest first."""
    for loan in state.exposure.latest():
        if loan.term == term and loan.grade == grade:
            yield loan


def _filled_rate(state: State, first: int, remaining: int, loans: list[Loan]) -> int | None:
    """The highest rate below which these loans lent at least `remaining`, as an offer's caps go."""
    if state.posted is not None:
        return None
    rates, amounts = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for loan in loans:
        cap = _cap_for(state, first, loan)
        notes = loan.notes
        dearest = (-notes.rates).argsort(kind="stable")
        reached = np.minimum(notes.amounts[dearest].cumsum(), cap)
        rates.append(notes.rates[dearest])
        amounts.append(np.diff(reached, prepend=0))
    pooled = np.concatenate(rates)
    dearest = (-pooled).argsort(kind="stable")
    reached = np.concatenate(amounts)[dearest].cumsum()
    at = int(reached.searchsorted(remaining))
    if at == len(reached):
        return None
    # Just below a note's rate it would have come before it.
    below = int(pooled[dearest[at]]) - 1
    return None if below < 0 else below


def _cap_for(state: State, first: int, loan: Loan) -> int:
    """The most an offer would give to a loan; 0 where its tags or parties do not fit."""
    table, request = state.table, loan.request
    lender_id = state.lender_names[table.lender[first]]
    if not tags_fit(state.tag_rules[table.tag[first]], request.tags):
        return 0
    if lender_id in state.parties_of(request.borrower_id):
        return 0
    share = int(table.share[first])
    within = NO_CAP if share == NO_SHARE else share * loan.principal // FULL_SHARE
    return min(int(table.cap[first]), within)
