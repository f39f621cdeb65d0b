"""Records that JSON has no word for, and values of any kind that were refused."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from p2pmatch import InvalidValue, Marketplace, P2PMatchError, Rules, commands, events
from p2pmatch.columns import read_offers
from p2pmatch.wire import COMMANDS, EVENTS, OpenJournal, plain
from tests.helpers import market, offer, request


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5, 5),
        (True, True),
        (np.int32(5), 5),
        (None, None),
        ("é", "é"),
        ("a\nb", r"'a\nb'"),
        ("\ud800", r"'\ud800'"),
        (2**63, "a value of type int"),
        (-(2**63), -(2**63)),
        (1.5, "a value of type float"),
        (b"x", "a value of type bytes"),
        (Fraction(1, 2), "a value of type Fraction"),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({"a", 1, 10, 2}), [1, 2, 10, "a"]),
        ({frozenset({"a"}), frozenset({"B"})}, [["B"], ["a"]]),
        ((1, [2, None]), [1, [2, None]]),
        (np.array([1, 2]), [1, 2]),
        ({"x": {1}, 5: object()}, {"x": [1], "5": "a value of type object"}),
        (commands.Auction(closes_at=5), {"closes_at": 5}),
    ],
)
def test_any_value_has_a_plain_form(value: Any, written: Any) -> None:
    assert plain(value) == written
    refused = events.Rejected(now=0, code="zero", field="x", value=value, accepted="y")
    assert EVENTS.decode(EVENTS.encode(refused, 1), 1).value == written


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "5"}, "wrong_type"),
        ({"amount": 5.0}, "wrong_type"),
        ({"amount": True}, "wrong_type"),
        ({"amount": 2**70}, "too_large"),
        ({"grades": "AB"}, "wrong_type"),
        ({"terms": {"36"}}, "wrong_type"),
        ({"requires": None}, "wrong_type"),
        ({"min_rate": {"A": "5%"}}, "wrong_type"),
        ({"max_share": object()}, "wrong_type"),
        ({"offer_id": "x"}, "unknown_field"),
    ],
)
def test_what_no_offer_could_take_is_not_a_command(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        COMMANDS.encode(commands.AmendOffer(offer_id="o", changes=changes, now=0), 1)
    assert refused.value.code == code


def test_numpy_is_welcome_in_changes() -> None:
    changes = {"amount": np.int64(7), "terms": np.array([12, 36]), "grades": ["B", "A"]}
    command = commands.AmendOffer(offer_id="o", changes=changes, now=0)
    read = COMMANDS.decode(COMMANDS.encode(command, 1), 1)
    assert read.changes == {
        "amount": 7,
        "terms": frozenset({12, 36}),
        "grades": frozenset({"A", "B"}),
    }


COLUMNS = read_offers(
    {
        "offer_id": ["o1", "o2"],
        "lender_id": ["ann", "ben"],
        "amount": [5, 6],
        "min_rate": [1, 2],
        "grades": ["A", ""],
        "requires": ["x", ""],
        "max_per_loan": [None, 4],
    }
)
POSTED = COMMANDS.encode(commands.PostOffers(offers=COLUMNS, now=0), 1)


def test_columns_in_which_nothing_is_set_are_null() -> None:
    assert b'"max_per_loan":[null,4],"max_share":null,"expires_at":null' in POSTED


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        (b'"amounts":[5,6]', b'"amounts":[5]', "contradiction", "amounts"),
        (b'"amounts":[5,6]', b'"amounts":[5,0]', "zero", "amounts[1]"),
        (b'"amounts":[5,6]', b'"amounts":[5,600000000000]', "too_large", "amounts[1]"),
        (b'"amounts":[5,6]', b'"amounts":[5,6.5]', "malformed", "data.offers.amounts[1]"),
        (b'"amounts":[5,6]', b'"amounts":[5,99999999999999999999]', "too_large", "amounts[1]"),
        (b'"place_codes":[0,1]', b'"place_codes":[0,2]', "too_large", "place_codes[1]"),
        (b'"place_codes":[0,1]', b'"place_codes":[-1,1]', "negative", "place_codes[0]"),
        (b'"tag_codes":[0,1]', b'"tag_codes":[0,9]', "too_large", "tag_codes[1]"),
        (b'[["A"],null]', b"[[],null]", "empty", "places"),
        (b'[["A"],null]', b'[["\\u0001"],null]', "malformed", "places"),
        (b'[["A"],null]', b'[["A"],[0]]', "zero", "places"),
        (b'[["x"],[]]', b'[["x"],["x"]]', "contradiction", "tag_rules"),
        (b'[["x"],[]]', b'[["x"]]', "malformed", "data.offers.tag_rules[0]"),
        (b'["o1","o2"]', b'["o1",""]', "empty", "offer_ids[1]"),
        (b"[null,4]", b"[null,0]", "zero", "max_per_loan[1]"),
        (b'"max_share":null', b'"max_share":null,"max_shares":null', "unknown_field", "max_shares"),
    ],
)
def test_columns_from_outside_are_checked(old: bytes, new: bytes, code: str, field: str) -> None:
    assert POSTED.count(old) == 1
    with pytest.raises(P2PMatchError) as refused:
        COMMANDS.decode(POSTED.replace(old, new), 1)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_columns_need_not_be_in_the_order_of_their_rows() -> None:
    swapped = POSTED.replace(b'"place_codes":[0,1]', b'"place_codes":[1,1]')
    read = COMMANDS.decode(swapped, 1).offers
    assert (list(read.places), read.place_codes.tolist()) == ([(None, None)], [0, 0])


def lent() -> bytes:
    """A loan's event as it is written."""
    book = market(("o1", "ann", 5, 5), ("o2", "ben", 9, 6))
    return EVENTS.encode_all(book.submit(request(12), now=3).events, 1)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"rates":[50000,60000]', b'"rates":[50000]', "contradiction"),
        (b'"offer_ids":["o1","o2"]', b'"offer_ids":["o1"]', "contradiction"),
        (b'"offers":[0,1]', b'"offers":[0,4294967296]', "too_large"),
        (b'"amounts":[5,7]', b'"amounts":[5,99999999999999999999]', "too_large"),
        (b'"rate_source"', b'"rate_sauce"', "unknown_field"),
    ],
)
def test_notes_from_outside_are_checked(old: bytes, new: bytes, code: str) -> None:
    payload = lent()
    assert payload.count(old) == 1
    with pytest.raises(P2PMatchError) as refused:
        list(EVENTS.decode_all(payload.replace(old, new), 1))
    assert refused.value.code == code


