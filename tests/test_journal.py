"""A journal: opened, replayed, verified; and everything that can be done to one is found."""

import warnings
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from p2pmatch import (
    InvalidValue,
    Level,
    Limits,
    Marketplace,
    Offer,
    P2PMatchError,
    Posted,
    Refused,
    Rules,
    snapshots,
)
from p2pmatch.entries import Entry, linked
from p2pmatch.errors import StoreFailed
from p2pmatch.journal import DamagedSnapshot, Opened, replay, verify
from p2pmatch.stores import MemoryStore
from p2pmatch.wire import EVENTS
from tests.helpers import offer, request

RULES = Rules(grades=("A",), terms=(36,))


def kept(snapshots: bool = False) -> tuple[MemoryStore, list[str]]:
    """Twelve commands and the digests after each entry."""
    store = MemoryStore()
    market = Marketplace.open(store, RULES)
    digests = [market.digest()]
    for number in range(9):
        market.post(offer(f"o{number}", f"l{number % 3}", 100, 5 + number % 2), now=number)
        digests.append(market.digest())
        if snapshots and number in (3, 6):
            market.snapshot()
    market.submit(request(450), now=9, command_id="ask")
    digests.append(market.digest())
    with pytest.raises(Refused):
        market.cancel("o1", now=1)
    digests.append(market.digest())
    market.repay("r1", 80, now=11)
    return store, [*digests, market.digest()]


def fails(code: str, field: str, call: Callable[[], Any]) -> StoreFailed:
    with pytest.raises(StoreFailed) as failed:
        call()
    assert (failed.value.code, failed.value.field) == (code, field)
    return failed.value


# Opening and replaying


@pytest.mark.parametrize("snapshots", [False, True])
def test_every_prefix_is_replayed(snapshots: bool) -> None:
    store, digests = kept(snapshots)
    for seq, digest in enumerate(digests):
        assert replay(store, upto=seq).digest() == digest
    assert replay(store).digest() == digests[-1]
    for wrong in (-1, len(digests)):
        with pytest.raises(InvalidValue, match="upto"):
            replay(store, upto=wrong)


def test_what_is_replayed_is_not_kept() -> None:
    store, _ = kept()
    past = replay(store, upto=3)
    past.advance(50)
    assert past.opened is None
    assert len(store.entries) == 13
    with pytest.raises(Refused) as refused:
        past.snapshot()
    assert refused.value.code == "no_journal"


def test_opening_says_how() -> None:
    store, digests = kept(snapshots=True)
    market = Marketplace.open(store)
    assert market.opened == Opened(snapshot=7, replayed=5, damaged=())
    assert market.rules == RULES
    assert market.digest() == digests[-1]
    market.snapshot()
    assert Marketplace.open(store, RULES).opened == Opened(snapshot=12, replayed=0, damaged=())


def test_a_damaged_snapshot_falls_back_to_the_one_before_and_then_to_the_whole() -> None:
    store, digests = kept(snapshots=True)
    store.pieces[7][-1] = bytes(32)
    with pytest.warns(DamagedSnapshot, match="snapshot 7"):
        market = Marketplace.open(store, RULES)
    assert market.opened is not None
    assert (market.opened.snapshot, market.opened.replayed) == (4, 8)
    assert [seq for seq, _ in market.opened.damaged] == [7]
    assert market.digest() == digests[-1]
    store.pieces[4].pop()
    with pytest.warns(DamagedSnapshot):
        market = Marketplace.open(store, RULES)
    assert market.opened is not None
    assert (market.opened.snapshot, market.opened.replayed) == (None, 12)
    assert market.digest() == digests[-1]


def test_a_snapshot_of_another_layout_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    store, digests = kept(snapshots=True)
    monkeypatch.setattr("p2pmatch.snapshots.LAYOUT", 2)
    with pytest.warns(DamagedSnapshot, match="layout"):
        assert Marketplace.open(store, RULES).digest() == digests[-1]


def test_a_snapshot_of_another_moment_is_not_taken() -> None:
    store, digests = kept(snapshots=True)
    store.pieces[7] = store.pieces[4]
    with pytest.warns(DamagedSnapshot, match="head"):
        market = Marketplace.open(store, RULES)
    assert market.digest() == digests[-1]


