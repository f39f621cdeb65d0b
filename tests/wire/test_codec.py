"""What is written is read back to the last field; what is not understood is refused."""

from types import MappingProxyType
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pmatch import (
    InvalidValue,
    Loan,
    Marketplace,
    Note,
    Notes,
    Offer,
    P2PMatchError,
    Rules,
    commands,
    events,
)
from p2pmatch.columns import OfferColumns, read_offers
from p2pmatch.errors import UnknownName
from p2pmatch.loans import Loans
from p2pmatch.request_columns import RequestColumns
from p2pmatch.stores import MemoryStore
from p2pmatch.testing import histories, limits, offers, requests, rules, tell
from p2pmatch.time_in_force import Auction, Immediate, Listing
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE, MAX_TIME
from p2pmatch.wire import COMMANDS, EVENTS, Codec, OpenJournal, kind_name
from tests.examples import of_hundred
from tests.house.test_complete import ALL_COMMANDS, ALL_EVENTS, missing
from tests.machines.pair import offer_columns as as_columns

RULES = Rules(grades=("A", "B"), terms=(12, 36))
ids = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
times = st.integers(-MAX_TIME, MAX_TIME)
money = st.integers(1, MAX_AMOUNT)


def same(one: Any, other: Any) -> bool:
    """Equal to the last field, arrays and columns included."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Notes | Loans):
        return one == other
    if attrs.has(type(one)):
        fields = [field.name for field in attrs.fields(type(one))]
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in fields
        )
    return type(one) is type(other) and one == other


# Strategies for single fields, so that every kind of record is drawn with any value it may have.

notes = st.lists(
    st.builds(Note, ids, ids, money, st.integers(0, MAX_RATE), st.just("own_ask")), max_size=5
).map(Notes.of)


@st.composite
def some_loans(draw: st.DrawFn) -> Loans:
    made = draw(st.lists(loans, max_size=3))
    joined = Notes.of([note for loan in made for note in loan.notes])
    ends = np.cumsum([len(loan.notes) for loan in made], dtype=np.int64)
    return Loans([loan.request for loan in made], ends, joined)


loans = st.builds(Loan, requests(RULES, ids=ids), money, notes)


@st.composite
def offer_columns(draw: st.DrawFn) -> OfferColumns:
    drawn = draw(st.lists(offers(RULES, ids=ids), max_size=4))
    return read_offers(as_columns([o for o in drawn if isinstance(o.min_rate, int)]))


FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(1, 1_000),
    str: ids,
    int | None: st.none() | st.integers(1, 1_000),
    frozenset[str]: st.frozensets(ids),
    Offer: offers(RULES, ids=ids),
    OfferColumns: offer_columns(),
    RequestColumns: st.lists(requests(RULES, ids=ids), max_size=4).map(RequestColumns.of),
    commands.Request: requests(RULES, ids=ids),
    commands.TimeInForce: st.just(Immediate())
    | st.builds(Listing, times)
    | st.builds(Auction, times),
    commands.Limits: limits(),
    commands.BorrowerLimits: st.builds(commands.BorrowerLimits, total=st.none() | money),
    Rules: rules(),
    Loan: loans,
    Loans: some_loans(),
    Notes: notes,
    tuple[int, int]: st.tuples(money, money),
    tuple[tuple[str, int, str], ...]: st.lists(st.tuples(ids, money, ids)).map(tuple),
    dict[str, Any]: st.fixed_dictionaries(
        {},
        optional={
            "amount": money,
            "min_rate": st.integers(0, 9) | st.dictionaries(ids, st.integers(0, 9), min_size=1),
            "grades": st.none() | st.frozensets(ids, min_size=1),
            "terms": st.none() | st.frozensets(st.integers(1, 99), min_size=1),
            "max_per_loan": st.none() | money,
            "max_share": st.none() | st.integers(1, FULL_SHARE),
            "requires": st.frozensets(ids),
            "refuses": st.frozensets(ids),
            "expires_at": st.none() | times,
        },
    ),
    object: st.none() | st.integers(-(2**63), 2**63 - 1) | ids | st.lists(ids),
    npt.NDArray[np.int64]: st.lists(times).map(lambda keys: np.array(keys, dtype=np.int64)),
}


def records(kind: type) -> st.SearchStrategy[Any]:
    """Any record of that kind."""
    fields = {
        field.name: times if field.name == "now" else FIELDS[field.type]
        for field in attrs.fields(kind)
    }
    return st.builds(kind, **fields)


KINDS = [(COMMANDS, kind) for kind in COMMANDS._kinds] + [(EVENTS, kind) for kind in EVENTS._kinds]


@pytest.mark.parametrize(("codec", "kind"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
@settings(max_examples=of_hundred(25), suppress_health_check=list(HealthCheck))
@given(data=st.data(), seq=st.integers(0, 2**53))
def test_every_record_comes_back_to_the_last_field(
    codec: Codec[Any], kind: type, data: st.DataObject, seq: int
) -> None:
    record = data.draw(records(kind))
    payload = codec.encode(record, seq)
    assert same(codec.decode(payload, seq), record)
    assert codec.encode(codec.decode(payload, seq), seq) == payload
    several = codec.encode_all([record, record], seq)
    for trusted in (False, True):
        one, other = codec.decode_all(several, seq, trusted=trusted)
        assert same(one, record)
        assert same(other, record)


def test_every_command_and_event_has_a_form() -> None:
    assert missing(ALL_COMMANDS | {OpenJournal}, COMMANDS._kinds) == set()
    assert missing(ALL_EVENTS, EVENTS._kinds) == set()


def test_a_planted_record_has_none() -> None:
    @attrs.frozen(kw_only=True)
    class Planted(commands.Command):
        """Nobody writes this."""

    with pytest.raises(KeyError):
        COMMANDS.encode(Planted(now=1), 1)


@settings(max_examples=of_hundred(30), suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whole_histories_come_back(data: st.DataObject) -> None:
    """As the engine makes them: slots, keys, and notes that share the marketplace's names."""
    drawn = data.draw(rules())
    store = MemoryStore()
    market = Marketplace.open(store, drawn)
    heard: list[Any] = []
    market.subscribe(heard.append)
    for command in data.draw(histories(drawn)):
        before = len(heard)
        try:
            tell(market, command)
        except P2PMatchError:
            continue
        entry = store.entries[-1]
        for names in (None, market._state):
            read = list(EVENTS.decode_all(entry.events, entry.seq, names))
            assert len(read) == len(heard) - before
            assert all(same(a, b) for a, b in zip(read, heard[before:], strict=True))
            assert EVENTS.encode_all(read, entry.seq) == entry.events
        assert same(COMMANDS.decode(entry.command, entry.seq), command)


