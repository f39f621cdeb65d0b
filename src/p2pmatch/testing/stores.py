"""What every store of a journal must do, as tests that pytest collects."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from p2pmatch.entries import BEGINNING, Entry, Store, linked
from p2pmatch.errors import StoreFailed
from p2pmatch.journal import replay, verify
from p2pmatch.marketplace import Marketplace
from p2pmatch.orders import Offer, Request
from p2pmatch.rules import Rules

__all__ = ["StoreConformance", "chain"]


def chain(length: int, first: int = 0, previous: bytes = BEGINNING) -> list[Entry]:
    """Entries linked to each other; each third bears a command id."""
    entries: list[Entry] = []
    for seq in range(first, first + length):
        name = f"id{seq // 6}" if seq % 3 == 0 else None
        entry = linked(seq, previous, name, b'{"n":%d}' % seq, b"\x00\xff" * seq)
        previous = entry.hash
        entries.append(entry)
    return entries


class StoreConformance:
    """Subclass it in a test file, and say how a store is opened on a folder.

    A subclass whose `test_` methods all pass is a store that a marketplace can be kept in.

    Examples
    --------
    >>> from p2pmatch.stores import SqliteStore
    >>> class TestSqlite(StoreConformance):
    ...     def open_store(self, folder: Path) -> Store:
    ...         return SqliteStore(folder / "market.db")
    """

    #: Whether what is written can be opened again once the store is closed.
    outlives = True

    def open_store(self, folder: Path) -> Store:
        """A store on that folder: a new one, or the one that was closed there."""
        raise NotImplementedError

    def test_it_is_a_store(self, tmp_path: Path) -> None:
        """It has all methods, and begins empty: before anybody claims it, too."""
        store = self.open_store(tmp_path)
        assert isinstance(store, Store)
        for _ in range(2):
            assert list(store.read()) == []
            assert list(store.snapshots()) == []
            assert list(store.find("id0")) == []
            store.claim()
        store.close()

    def test_what_was_appended_is_read_back_in_order(self, tmp_path: Path) -> None:
        """Bytes as they were, from any number on, while and after more is written."""
        store = self.open_store(tmp_path)
        store.claim()
        entries = chain(20)
        store.append(entries[:1], 0)
        store.append(entries[1:9], 1)
        reading: Iterator[Entry] = store.read(2)
        assert next(reading) == entries[2]
        store.append(entries[9:], 9)
        assert list(store.read()) == entries
        assert list(store.read(7)) == entries[7:]
        assert list(store.read(20)) == []
        store.close()

    def test_commands_are_found_by_their_ids(self, tmp_path: Path) -> None:
        """All entries of an id, in order; ids are told apart to the letter."""
        store = self.open_store(tmp_path)
        store.claim()
        entries = chain(20)
        odd = linked(20, entries[-1].hash, "ID0 'é\u4e2d\U0001f600", b"{}", b"[]")
        store.append([*entries, odd], 0)
        assert list(store.find("id0")) == [entries[0], entries[3]]
        assert list(store.find(str(odd.command_id))) == [odd]
        assert list(store.find("id")) == []
        assert list(store.find("ID0")) == []
        store.close()

    def test_an_unexpected_number_changes_nothing(self, tmp_path: Path) -> None:
        """Whoever does not know the last entry may not write."""
        store = self.open_store(tmp_path)
        store.claim()
        entries = chain(6)
        store.append(entries[:3], 0)
        for wrong in (0, 2, 4):
            _raises("store_moved_on", partial(store.append, entries[3:], wrong))
            assert list(store.read()) == entries[:3]
        store.append(entries[3:], 3)
        assert list(store.read()) == entries
        store.close()

    def test_snapshots_are_kept_the_two_newest_at_least(self, tmp_path: Path) -> None:
        """In pieces of any size, none included; a later one of the same number takes its place."""
        store = self.open_store(tmp_path)
        store.claim()
        store.append(chain(9), 0)
        pieces = [b"", b"one", bytes(range(256)) * 5_000]
        store.put_snapshot(3, [b"three"])
        store.put_snapshot(5, [b"five"])
        store.put_snapshot(8, [b"half"])
        store.put_snapshot(8, pieces)
        assert list(store.snapshots())[:2] == [8, 5]
        assert list(store.snapshot(8)) == pieces
        assert list(store.snapshot(5)) == [b"five"]
        _raises("store_failed", lambda: store.snapshot(4))
        store.close()

    def test_what_is_kept_outlives_the_store(self, tmp_path: Path) -> None:
        """Entries and snapshots are there when it is opened again."""
        if not self.outlives:
            return
        store = self.open_store(tmp_path)
        store.claim()
        store.append(chain(5), 0)
        store.put_snapshot(4, [b"four"])
        store.close()
        store = self.open_store(tmp_path)
        assert list(store.read()) == chain(5)
        assert list(store.snapshot(4)) == [b"four"]
        store.claim()
        store.append(chain(1, 5, chain(5)[-1].hash), 5)
        store.close()

    def test_there_is_one_writer_at_a_time(self, tmp_path: Path) -> None:
        """A second one is told at once; readers are not in the way; the place is free after it."""
        if not self.outlives:
            return
        first = self.open_store(tmp_path)
        first.claim()
        first.claim()
        first.append(chain(1), 0)
        second = self.open_store(tmp_path)
        _raises("store_locked", second.claim)
        _raises("store_locked", lambda: second.append(chain(1), 0))
        assert list(second.read()) == chain(1)
        first.close()
        second.claim()
        second.close()

    def test_a_marketplace_is_kept(self, tmp_path: Path) -> None:
        """The whole way: written, snapshotted, opened again, replayed and verified."""
        rules = Rules(grades=("A",), terms=(36,))
        store = self.open_store(tmp_path)
        market = Marketplace.open(store, rules)
        for number in range(9):
            offer = Offer(
                offer_id=f"o{number}", lender_id="ann", amount=100 + number, min_rate=50_000
            )
            market.post(offer, now=number, command_id=f"post {number}")
        market.snapshot()
        request = Request(
            request_id="r", borrower_id="bob", amount=250, max_rate=90_000, grade="A", term=36
        )
        first = market.submit(request, now=9, command_id="ask")
        digest = market.digest()
        if self.outlives:
            store.close()
            store = self.open_store(tmp_path)
        market = Marketplace.open(store, rules)
        assert market.digest() == digest
        assert market.submit(request, now=10, command_id="ask") == first
        assert replay(store, upto=9).now == 8
        assert verify(store).digest == market.digest() == digest
        store.close()


def _raises(code: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except StoreFailed as failure:
        assert failure.code == code, f"{failure.code}, not {code}"  # noqa: PT017 - no pytest here
    else:
        raise AssertionError(f"nothing was refused; accepted: StoreFailed({code!r})")
