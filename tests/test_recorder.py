"""Written before it is answered, once for each id, and never after a failure."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from p2pmatch import (
    BorrowerLimits,
    Limits,
    Listing,
    Marketplace,
    P2PMatchError,
    Refused,
    Rules,
    UnknownName,
)
from p2pmatch.entries import Entry
from p2pmatch.errors import InvalidValue, InvariantError, StoreFailed
from p2pmatch.journal import verify
from p2pmatch.stores import MemoryStore
from tests.helpers import offer, refusal_of, request

RULES = Rules(grades=("A",), terms=(36,))
CALL = Rules(grades=("A",), terms=(36,), matching="call")


class FullDisk(MemoryStore):
    """Fails when it is told to; perhaps only after it has written all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.writes_all_the_same = False
        self.appends: list[int] = []

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        if self.full and not self.writes_all_the_same:
            raise StoreFailed("store_failed", "store", "disk", "a disk with room")
        super().append(entries, expected)
        self.appends.append(len(entries))
        if self.full:
            raise StoreFailed("store_failed", "store", "disk", "a disk that can be synced")


def opened(rules: Rules = RULES) -> tuple[FullDisk, Marketplace]:
    store = FullDisk()
    return store, Marketplace.open(store, rules)


# Failures


@pytest.mark.parametrize("written", [False, True])
def test_after_a_failed_write_everything_is_refused_until_it_is_opened_again(written: bool) -> None:
    store, market = opened()
    market.post(offer("o1", "ann", 100, 5), now=0)
    heard: list[Any] = []
    market.subscribe(heard.append)
    digest = market.digest()
    store.full, store.writes_all_the_same = True, written
    with pytest.raises(StoreFailed) as failed:
        market.post(offer("o2", "ann", 100, 5), now=1)
    assert failed.value.code == "store_failed"
    assert heard == []
    store.full = False
    calls: list[Callable[[], Any]] = [
        lambda: market.post(offer("o3", "ann", 100, 5), now=2),
        lambda: market.post(offer("o1", "ann", 100, 5), now=2, command_id="x"),
        lambda: market.advance(2),
        lambda: market.quote(request(10), now=2),
        lambda: market.offer("o1"),
        lambda: market.ladder("A", 36),
        lambda: market.now,
        market.digest,
        market.check,
        market.snapshot,
        lambda: market.batch().__enter__(),
    ]
    for call in calls:
        with pytest.raises(StoreFailed) as refused:
            call()
        assert refused.value.code == "reopen_first"
    assert refusal_of(lambda: market.advance(2)) == (
        "marketplace: 'its memory' may be ahead of the journal; "
        "accepted: Marketplace.open(store), which reads back what is kept"
    )
    again = Marketplace.open(store, RULES)
    assert len(list(again.offers())) == 1 + written
    assert (again.digest() == digest) is not written
    again.post(offer("o4", "ann", 100, 5), now=2)
    assert verify(store).digest == again.digest()


def test_a_bug_in_the_middle_of_a_command_stops_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store, market = opened()
    market.post(offer("o1", "ann", 100, 5), now=0)

    def broken(*_: object) -> None:
        raise InvariantError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("p2pmatch.perform.apply", broken)
        with pytest.raises(InvariantError):
            market.cancel("o1", now=1)
    with pytest.raises(StoreFailed):
        market.cancel("o1", now=1)
    assert len(store.entries) == 2
    assert Marketplace.open(store).cancel("o1", now=1) == 100


def test_a_writer_left_behind_is_found_out() -> None:
    store, old = opened()
    new = Marketplace.open(store, RULES)
    new.advance(1)
    with pytest.raises(StoreFailed) as refused:
        old.advance(2)
    assert refused.value.code == "store_moved_on"
    new.advance(3)
    assert verify(store).entries == 3


def test_a_command_too_large_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pmatch.recorder.MAX_ENTRY", 300)
    _, market = opened()
    digest = market.digest()
    with pytest.raises(InvalidValue) as refused:
        market.declare_group("b", {f"{i}" * 90 for i in range(9)}, now=1)
    assert refused.value.code == "too_large"
    assert refusal_of(lambda: market.declare_group("b", {"x" * 200, "y" * 200}, now=1)) == (
        "DeclareGroup: 491 is too large; accepted: at most 300 bytes"
    )
    assert market.digest() == digest
    monkeypatch.setattr("p2pmatch.recorder.MAX_ENTRY", 491)
    market.declare_group("b", {"x" * 200, "y" * 200}, now=1)


