"""A snapshot is the whole memory: what was, what is, and what will be decided because of it."""

import pickle
from collections.abc import Callable
from copy import copy, deepcopy

import pytest

from p2pmatch import Limits, Marketplace, Rules, snapshots
from p2pmatch.errors import StoreFailed
from p2pmatch.events import Event, LoanMade, LoansMade
from p2pmatch.pricing import Midpoint
from p2pmatch.snapshots import restore, take
from p2pmatch.stores import MemoryStore
from p2pmatch.time_in_force import Auction, Listing
from tests.helpers import offer, request

HEAD = bytes(range(32))
RULES = Rules(grades=("A",), terms=(36,))
CALL = Rules(grades=("A",), terms=(36,), matching="call")


def again(market: Marketplace) -> Marketplace:
    """The marketplace that a snapshot gives."""
    restored = Marketplace.over(restore(take(market._state, HEAD), HEAD, market.rules))
    assert restored.digest() == market.digest()
    restored.check()
    return restored


def filled() -> Marketplace:
    """Some of everything."""
    market = Marketplace(RULES)
    for number in range(6):
        more = {"expires_at": 50} if number == 2 else {"max_per_loan": 40} if number == 3 else {}
        market.post(offer(f"o{number}", f"l{number % 2}", 100 + number, 5, **more), now=0)
    market.amend("o1", amount=150, now=1)
    market.amend("o2", amount=140, now=1)
    market.submit(request(120), now=2)
    market.repay("r1", 20, now=3)
    market.submit(request(60, request_id="r2"), now=4, hold_for=9)
    market.submit(request(900, request_id="r3"), now=5, time_in_force=Listing(40))
    market.submit(request(80, request_id="r4"), now=6, time_in_force=Auction(30), hold_for=5)
    return market


def test_an_empty_marketplace() -> None:
    assert list(again(Marketplace(RULES)).offers()) == []


def test_everything_is_there_and_goes_on_in_the_same_way() -> None:
    market = filled()
    restored = again(market)
    assert list(restored.offers()) == list(market.offers())
    assert list(restored.requests()) == list(market.requests())
    assert restored.exposure("l0") == market.exposure("l0")
    assert restored.offer("o1").amount == 150
    assert restored.advance(60) == market.advance(60)
    assert restored.digest() == market.digest()
    with pytest.raises(ValueError, match="already used"):
        restored.post(offer("o1", "x", 1, 1), now=60)


def pickled(market: Marketplace) -> Marketplace:
    there: Marketplace = pickle.loads(pickle.dumps(market))  # noqa: S301 - our own
    return there


@pytest.mark.parametrize("copied", [Marketplace.copy, copy, deepcopy, pickled])
def test_a_copy_goes_its_own_way(copied: Callable[[Marketplace], Marketplace]) -> None:
    market = filled()
    heard: list[Event] = []
    market.subscribe(heard.append)
    before = market.digest()
    other = copied(market)
    assert (other.digest(), other.rules, other.opened) == (before, market.rules, None)
    other.cancel("o0", now=7)
    other.post(offer("mine", "ann", 500, 4), now=8)
    assert (market.digest(), heard) == (before, [])
    assert other.digest() != before
    other.check()
    assert "mine" not in {status.offer_id for status in market.offers()}


def test_a_copy_of_what_is_kept_is_kept_nowhere() -> None:
    store = MemoryStore()
    market = Marketplace.open(store, RULES)
    market.post(offer("o", "ann", 10, 5), now=0)
    other = market.copy()
    other.cancel("o", now=1)
    assert (len(list(store.read())), other.opened) == (2, None)
    assert market.offer("o").state == "standing"


def test_a_copy_has_the_rules_of_ones_own_too() -> None:
    class Mine(Midpoint):
        pass

    rules = Rules(grades=("A",), terms=(36,), pricing=Mine())
    assert Marketplace(rules).copy().rules is rules


def test_limits_that_were_taken_away_have_left_their_trace() -> None:
    """A cell in which nothing ever limited is cleared in one event, any other in one for each."""
    for limits in (None, Limits(per_loan=90)):
        market = Marketplace(CALL)
        market.post(offer("o1", "ann", 100, 5), now=0)
        if limits is not None:
            market.set_lender_limits("ann", limits, now=0)
            market.set_lender_limits("ann", Limits(), now=0)
        market.submit(request(50), now=1)
        restored = again(market)
        heard: list[list[type]] = [[], []]
        for book, kinds in zip((market, restored), heard, strict=True):
            book.subscribe(lambda event, kinds=kinds: kinds.append(type(event)))
            book.uncross("A", 36, now=2)
        assert heard[0] == heard[1]
        assert (LoansMade if limits is None else LoanMade) in heard[0]


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    market = filled()
    pieces = take(market._state, HEAD)
    for number, piece in enumerate(pieces):
        for at in {0, len(piece) // 2, len(piece) - 1} & set(range(len(piece))):
            changed = bytearray(piece)
            changed[at] ^= 4
            broken = [*pieces[:number], bytes(changed), *pieces[number + 1 :]]
            with pytest.raises(StoreFailed) as failed:
                restore(broken, HEAD, RULES)
            assert failed.value.code == "damaged"


@pytest.mark.parametrize(
    "change",
    [
        lambda held: [b"{}"],
        lambda held: [b"[]"],
        lambda held: [b"no JSON", *held[1:]],
        lambda held: [held[0].replace(b'"arrivals":', b'"arrivals_":'), *held[1:]],
        lambda held: held[:-1],
        lambda held: [*held[:-1], held[-1] + b"12345"],
    ],
)
def test_what_somebody_else_has_sealed_is_noticed(
    change: Callable[[list[bytes]], list[bytes]],
) -> None:
    held = change(take(filled()._state, HEAD)[:-1])
    with pytest.raises(StoreFailed) as failed:
        restore([*held, snapshots._hash(held)], HEAD, RULES)
    assert failed.value.code == "damaged"


def test_pieces_that_are_lost_doubled_or_moved_are_noticed() -> None:
    pieces = take(filled()._state, HEAD)
    for broken in (
        [],
        pieces[:-1],
        pieces[1:],
        [*pieces, b""],
        [pieces[1], pieces[0], *pieces[2:]],
    ):
        with pytest.raises(StoreFailed):
            restore(broken, HEAD, RULES)
    with pytest.raises(StoreFailed):
        restore(pieces, bytes(32), RULES)


def test_columns_of_equal_numbers_are_short() -> None:
    market = Marketplace(RULES)
    size = sum(map(len, take(market._state, HEAD)))
    names = [f"o{number}" for number in range(1_000)]
    columns = {"offer_id": names, "lender_id": names, "amount": [5] * 1_000}
    market.post_many({**columns, "min_rate": [7] * 1_000}, now=0)
    grown = sum(map(len, take(again(market)._state, HEAD))) - size
    # The ids, twice; the lenders' numbers; the ladder's slots.
    assert grown < 2 * sum(map(len, names)) + 2_000 + 9 * 1_000
