"""A hash of all in a memory that can influence later events, and of nothing else."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain

import attrs
import numpy as np

from p2pmatch.conditions import Place
from p2pmatch.orders import Request
from p2pmatch.rules import Rules
from p2pmatch.state import State

__all__ = ["digest_of"]


def digest_of(state: State) -> str:
    """A BLAKE2b hash, hex, of all that can influence later events. O(offers + notes)."""
    hasher = blake2b(digest_size=32)
    for piece in chain(
        _offer_pieces(state), _party_pieces(state), _loan_pieces(state), _waiting_pieces(state)
    ):
        hasher.update(len(piece).to_bytes(8, "little"))
        hasher.update(piece)
    return hasher.hexdigest()


def _offer_pieces(state: State) -> Iterator[bytes]:
    table = state.table
    yield _words_of(state.rules).encode()
    yield repr((state.now, state.arrivals, state.posted_total)).encode()
    names = state.offer_names
    posted = names.as_posted()
    for column in table.columns():
        yield np.ascontiguousarray(column[posted], dtype=column.dtype.newbyteorder("<")).tobytes()
    yield "\n".join(names.texts).encode()
    yield "\n".join(state.lender_names).encode()
    yield repr([_plain_place(place) for place in state.places]).encode()
    yield repr([(sorted(needs), sorted(bars)) for needs, bars in state.tag_rules]).encode()
    number = names.by_slot()
    parts = ((number.item(first), number[slots].tolist()) for first, slots in state.parts.items())
    yield repr(sorted(parts)).encode()
    cards = ((number.item(slot), sorted(card.items())) for slot, card in state.cards.items())
    yield repr(sorted(cards)).encode()
    moved = ((number.item(slot), sorted(times.items())) for slot, times in state.moved.items())
    yield repr(sorted(moved)).encode()


def _party_pieces(state: State) -> Iterator[bytes]:
    yield repr(sorted(state.lender_caps.own.items(), key=lambda own: own[0])).encode()
    yield repr(sorted(state.borrower_caps.own.items(), key=lambda own: own[0])).encode()
    groups = ((borrower, sorted(members)) for borrower, members in state.groups.items())
    yield repr(sorted(groups)).encode()
    yield "\n".join(sorted(state.requests)).encode()


def _loan_pieces(state: State) -> Iterator[bytes]:
    for opened in sorted(state.exposure.all(), key=lambda opened: opened.loan.request_id):
        loan = opened.loan
        yield repr((loan.request_id, loan.borrower_id, loan.grade)).encode()
        for column in (opened.loan.notes.rates, opened.left, opened.loan.notes.lenders):
            yield np.ascontiguousarray(column, dtype=np.dtype("<i8")).tobytes()


def _waiting_pieces(state: State) -> Iterator[bytes]:
    waiting = state.waiting
    number = state.offer_names.by_slot()
    yield repr(waiting.arrivals).encode()
    for resting in waiting.ranked():
        terms = resting.time_in_force, resting.hold_for, resting.arrival
        yield repr((_plain_request(resting.request), terms)).encode()
        for column in (resting.held.keys, number[resting.held.slots], resting.held.amounts):
            yield np.ascontiguousarray(column, dtype=np.dtype("<i8")).tobytes()
    for _, held in sorted(waiting.held.items()):
        yield repr((_plain_request(held.loan.request), held.until, held.arrival)).encode()
        notes = held.loan.notes
        for column in (held.keys, number[notes.offers], notes.amounts, notes.rates):
            yield np.ascontiguousarray(column, dtype=np.dtype("<i8")).tobytes()


def _words_of(rules: Rules) -> str:
    """All that the rules say; of a rule of somebody's own, what it says of itself, or its name."""
    words = repr(rules)
    for rule in (rules.allocation, rules.pricing):
        # What Python says instead is where it lies in memory.
        if type(rule).__repr__ is object.__repr__:
            words = words.replace(repr(rule), type(rule).__qualname__)
    return words


def _plain_request(request: Request) -> list[object]:
    """All fields of a request, in a form that is written the same everywhere."""
    values = attrs.astuple(request, recurse=False)
    return [sorted(value) if isinstance(value, frozenset) else value for value in values]


def _plain_place(place: Place) -> tuple[list[str] | None, list[int] | None]:
    grades, terms = place
    return (
        None if grades is None else sorted(grades),
        None if terms is None else sorted(terms),
    )