# Batches


def test_a_batch_is_written_at_one_go() -> None:
    store, market = opened()
    with market.batch():
        market.post(offer("o1", "ann", 100, 5), now=0)
        with market.batch():
            market.post(offer("o2", "ann", 100, 5), now=0, command_id="two")
        assert len(store.entries) == 1
        # An id is known before it is written.
        market.post(offer("o2", "ann", 100, 5), now=0, command_id="two")
        assert refusal_of(market.snapshot) == (
            "snapshot: 2 is inside a batch; accepted: a snapshot after the batch"
        )
    assert store.appends == [1, 2]
    with market.batch():
        pass
    assert store.appends == [1, 2]


def test_what_was_done_before_an_exception_is_written() -> None:
    store, market = opened()
    with suppress(UnknownName), market.batch():
        market.post(offer("o1", "ann", 100, 5), now=0)
        market.cancel("nobody", now=0)
    assert store.appends == [1, 2]
    assert Marketplace.open(store).digest() == market.digest()


def test_a_batch_that_cannot_be_written_stops_it() -> None:
    store, market = opened()
    store.full = True
    with pytest.raises(StoreFailed), market.batch():
        market.post(offer("o1", "ann", 100, 5), now=0)
    with pytest.raises(StoreFailed) as refused:
        market.digest()
    assert refused.value.code == "reopen_first"


def test_a_batch_without_a_store_does_nothing() -> None:
    market = Marketplace(RULES)
    with market.batch():
        market.post(offer("o1", "ann", 100, 5), now=0)
    assert len(list(market.offers())) == 1


def test_many_requests_are_one_entry() -> None:
    store, market = opened()
    market.post(offer("o1", "ann", 1_000, 5), now=0)
    market.submit_many(columns(5), now=1)
    assert store.appends == [1, 1, 1]


def columns(rows: int, name: str = "r") -> dict[str, list[Any]]:
    return {
        "request_id": [f"{name}{row}" for row in range(rows)],
        "borrower_id": ["bob"] * rows,
        "amount": [30] * rows,
        "max_rate": [90_000] * rows,
        "grade": ["A"] * rows,
        "term": [36] * rows,
    }


# Ids of commands

Call = Callable[[Marketplace, int, str], Any]
#: One sound call of each kind, in an order in which each is accepted.
CALLS: list[tuple[str, Call]] = [
    ("post", lambda m, now, i: m.post(offer("o1", "ann", 900, 5), now=now, command_id=i)),
    (
        "post_many",
        lambda m, now, i: m.post_many(
            {
                "offer_id": ["x", "y"],
                "lender_id": ["x", "y"],
                "amount": [500, 6],
                "min_rate": [1, 2],
            },
            now=now,
            command_id=i,
        ),
    ),
    ("amend", lambda m, now, i: m.amend("o1", amount=950, now=now, command_id=i)),
    ("cancel", lambda m, now, i: m.cancel("y", now=now, command_id=i)),
    ("submit", lambda m, now, i: m.submit(request(300), now=now, command_id=i)),
    ("submit_many", lambda m, now, i: m.submit_many(columns(3, "m"), now=now, command_id=i)),
    (
        "rest",
        lambda m, now, i: m.submit(
            request(5_000, request_id="r2"), now=now, time_in_force=Listing(99), command_id=i
        ),
    ),
    ("withdraw", lambda m, now, i: m.withdraw("r2", now=now, command_id=i)),
    (
        "hold",
        lambda m, now, i: m.submit(
            request(40, request_id="r3"), now=now, hold_for=50, command_id=i
        ),
    ),
    ("accept", lambda m, now, i: m.accept("r3", now=now, command_id=i)),
    (
        "hold again",
        lambda m, now, i: m.submit(
            request(40, request_id="r4"), now=now, hold_for=50, command_id=i
        ),
    ),
    ("decline", lambda m, now, i: m.decline("r4", now=now, command_id=i)),
    ("advance", lambda m, now, i: m.advance(now, command_id=i)),
    (
        "set_lender_limits",
        lambda m, now, i: m.set_lender_limits("ann", Limits(total=5_000), now=now, command_id=i),
    ),
    (
        "set_borrower_limits",
        lambda m, now, i: m.set_borrower_limits(
            "bob", BorrowerLimits(total=9_000), now=now, command_id=i
        ),
    ),
    ("declare_group", lambda m, now, i: m.declare_group("bob", {"x"}, now=now, command_id=i)),
    ("repay", lambda m, now, i: m.repay("r1", 10, now=now, command_id=i)),
    ("refused", lambda m, now, i: m.post(offer("o1", "ann", 900, 5), now=now, command_id=i)),
]