@pytest.mark.parametrize("numbers", ["[0,2]", "[-1,1]"])
def test_notes_of_offers_that_nobody_posted_are_refused(numbers: str) -> None:
    book = market(("o1", "ann", 5, 5), ("o2", "ben", 9, 6))
    payload = EVENTS.encode_all(book.submit(request(12), now=3).events, 1)
    (read,) = EVENTS.decode_all(payload, 1, book._state)
    assert read.loan.notes.offer_ids.tolist() == ["o1", "o2"]
    other = payload.replace(b'"offers":[0,1]', f'"offers":{numbers}'.encode())
    with pytest.raises(InvalidValue, match="numbers below 2") as refused:
        list(EVENTS.decode_all(other, 1, book._state))
    assert refused.value.code == "unknown_offer"


def test_notes_are_written_with_the_numbers_that_say_how_manieth_an_offer_came() -> None:
    book = market()
    columns = {"offer_id": ["o1", "o2", "o3"], "lender_id": ["ann"] * 3, "amount": [5, 6, 7]}
    book.post_many({**columns, "min_rate": [90, 70, 80]}, now=0)
    events = book.submit(request(13), now=3).events
    assert events[0].loan.notes.offer_ids.tolist() == ["o2", "o3"]
    # The table has them as they rank.
    assert events[0].loan.notes.offers.tolist() == [0, 1]
    payload = EVENTS.encode_all(events, 1)
    assert b'"offers":[1,2]' in payload
    for names in (None, book._state):
        assert list(EVENTS.decode_all(payload, 1, names)) == list(events)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[0,1]", b"[1,0]"),
        (b"[0,1]", b"[2,1]"),
        (b'"fifo"', b'"lifo"'),
        (b'"fifo"', b'{"kind":"lifo"}'),
        (b'"fifo"', b'{"kind":"split","fifo_share":5000000}'),
        (b'"fifo"', b'{"kind":"steps","steps":[{"rule":"fifo","share":5}]}'),
        (b'"fifo"', b'{"kind":"lottery","seed":-1}'),
        (b'"fifo"', b'{"kind":"fifo","x":1}'),
        (b'"pay_as_offered"', b'{"kind":"posted","rates":[["B",36,1]]}'),
        (b'"pay_as_offered"', b'{"kind":"posted","rates":[]}'),
        (b'"terms":[36]', b'"terms":[36,36]'),
        (b'"terms":[36]', b'"terms":[]'),
        (b'"clearing_point":[0,1]', b'"clearing_point":[0,0]'),
        (b'"clearing_point":[0,1]', b'"clearing_point":[1,2]'),
    ],
)
def test_rules_from_outside_are_checked(old: bytes, new: bytes) -> None:
    payload = COMMANDS.encode(OpenJournal(rules=Rules(grades=("A",), terms=(36,))), 0)
    assert payload.count(old) == 1
    with pytest.raises(P2PMatchError):
        COMMANDS.decode(payload.replace(old, new), 0)


def test_an_offer_read_from_a_journal_cannot_be_changed_under_the_book() -> None:
    first = Marketplace(Rules(grades=("A",), terms=(36,)))
    post = commands.PostOffer(offer=offer("o", "ann", 5, 5), now=0)
    again = COMMANDS.decode(COMMANDS.encode(post, 1), 1)
    first.post(again.offer, now=0)
    assert again == post
    with pytest.raises(InvalidValue):
        COMMANDS.decode(COMMANDS.encode(post, 1).replace(b"50000", b"99999999"), 1)
