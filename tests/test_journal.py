"""A journal: opened, replayed, verified; and everything that can be done to one is found."""

import warnings
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import attrs
import numpy as np
import pytest

from p2pmatch import (
    Fees,
    InvalidValue,
    Level,
    Limits,
    Marketplace,
    Offer,
    P2PMatchError,
    Posted,
    Refused,
    Request,
    Rules,
    snapshots,
)
from p2pmatch.entries import Entry, linked
from p2pmatch.errors import StoreFailed
from p2pmatch.journal import DamagedSnapshot, Opened, replay, verify
from p2pmatch.snapshots import LAYOUT
from p2pmatch.stores import MemoryStore
from p2pmatch.wire import EVENTS
from tests.helpers import offer, refusal_of, request

RULES = Rules(grades=("A",), terms=(36,))


class Numbered(MemoryStore):
    """Reads from a number on, as a store has to, and from nothing else."""

    def read(self, first: int = 0) -> Iterator[Entry]:
        assert type(first) is int
        return super().read(first)


def kept(snapshots: bool = False) -> tuple[MemoryStore, list[str]]:
    """Twelve commands and the digests after each entry."""
    store = Numbered()
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


def test_an_entry_may_be_numbered_by_numpy() -> None:
    store, digests = kept()
    assert replay(store, upto=np.int64(2)).digest() == digests[2]  # type: ignore[arg-type]


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
    monkeypatch.setattr("p2pmatch.snapshots.LAYOUT", LAYOUT + 1)
    with pytest.warns(DamagedSnapshot, match="layout"):
        assert Marketplace.open(store, RULES).digest() == digests[-1]


def test_a_journal_with_a_snapshot_of_another_layout_is_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, digests = kept(snapshots=True)
    monkeypatch.setattr("p2pmatch.snapshots.LAYOUT", LAYOUT + 1)
    assert verify(store).digest == digests[-1]
    entry = store.entries[-1]
    store.entries[-1] = attrs.evolve(entry, events=entry.events[:-1])
    with pytest.raises(StoreFailed):
        verify(store)


def test_a_journal_with_a_damaged_snapshot_is_not_sound() -> None:
    store, _ = kept(snapshots=True)
    store.pieces[7].pop()
    with pytest.raises(StoreFailed, match="the hash of its pieces"):
        verify(store)


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
    """Amendments that no offer could take are refused before anything is written."""
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
        assert len(store.entries) == before
    assert verify(store).digest == digests[-1]


# What is said


def test_opening_says_what_is_wrong() -> None:
    store, _ = kept()
    assert [
        refusal_of(lambda: Marketplace.open("market.db", RULES)),  # type: ignore[arg-type]
        refusal_of(lambda: Marketplace.open(MemoryStore())),
        refusal_of(lambda: Marketplace.open(MemoryStore(), "mine")),  # type: ignore[arg-type]
        refusal_of(lambda: Marketplace.open(store, attrs.evolve(RULES, increment=5))),
        refusal_of(lambda: replay("market.db")),  # type: ignore[arg-type]
        refusal_of(lambda: verify(None)),  # type: ignore[arg-type]
        refusal_of(lambda: replay(MemoryStore())),
        refusal_of(lambda: replay(store, upto=-1)),
        refusal_of(lambda: replay(store, upto="1")),  # type: ignore[arg-type]
        refusal_of(lambda: replay(store, upto=1.5)),  # type: ignore[arg-type]
        refusal_of(lambda: replay(store, upto=13)),
    ] == [
        "store: 'market.db' has the wrong type; accepted: a Store, such as SqliteStore('market.db')",
        "rules: None has the wrong type; accepted: Rules(...), for an empty store",
        "rules: 'mine' has the wrong type; accepted: Rules(...), for an empty store",
        "rules.increment: 5 is not the rule under which the journal was kept; accepted: 1",
        "store: 'market.db' has the wrong type; accepted: a Store, such as SqliteStore('market.db')",
        "store: None has the wrong type; accepted: a Store, such as SqliteStore('market.db')",
        "store: <MemoryStore: 0 entries> is not a journal that this release reads; accepted: a begun one",
        "upto: -1 is negative; accepted: the number of an entry",
        "upto: '1' has the wrong type; accepted: the number of an entry",
        "upto: 1.5 has the wrong type; accepted: the number of an entry",
        "upto: 13 is too large; accepted: at most the last entry's, 12",
    ]