def outcome(call: Call, market: Marketplace, now: int, command_id: str) -> Any:
    try:
        return call(market, now, command_id)
    except P2PMatchError as refusal:
        return str(refusal)


def test_every_call_again_gives_the_first_answer_and_changes_nothing() -> None:
    store, market = opened()
    heard: list[Any] = []
    answers = []
    for now, (name, call) in enumerate(CALLS):
        answers.append(outcome(call, market, now, name))
    assert sum(isinstance(answer, str) for answer in answers) == 1
    digest, entries = market.digest(), len(store.entries)
    for _ in range(2):
        market.subscribe(heard.append)
        for now, (name, call) in enumerate(CALLS):
            # Later, as whoever asks again does.
            assert outcome(call, market, now + 1_000, name) == answers[now], name
        assert (market.digest(), len(store.entries), heard) == (digest, entries, [])
        market = Marketplace.open(store, RULES)
    assert verify(store).digest == digest


def test_uncross_again_gives_the_first_answer() -> None:
    _, market = opened(CALL)
    market.post(offer("o1", "ann", 100, 5), now=0)
    market.submit(request(100), now=1)
    first = market.uncross("A", 36, now=2, command_id="call")
    assert first.volume == 100
    assert market.uncross("A", 36, now=3, command_id="call") == first
    assert market.now == 2


def test_an_id_of_another_command_is_refused() -> None:
    store, market = opened()
    for now, (name, call) in enumerate(CALLS):
        outcome(call, market, now, name)
    digest, entries = market.digest(), len(store.entries)
    assert refusal_of(lambda: market.cancel("o1", now=99, command_id="repay")) == (
        "command_id: 'repay' was given to another command; "
        "accepted: the command of entry 17 again, or a new id"
    )
    for call in (
        lambda: market.cancel("o1", now=99, command_id="post"),
        lambda: market.post(offer("o1", "ann", 901, 5), now=99, command_id="post"),
        lambda: market.repay("r1", 11, now=99, command_id="repay"),
        lambda: market.submit_many(columns(2, "m"), now=99, command_id="submit_many"),
        lambda: market.submit_many(columns(3), now=99, command_id="submit_many"),
        lambda: market.submit_many(columns(4, "m"), now=99, command_id="submit_many"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "command_id_reused"
    assert (market.digest(), len(store.entries)) == (digest, entries)


def test_no_requests_at_all_are_no_command() -> None:
    store, market = opened()
    market.advance(5)
    assert market.submit_many(columns(0), now=9, command_id="none") == []
    assert market.submit_many(columns(0), now=1, command_id="none") == []
    assert len(store.entries) == 2
    market.advance(6, command_id="six")
    with pytest.raises(Refused) as refused:
        market.submit_many(columns(0), now=9, command_id="six")
    assert refused.value.code == "command_id_reused"


@pytest.mark.parametrize("wrong", ["", "x" * 201, "a\n", 5])
def test_an_id_must_be_an_id(wrong: Any) -> None:
    _, market = opened()
    with pytest.raises(InvalidValue) as refused:
        market.advance(1, command_id=wrong)
    assert refused.value.field == "command_id"
    assert market.now is None


def test_without_a_store_there_is_nothing_to_remember_an_id_in() -> None:
    market = Marketplace(RULES)
    with pytest.raises(Refused) as refused:
        market.advance(1, command_id="x")
    assert refused.value.code == "no_journal"
    with pytest.raises(Refused):
        market.submit_many(columns(1), now=1, command_id="x")
    assert market.opened is None