def test_a_snapshot_beyond_the_end_is_not_taken() -> None:
    store, digests = kept(snapshots=True)
    store.pieces[40] = store.pieces.pop(7)
    with pytest.warns(DamagedSnapshot, match="snapshot 40"):
        assert replay(store).digest() == digests[-1]


def test_other_rules_are_refused() -> None:
    store, _ = kept()
    for name, value in {
        "terms": (36, 12),
        "increment": 5,
        "allocation": "pro_rata",
        "pricing": Posted({("A", 36): 5}),
        "lender_limits": Limits(total=5),
    }.items():
        with pytest.raises(Refused) as refused:
            Marketplace.open(store, attrs.evolve(RULES, **{name: value}))
        assert (refused.value.code, refused.value.field) == ("other_rules", f"rules.{name}")


def test_an_empty_store_needs_rules() -> None:
    with pytest.raises(InvalidValue, match="rules"):
        Marketplace.open(MemoryStore())
    with pytest.raises(InvalidValue, match="store"):
        Marketplace.open("market.db", RULES)  # type: ignore[arg-type]


class Mine:
    """A rule of one's own."""

    def allocate(self, level: Level) -> Any:
        return np.zeros_like(level.rooms)


def test_a_rule_of_ones_own_cannot_be_kept() -> None:
    store = MemoryStore()
    with pytest.raises(InvalidValue) as refused:
        Marketplace.open(store, attrs.evolve(RULES, allocation=Mine()))
    assert (refused.value.code, refused.value.field) == ("own_rule", "allocation")
    assert store.entries == []


# What can be done to a journal


def test_a_sound_journal_is_verified() -> None:
    store, digests = kept(snapshots=True)
    found = verify(store)
    assert (found.entries, found.events, found.digest) == (13, 12, digests[-1])
    assert found.head == store.entries[-1].hash.hex()
    assert verify(store, head=store.entries[4].hash.hex()) == found