def cut(store: MemoryStore) -> str:
    del store.entries[4]
    return "entry 4: 'entry 5' is not what was written; accepted: the entry of number 4"


def beheaded(store: MemoryStore) -> str:
    first = b'{"kind":"advance_time","v":1,"seq":0,"data":{"now":1}}'
    store.entries = relinked(store.entries, 0, command=first)
    return "entry 0: 'AdvanceTime' is not what was written; accepted: the rules"


def unhinged(store: MemoryStore) -> str:
    store.entries[4] = attrs.evolve(store.entries[4], previous=bytes(32))
    return (
        f"entry 4.previous: '{bytes(32).hex()}' is not what was written; "
        f"accepted: the hash of the entry before, {store.entries[3].hash.hex()}"
    )


def edited(store: MemoryStore) -> str:
    entry = store.entries[4] = attrs.evolve(store.entries[4], events=b"[]")
    return (
        f"entry 4: '{entry.own_hash().hex()}' is not what was written; "
        f"accepted: content of hash {entry.hash.hex()}"
    )


@pytest.mark.parametrize("harm", [cut, beheaded, unhinged, edited])
@pytest.mark.parametrize("call", [verify, replay])
def test_a_broken_chain_is_told_by_what_stands_there_and_what_should(
    harm: Callable[[MemoryStore], str], call: Callable[[MemoryStore], Any]
) -> None:
    store, _ = kept()
    said = harm(store)
    assert refusal_of(lambda: call(store)) == said


def rules_again(store: MemoryStore) -> str:
    rules = store.entries[0].command.replace(b'"seq":0', b'"seq":3')
    store.entries = relinked(store.entries, 3, command=rules)
    return "entry 3: 'open_journal' is not what was written; accepted: a command"


def gibberish(store: MemoryStore) -> str:
    store.entries = relinked(store.entries, 3, command=b"?")
    return (
        "entry 3: \"record: b'?' cannot be read; accepted: JSON (JSON is malformed: invalid char... "
        "is not what was written; accepted: a command that can be read"
    )


def decided_otherwise(store: MemoryStore) -> str:
    events = store.entries[3].events
    store.entries = relinked(store.entries, 3, events=b"\xff" * 1_001)
    shown = "\N{REPLACEMENT CHARACTER}" * 76
    return (
        f"entry 3: '{shown}... is not what the command leads to; accepted: {events.decode()[:1000]}"
    )


def cut_off(store: MemoryStore) -> str:
    store.entries = store.entries[:6]
    return "entry 6: 'missing' is not what was written; accepted: entries up to 7"


def another_snapshot(store: MemoryStore) -> str:
    market = Marketplace(RULES)
    market.post(Offer(offer_id="x", lender_id="x", amount=1, min_rate=1), now=0)
    digest = replay(store, upto=7).digest()
    store.pieces[7] = snapshots.take(market._state, store.entries[7].hash)
    return f"snapshot 7: '{market.digest()}' is not what was written; accepted: digest {digest}"


@pytest.mark.parametrize(
    "harm", [rules_again, gibberish, decided_otherwise, cut_off, another_snapshot]
)
def test_what_is_verified_is_told_by_what_stands_there_and_what_should(
    harm: Callable[[MemoryStore], str],
) -> None:
    store, _ = kept(snapshots=True)
    said = harm(store)
    assert refusal_of(lambda: verify(store)) == said


def test_a_head_that_is_not_there_is_told() -> None:
    store, _ = kept()
    other = "ab" * 32
    assert refusal_of(lambda: verify(store, head=other)) == (
        f"head: '{store.entries[-1].hash.hex()}' is not what was written; "
        f"accepted: a journal that contains {other}"
    )


@pytest.mark.parametrize("head", ["", "ab", "AB" * 32, "xy" * 32, "X" * 64, 5])
def test_what_cannot_be_a_head_is_refused(head: Any) -> None:
    store, _ = kept()
    with pytest.raises(InvalidValue, match="accepted: the 64 hexadecimal digits") as refused:
        verify(store, head=head)
    assert (refused.value.field, refused.value.value) == ("head", head)


def test_what_was_written_and_what_comes_of_it_are_shown_as_far_as_they_matter() -> None:
    store, _ = kept()
    forged = b"[" + b" " * 998 + b"x]"
    store.entries = relinked(store.entries, 3, events=forged)
    assert fails("not_recomputed", "entry 3", lambda: verify(store)).value == forged[:1000].decode()