# Refusals

POST = commands.PostOffer(
    offer=Offer(offer_id="o1", lender_id="ann", amount=500, min_rate={"A": 52_000}, terms={36}),
    now=1,
)
LINE = COMMANDS.encode(POST, 7)


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        (b'"post_offer"', b'"post_offers_"', "unknown_kind", "kind"),
        (b'"post_offer"', b'"offer_posted"', "unknown_kind", "kind"),
        (b'"v":1', b'"v":2', "unknown_version", "post_offer.v"),
        (b'"v":1', b'"v":0', "unknown_version", "post_offer.v"),
        (b'"v":1', b'"v":"1"', "malformed", "envelope"),
        (b'"v":1,', b"", "malformed", "envelope"),
        (b'"seq":7', b'"seq":8', "contradiction", "seq"),
        (b'"seq":7', b'"seq":7.0', "malformed", "envelope"),
        (b'"v":1', b'"v":1,"w":1', "unknown_field", "w"),
        (b'"now":1', b'"now":1,"then":2', "unknown_field", "data.then"),
        (b'"offer_id"', b'"x":1,"offer_id"', "unknown_field", "data.offer.x"),
        (b'"now":1', b'"now":1.0', "malformed", "data.now"),
        (b'"now":1', b'"now":"1"', "malformed", "data.now"),
        (b'"now":1', b'"now":null', "malformed", "data.now"),
        (b'"now":1', b'"now":true', "malformed", "data.now"),
        (b'"now":1', b'"now":1e300', "malformed", "data.now"),
        (b'"now":1', b'"now":99999999999999999999', "too_large", "now"),
        (b'"amount":500', b'"amount":-500', "negative", "amount"),
        (b'"amount":500', b'"amount":0', "zero", "amount"),
        (b'"amount":500,', b"", "malformed", "data.offer"),
        (b'"o1"', b'""', "empty", "offer_id"),
        (b'"o1"', b'"\\u0000"', "malformed", "offer_id"),
        (b'"o1"', b'"\\ud800"', "malformed", "record"),
        (b'"o1"', b'"\xff"', "malformed", "record"),
        (b'"o1"', b'["o1"]', "malformed", "data.offer.offer_id"),
        (b'"data":', b'"data":null,"data":', "duplicate", "data"),
        (b'"amount":500', b'"amount":400,"amount":500', "duplicate", "amount"),
        (b'{"A":52000}', b"{}", "empty", "min_rate"),
        (b'["A"]', b'["B"]', "contradiction", "min_rate"),
        (LINE, b"", "malformed", "record"),
        (LINE, LINE + b"}", "malformed", "record"),
        (LINE, LINE[:-1], "malformed", "record"),
        (LINE, b"[" * 5_000 + b"]" * 5_000, "malformed", "record"),
        (LINE, b"[%b]" % LINE, "malformed", "record"),
        (LINE, b"null", "malformed", "envelope"),
    ],
)
def test_what_is_not_understood_is_refused(old: bytes, new: bytes, code: str, field: str) -> None:
    assert old in LINE
    with pytest.raises(P2PMatchError) as refused:
        COMMANDS.decode(LINE.replace(old, new), 7)
    assert (refused.value.code, refused.value.field) == (code, field)