@pytest.mark.parametrize("seq", [0, 1, 6, 10, 11, 12])
@pytest.mark.parametrize("part", ["previous", "command", "events", "hash"])
def test_any_changed_byte_is_found_and_named(seq: int, part: str) -> None:
    store, _ = kept()
    content = bytearray(getattr(store.entries[seq], part))
    for at in {0, len(content) // 2, len(content) - 1}:
        changed = bytearray(content)
        changed[at] ^= 1
        broken = MemoryStore()
        broken.entries = list(store.entries)
        broken.entries[seq] = attrs.evolve(store.entries[seq], **{part: bytes(changed)})
        for call in (verify, replay):
            with pytest.raises(StoreFailed) as failed:
                call(broken)
            assert failed.value.code == "damaged"
            assert failed.value.field.startswith(f"entry {seq}")


def test_a_changed_id_is_found() -> None:
    store, _ = kept()
    store.entries[10] = attrs.evolve(store.entries[10], command_id="other")
    fails("damaged", "entry 10", lambda: verify(store))


def test_a_dropped_entry_is_found_and_named() -> None:
    for seq in range(1, 12):
        store, _ = kept()
        del store.entries[seq]
        fails("damaged", f"entry {seq}", lambda: verify(store))  # noqa: B023 - called here
        fails("damaged", f"entry {seq}", lambda: replay(store))  # noqa: B023
    store, _ = kept()
    del store.entries[0]
    fails("damaged", "entry 0", lambda: verify(store))


def test_a_swapped_entry_is_found_and_named() -> None:
    store, _ = kept()
    store.entries[4], store.entries[5] = store.entries[5], store.entries[4]
    fails("damaged", "entry 4", lambda: verify(store))


def test_a_repeated_entry_is_found_and_named() -> None:
    store, _ = kept()
    store.entries.insert(6, store.entries[5])
    fails("damaged", "entry 6", lambda: verify(store))


def test_an_end_cut_off_is_found_by_whoever_kept_the_head() -> None:
    store, _ = kept()
    head = verify(store).head
    del store.entries[9:]
    assert verify(store).entries == 9
    fails("damaged", "head", lambda: verify(store, head=head))


def test_an_end_cut_off_under_a_snapshot_is_found() -> None:
    store, _ = kept(snapshots=True)
    del store.entries[6:]
    fails("damaged", "entry 6", lambda: verify(store))


def relinked(entries: list[Entry], seq: int, **changes: Any) -> list[Entry]:
    """The chain with one entry changed and every hash made right again."""
    made: list[Entry] = []
    for entry in entries:
        changed = attrs.evolve(entry, **changes) if entry.seq == seq else entry
        previous = made[-1].hash if made else entry.previous
        made.append(
            linked(entry.seq, previous, changed.command_id, changed.command, changed.events)
        )
    return made


def test_events_that_are_not_what_the_command_leads_to_are_found_and_named() -> None:
    store, _ = kept()
    events = store.entries[10].events
    assert b'"amounts":[100,100,' in events
    forged = events.replace(b'"amounts":[100,100,', b'"amounts":[150,50,')
    store.entries = relinked(store.entries, 10, events=forged)
    failed = fails("not_recomputed", "entry 10", lambda: verify(store))
    assert "150" in str(failed.value)


def test_a_command_that_is_not_what_led_to_the_events_is_found_and_named() -> None:
    store, _ = kept()
    command = store.entries[2].command.replace(b'"amount":100', b'"amount":900')
    store.entries = relinked(store.entries, 2, command=command)
    fails("not_recomputed", "entry 2", lambda: verify(store))


@pytest.mark.parametrize(
    "command", [b"", b"{}", b"\xff", b"[1]", b'{"kind":"steal","v":1,"seq":3,"data":{}}']
)
def test_a_command_nobody_understands_is_named(command: bytes) -> None:
    store, _ = kept()
    store.entries = relinked(store.entries, 3, command=command)
    fails("damaged", "entry 3", lambda: verify(store))


def test_the_rules_stand_first_and_nowhere_else() -> None:
    store, _ = kept()
    rules = store.entries[0].command.replace(b'"seq":0', b'"seq":3')
    store.entries = relinked(store.entries, 3, command=rules)
    fails("damaged", "entry 3", lambda: verify(store))
    store, _ = kept()
    first = b'{"kind":"advance_time","v":1,"seq":0,"data":{"now":1}}'
    store.entries = relinked(store.entries, 0, command=first)
    fails("damaged", "entry 0", lambda: verify(store))


def test_a_snapshot_that_is_not_the_state_is_found() -> None:
    store, _ = kept(snapshots=True)
    market = Marketplace(RULES)
    market.post(Offer(offer_id="x", lender_id="x", amount=1, min_rate=1), now=0)
    store.pieces[7] = snapshots.take(market._state, store.entries[7].hash)
    fails("damaged", "snapshot 7", lambda: verify(store))


def test_refusals_are_in_the_journal() -> None:
    store, _ = kept()
    (refused,) = EVENTS.decode_all(store.entries[11].events, 11)
    assert (refused.code, refused.field, refused.value) == ("time_backwards", "now", 1)


def test_replay_does_not_decide_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that decides otherwise still gives the book that was."""
    store, digests = kept()

    def decide_otherwise(*_: object) -> None:
        raise AssertionError("replay decides nothing")

    monkeypatch.setattr("p2pmatch.perform.decide", decide_otherwise)
    assert replay(store).digest() == digests[-1]


def test_no_entry_is_written_without_being_understood_again() -> None:
    """Amendments of wrong types are refused before anything is written."""
    store, digests = kept()
    market = Marketplace.open(store, RULES)
    for wrong in (
        {"amount": 5.0},
        {"amount": None},
        {"grades": "A"},
        {"terms": {"x"}},
        {"min_rate": {}},
    ):
        before = len(store.entries)
        with warnings.catch_warnings(), pytest.raises(P2PMatchError):
            market.amend("o1", now=12, **wrong)  # type: ignore[arg-type]
        assert market.digest() == digests[-1]
        assert len(store.entries) - before == (wrong == {"min_rate": {}})
    assert verify(store).digest == digests[-1]