def test_a_snapshot_that_is_passed_over_is_told_with_the_reason() -> None:
    store, _ = kept(snapshots=True)
    store.entries = store.entries[:6]
    with pytest.warns(DamagedSnapshot) as told:
        market = Marketplace.open(store)
    why = "snapshot: 7 is not what was written; accepted: a number that the journal has reached"
    assert [str(one.message) for one in told] == [f"snapshot 7 is not used: {why}"]
    assert market.opened == Opened(snapshot=4, replayed=1, damaged=((7, why),))


@pytest.mark.parametrize("read", [Marketplace.open, replay])
def test_the_warning_names_the_line_that_asked(read: Callable[[MemoryStore], object]) -> None:
    store, _ = kept(snapshots=True)
    store.entries = store.entries[:6]
    with pytest.warns(DamagedSnapshot) as told:
        read(store)
    assert told[0].filename == __file__


@pytest.mark.parametrize(("upto", "passed_over"), [(7, 7), (6, 4)])
def test_what_is_replayed_up_to_an_entry_begins_at_the_newest_snapshot_that_is_not_beyond_it(
    upto: int, passed_over: int
) -> None:
    store, digests = kept(snapshots=True)
    store.pieces[passed_over][-1] = bytes(32)
    with pytest.warns(DamagedSnapshot, match=f"snapshot {passed_over} is not used"):
        assert replay(store, upto=upto).digest() == digests[upto]


def test_a_journal_begins_with_the_rules_and_no_event() -> None:
    store, _ = kept()
    assert (store.entries[0].command_id, store.entries[0].events) == (None, b"[]")


def test_a_snapshot_of_the_rules_alone_is_verified() -> None:
    store = MemoryStore()
    market = Marketplace.open(store, RULES)
    market.snapshot()
    market.advance(1)
    assert Marketplace.open(store).opened == Opened(snapshot=0, replayed=1, damaged=())
    assert verify(store).entries == 2
    assert replay(store, upto=0).now is None


class Shouted(str):
    """Text that is shown as something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


class Grade(StrEnum):
    """Grades as an enumeration, and one that takes the names of its members for what they are."""

    SAFE = "A"
    RISKY = "B"


@pytest.mark.parametrize("kind", [str, np.str_, Shouted])
def test_any_kind_of_text_is_kept_as_text(kind: Callable[[str], str]) -> None:
    plain, other = MemoryStore(), MemoryStore()
    heads = []
    for store, text, grades in (
        (plain, str, ("A", "B")),
        (other, kind, (Grade.SAFE, Grade.RISKY) if kind is str else tuple(map(kind, "AB"))),
    ):
        safe, risky = grades
        rules = Rules(
            grades=grades,
            terms=[36],
            matching=text("immediate"),
            allocation=text("fifo"),
            pricing=Posted({(safe, 36): 9, (risky, 36): 20}),
            fees=Fees(paid=text("up_front")),
        )
        market = Marketplace.open(store, rules)
        market.post(
            Offer(
                offer_id=text("o"),
                lender_id=text("ann"),
                amount=900,
                min_rate={safe: 5, risky: 7},
                requires=[text("x")],
            ),
            now=0,
        )
        market.post_many(
            {
                "offer_id": [text("p"), text("q")],
                "lender_id": [text("ann"), text("ben")],
                "amount": [50, 60],
                "min_rate": [3, 4],
                "grades": [safe, (safe, risky)],
                "refuses": [(text("y"),), text("z|y")],
            },
            now=0,
        )
        market.set_lender_limits(text("ann"), Limits(total=800), now=1)
        market.declare_group(text("bob"), [text("ben"), text("bea")], now=1)
        asked = {
            "request_id": [text("r")],
            "borrower_id": [text("bob")],
            "amount": [300],
            "max_rate": [50],
            "grade": [safe],
            "term": [36],
            "tags": [text("x")],
        }
        market.submit_many(asked, now=2)
        single = Request(
            request_id=text("s"), borrower_id=text("bea"), amount=200, max_rate=50, grade=risky,
            term=36, tags={text("x")},
        )  # fmt: skip
        market.submit(single, now=2, command_id=text("c"))
        market.repay(text("r"), 20, now=3)
        market.cancel(text("o"), now=4)
        assert replay(store).digest() == market.digest()
        heads.append((market.digest(), list(store.read())[-1].hash))
    assert heads[0] == heads[1]
