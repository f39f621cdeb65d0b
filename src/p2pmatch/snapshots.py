"""The whole memory of a marketplace as bytes, and back.

A snapshot is a list of pieces: a description, the columns one by one as raw arrays, and last a hash
of all of them. It says which version of the layout it has; nothing in it is code.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from p2pmatch.commitments import Commitments
from p2pmatch.conditions import NEVER, NO_CAP, Place, TagRule
from p2pmatch.errors import StoreFailed
from p2pmatch.exposure import OpenLoan
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan, Notes
from p2pmatch.offer_names import OfferNames
from p2pmatch.orders import Request
from p2pmatch.rules import Rules
from p2pmatch.state import State
from p2pmatch.table import STANDING, OfferTable
from p2pmatch.time_in_force import Auction, Immediate, Listing, TimeInForce

__all__ = ["LAYOUT", "restore", "take"]

#: The version of the layout. A snapshot of another version is not read; the journal is.
LAYOUT: Final = 2

Array = npt.NDArray[Any]
# So many bytes a number: of columns with fewer it is not looked whether they go up one by one.
_WIDE: Final = 4
# Ids are printable, so this is in none of them.
_BETWEEN: Final = "\n"


class _Waits(msgspec.Struct):
    """A request that rests, or one whose loan waits for a yes until `until`."""

    request: Request
    time_in_force: str
    closes_at: int | None
    hold_for: int | None
    until: int | None
    arrival: int
    rate_source: str


class _Description(msgspec.Struct):
    """All that is not a column, and which columns there are: (name, dtype, length)."""

    layout: int
    head: str
    now: int | None
    arrivals: int
    posted_total: int
    shared: bool
    places: list[Place]
    tag_rules: list[TagRule]
    parts: list[tuple[int, list[int]]]
    cards: list[tuple[int, dict[str, int]]]
    moved: list[tuple[int, list[tuple[int, int]]]]
    capped: list[bool]
    tagged: list[bool]
    limits_in_force: list[str]
    lender_limits: list[tuple[int, Limits]]
    borrower_limits: list[tuple[str, BorrowerLimits]]
    groups: list[tuple[str, frozenset[str]]]
    waiting_arrivals: int
    waiting: list[_Waits]
    rate_sources: list[str]
    loan_requests: msgspec.Raw
    columns: list[tuple[str, str, int]]


_ENCODER: Final = msgspec.json.Encoder(order="deterministic", enc_hook=dict)
_DECODER: Final = msgspec.json.Decoder(_Description)
_REQUESTS: Final = msgspec.json.Decoder(list[Request])


def take(state: State, head: bytes) -> list[bytes]:
    """The pieces of a snapshot. O(offers + notes).

    `head` : the hash of the journal's last entry, so that a snapshot of another moment, or of
    another journal, is never taken for this one.
    """
    columns = dict(_columns(state))
    opened = list(state.exposure.all())
    caps = state.lender_caps
    description = _Description(
        layout=LAYOUT,
        head=head.hex(),
        now=state.now,
        arrivals=state.arrivals,
        posted_total=state.posted_total,
        shared=state.shared,
        places=state.places,
        tag_rules=state.tag_rules,
        parts=list(state.parts.items()),
        cards=[(slot, dict(card)) for slot, card in state.cards.items()],
        moved=[(slot, list(arrivals.items())) for slot, arrivals in state.moved.items()],
        capped=[ladder.capped for ladder in state.ladders],
        tagged=[ladder.tagged for ladder in state.ladders],
        limits_in_force=list(caps.in_force),
        lender_limits=list(caps.own.items()),
        borrower_limits=list(state.borrower_caps.own.items()),
        groups=list(state.groups.items()),
        waiting_arrivals=state.waiting.arrivals,
        waiting=[waits for waits, _, _ in _waiting(state)],
        rate_sources=[loan.loan.notes.rate_source for loan in opened],
        loan_requests=msgspec.Raw(_ENCODER.encode([loan.loan.request for loan in opened])),
        columns=[(name, *_shape(column)) for name, column in columns.items()],
    )
    pieces = [_ENCODER.encode(description), *map(_bytes, columns.values())]
    return [*pieces, _hash(pieces)]


def restore(pieces: Sequence[bytes], head: bytes, rules: Rules) -> State:
    """The state of which the snapshot was taken.

    Raises
    ------
    StoreFailed : unless it is to the last bit what `take` returned with this head, in this layout.
    """
    *held, seal = pieces or [b""]
    if seal != _hash(held):
        raise StoreFailed("damaged", "snapshot", seal.hex(), "the hash of its pieces")
    try:
        return _restored(held, head, rules)
    except StoreFailed:
        raise
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        # The hash is right, so somebody else has written it.
        raise StoreFailed("damaged", "snapshot", str(error), "what `take` returned") from error


def _restored(held: Sequence[bytes], head: bytes, rules: Rules) -> State:
    layout = msgspec.json.decode(held[0])["layout"]
    if layout != LAYOUT:
        raise StoreFailed("not_a_journal", "snapshot.layout", layout, f"layout {LAYOUT}")
    description = _DECODER.decode(held[0])
    if description.head != head.hex():
        raise StoreFailed("damaged", "snapshot.head", description.head, head.hex())
    columns = {
        name: _array(piece, dtype, length)
        for (name, dtype, length), piece in zip(description.columns, held[1:], strict=True)
    }
    state = State(rules)
    _restore_offers(state, description, columns)
    _restore_ladders(state, description, columns)
    _restore_parties(state, description, columns)
    _restore_loans(state, description, columns)
    _restore_waiting(state, description, columns)
    return state


# Bytes


def _hash(pieces: Sequence[bytes]) -> bytes:
    hasher = blake2b(digest_size=32)
    for piece in pieces:
        hasher.update(b"%d\n" % len(piece))
        hasher.update(piece)
    return hasher.digest()


def _shape(column: Array | str) -> tuple[str, int]:
    return (
        ("text", 1)
        if isinstance(column, str)
        else (column.dtype.newbyteorder("<").str, len(column))
    )


def _bytes(column: Array | str) -> bytes:
    """A column's bytes; of one in which all values are equal, those of one.

    A column of numbers that go up one by one, as arrivals mostly do, keeps its first two.
    """
    if isinstance(column, str):
        return column.encode()
    ordered = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    if len(ordered) > 2:
        if (ordered == ordered[0]).all():
            ordered = ordered[:1]
        elif ordered.dtype.itemsize >= _WIDE and (np.diff(ordered) == 1).all():
            ordered = ordered[:2]
    return ordered.tobytes()


def _array(piece: bytes, dtype: str, length: int) -> Any:  # noqa: ANN401 - an array, or text
    if dtype == "text":
        return piece.decode()
    read = np.frombuffer(piece, dtype=dtype)
    native = read.dtype.newbyteorder("=")
    if len(read) == length:
        return read.astype(native)
    if len(read) == 1:
        return np.full(length, read[0], dtype=native)
    return np.arange(read[0], int(read[0]) + length, dtype=native)


def _names(text: str) -> list[str]:
    return text.split(_BETWEEN) if text else []


# Which columns there are


def _columns(state: State) -> Iterator[tuple[str, Array | str]]:
    for name, column in zip(OfferTable.COLUMNS, state.table.columns(), strict=True):
        yield f"offers.{name}", column
    yield "offers.names", _BETWEEN.join(state.offer_names.texts)
    yield "offers.numbers", state.offer_names.by_slot()
    yield "lenders.names", _BETWEEN.join(state.lender_names)
    yield "requests", _BETWEEN.join(sorted(state.requests))
    rows = [
        list(zip(*(chunk.rows()[:2] for chunk in ladder.chunks), strict=True))
        for ladder in state.ladders
    ]
    keys = [_joined(row[0] if row else (), np.int64) for row in rows]
    slots = [_joined(row[1] if row else (), np.int32) for row in rows]
    yield "ladders.ends", _ends(keys)
    yield "ladders.keys", _joined(keys, np.int64)
    yield "ladders.slots", _joined(slots, np.int32)
    yield from _note_columns("loans", state.exposure.all())
    waiting = list(_waiting(state))
    held = [committed for _, committed, _ in waiting]
    yield "waiting.ends", _ends([one.keys for one in held])
    yield "waiting.keys", _joined([one.keys for one in held], np.int64)
    yield "waiting.slots", _joined([one.slots for one in held], np.int32)
    yield "waiting.lenders", _joined([one.lenders for one in held], np.int32)
    yield "waiting.amounts", _joined([one.amounts for one in held], np.int64)
    yield "waiting.rates", _joined([rates for _, _, rates in waiting], np.int64)


def _note_columns(name: str, loans: Iterable[OpenLoan]) -> Iterator[tuple[str, Array]]:
    opened = list(loans)
    notes = [one.loan.notes for one in opened]
    yield f"{name}.ends", _ends([one.amounts for one in notes])
    yield f"{name}.amounts", _joined([one.amounts for one in notes], np.int64)
    yield f"{name}.rates", _joined([one.rates for one in notes], np.int64)
    yield f"{name}.offers", _joined([one.offers for one in notes], np.int32)
    yield f"{name}.lenders", _joined([one.lenders for one in notes], np.int32)
    yield f"{name}.left", _joined([one.left for one in opened], np.int64)


def _joined(arrays: Iterable[Array], dtype: type[np.integer[Any]]) -> Array:
    return np.concatenate([np.empty(0, dtype=dtype), *arrays])


def _ends(arrays: Sequence[Array]) -> Array:
    return np.array([len(array) for array in arrays], dtype=np.int64).cumsum()


def _parts(columns: Mapping[str, Array], name: str) -> Iterator[slice]:
    """The rows of each of those whose columns stand one after the other."""
    return (slice(*edge) for edge in pairwise([0, *columns[f"{name}.ends"].tolist()]))


def _waiting(state: State) -> Iterator[tuple[_Waits, Commitments, Array]]:
    """All that waits, in the order in which it began to; what is committed, at which rates."""
    waiting = state.waiting
    found: list[tuple[_Waits, Commitments, Array]] = []
    for resting in waiting.resting.values():
        terms = resting.time_in_force
        closes_at = None if isinstance(terms, Immediate) else terms.closes_at
        kind = type(terms).__name__
        waits = _Waits(
            resting.request, kind, closes_at, resting.hold_for, None, resting.arrival, ""
        )
        found.append((waits, resting.held, resting.held.asks))
    for held in waiting.held.values():
        notes = held.loan.notes
        waits = _Waits(
            held.loan.request, "", None, None, held.until, held.arrival, notes.rate_source
        )
        places = Commitments(held.keys, notes.offers, notes.lenders, notes.amounts)
        found.append((waits, places, notes.rates))
    return iter(sorted(found, key=lambda pair: pair[0].arrival))


# The way back


def _restore_offers(state: State, description: _Description, columns: Mapping[str, Any]) -> None:
    state.now = description.now
    state.arrivals = description.arrivals
    state.posted_total = description.posted_total
    state.shared = description.shared
    for place in description.places:
        state.place_number(place)
    for tag_rule in description.tag_rules:
        state.tag_number(tag_rule)
    table = state.table
    names = _names(columns["offers.names"])
    table.fill(len(names), [columns[f"offers.{name}"] for name in OfferTable.COLUMNS])
    state.parts = dict(description.parts)
    for first, slots in state.parts.items():
        state.whole_of.update((slot, first) for slot in slots if slot != first)
    numbers = columns["offers.numbers"]
    state.offer_names = OfferNames(names, numbers, list(state.whole_of))
    state.cards = dict(description.cards)
    state.moved = {slot: dict(arrivals) for slot, arrivals in description.moved}
    state.lender_names = _names(columns["lenders.names"])
    state.lenders.update((name, number) for number, name in enumerate(state.lender_names))
    standing = (table.state == STANDING) & (table.expires != NEVER)
    for slot in np.flatnonzero(standing[: table.count]).tolist():
        if slot not in state.whole_of:
            state.expiries.setdefault(int(table.expires[slot]), set()).add(slot)


def _restore_ladders(state: State, description: _Description, columns: Mapping[str, Any]) -> None:
    table = state.table
    for ladder, rows, capped, tagged in zip(
        state.ladders,
        _parts(columns, "ladders"),
        description.capped,
        description.tagged,
        strict=True,
    ):
        slots = columns["ladders.slots"][rows]
        count = len(slots)
        # Reading a column here and there is slow; where nothing stands in it there is no need.
        tags = table.tag.take(slots) if tagged else np.zeros(count, dtype=np.int32)
        caps = table.cap.take(slots) if capped else np.full(count, NO_CAP)
        keys = columns["ladders.keys"][rows]
        ladder.extend((keys, slots, table.lender.take(slots), tags, caps))
        ladder.capped, ladder.tagged = capped, tagged


def _restore_parties(state: State, description: _Description, columns: Mapping[str, Any]) -> None:
    state.lender_caps.restore(dict(description.lender_limits), description.limits_in_force)
    for borrower_id, limits in description.borrower_limits:
        state.borrower_caps.set(borrower_id, limits)
    state.groups = dict(description.groups)
    state.requests = set(_names(columns["requests"]))


def _restore_loans(state: State, description: _Description, columns: Mapping[str, Any]) -> None:
    requests = _REQUESTS.decode(description.loan_requests)
    for request, source, rows in zip(
        requests, description.rate_sources, _parts(columns, "loans"), strict=True
    ):
        notes = Notes(
            columns["loans.amounts"][rows],
            columns["loans.rates"][rows],
            columns["loans.offers"][rows],
            columns["loans.lenders"][rows],
            state.offer_names,
            state.lender_names,
            source,
        )
        loan = Loan(request, int(notes.amounts.sum()), notes)
        state.exposure.reopen(loan, columns["loans.left"][rows])


def _restore_waiting(state: State, description: _Description, columns: Mapping[str, Any]) -> None:
    waiting = state.waiting
    for waits, rows in zip(description.waiting, _parts(columns, "waiting"), strict=True):
        keys, slots, lenders, amounts = (
            columns[f"waiting.{name}"][rows] for name in ("keys", "slots", "lenders", "amounts")
        )
        waiting.arrivals = waits.arrival
        if waits.until is None:
            terms = _terms(waits.time_in_force, waits.closes_at)
            waiting.rest(waits.request, terms, waits.hold_for)
            held = Commitments(keys, slots, lenders, amounts)
            waiting.resting[waits.request.request_id].held = held
        else:
            names = state.offer_names, state.lender_names
            rates = columns["waiting.rates"][rows]
            notes = Notes(amounts, rates, slots, lenders, *names, waits.rate_source)
            waiting.hold(Loan(waits.request, int(amounts.sum()), notes), keys, waits.until)
        state.exposure.count(waits.request, lenders, amounts, int(amounts.sum()))
    waiting.arrivals = description.waiting_arrivals


def _terms(kind: str, closes_at: int | None) -> TimeInForce:
    if closes_at is None:
        return Immediate()
    return Listing(closes_at) if kind == "Listing" else Auction(closes_at)