@settings(max_examples=of_hundred(400))
@given(at=st.integers(0, len(LINE) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_no_line_makes_anything_but_a_record_or_a_refusal(at: int, byte: int, cut: bool) -> None:
    line = LINE[:at] + (b"" if cut else bytes([byte])) + LINE[at + 1 :]
    try:
        read = COMMANDS.decode(line, 7)
    except P2PMatchError:
        return
    assert COMMANDS.decode(COMMANDS.encode(read, 7), 7) == read


def test_spaces_and_order_do_not_matter() -> None:
    spread = LINE.replace(b",", b" ,\n ").replace(b'"seq":7', b' "seq" : 7')
    assert COMMANDS.decode(spread, 7) == POST
    assert isinstance(COMMANDS.decode(spread, 7).offer.min_rate, MappingProxyType)


def test_what_has_a_default_may_be_left_out() -> None:
    short = b'{"kind":"open_journal","v":1,"seq":0,"data":{"rules":{"grades":["A"],"terms":[36]}}}'
    assert COMMANDS.decode(short, 0).rules == Rules(grades=("A",), terms=(36,))


def test_names_of_kinds() -> None:
    assert kind_name(events.LoansMade) == "loans_made"


# Versions


@attrs.frozen(kw_only=True)
class Walked:
    """A record that once had kilometres."""

    metres: int
    by: str = "foot"


def thousandfold(data: dict[str, Any]) -> dict[str, Any]:
    return {"metres": data["kilometres"] * 1_000}


def renamed(data: dict[str, Any]) -> dict[str, Any]:
    return {"kilometres": data["km"]}


WALKS = Codec([Walked], {"walked": 3}, {("walked", 1): renamed, ("walked", 2): thousandfold})


def test_old_versions_are_brought_up_to_date() -> None:
    assert WALKS.encode(Walked(metres=5), 1) == (
        b'{"kind":"walked","v":3,"seq":1,"data":{"by":"foot","metres":5}}'
    )
    first = b'{"kind":"walked","v":1,"seq":1,"data":{"km":2}}'
    second = b'{"kind":"walked","v":2,"seq":1,"data":{"kilometres":3}}'
    assert WALKS.decode(first, 1) == Walked(metres=2_000)
    both = list(WALKS.decode_all(b"[%b,%b]" % (first, second), 1))
    assert both == [Walked(metres=2_000), Walked(metres=3_000)]
    with pytest.raises(UnknownName, match="1 to 3"):
        WALKS.decode(first.replace(b'"v":1', b'"v":4'), 1)
    with pytest.raises(InvalidValue):
        WALKS.decode(second.replace(b":3}", b':"3"}'), 1)
