"""The store in a SQLite file: what every store must do, and what can happen to a file."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from p2pmatch import Marketplace, Offer, Refused, Rules
from p2pmatch.errors import InvalidValue, StoreFailed
from p2pmatch.journal import DamagedSnapshot, replay, verify
from p2pmatch.stores import SqliteStore, Store
from p2pmatch.testing import StoreConformance
from p2pmatch.testing.stores import chain

RULES = Rules(grades=("A",), terms=(36,))


class TestSqliteStore(StoreConformance):
    def open_store(self, folder: Path) -> Store:
        return SqliteStore(folder / "a market's journal #1 50%.db")


def offer(number: int) -> Offer:
    return Offer(offer_id=f"o{number}", lender_id="ann", amount=100 + number, min_rate=50_000)


def filled(path: Path, offers: int = 50) -> str:
    """A journal of so many offers; its digest."""
    with SqliteStore(path) as store:
        market = Marketplace.open(store, RULES)
        for number in range(offers):
            market.post(offer(number), now=number)
        return market.digest()


@pytest.mark.parametrize("path", [None, 5, b"market.db"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidValue, match=r"path: .* has the wrong type"):
        SqliteStore(path)


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_what_sqlite_keeps_nowhere_is_kept_in_memory(path: str) -> None:
    with pytest.raises(InvalidValue, match=r"a file's path, or a MemoryStore\(\)"):
        SqliteStore(path)


def test_a_damaged_lock_is_told_from_one_that_is_held(tmp_path: Path) -> None:
    (tmp_path / "m.db-lock").write_bytes(b"garbage " * 200)
    with pytest.raises(StoreFailed) as failed:
        Marketplace.open(SqliteStore(tmp_path / "m.db"), RULES)
    assert (failed.value.code, failed.value.value) == ("store_failed", f"{tmp_path}/m.db-lock")


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none.db")
    assert list(store.read()) == []
    with pytest.raises(StoreFailed) as refused:
        replay(store)
    assert refused.value.code == "not_a_journal"
    store.close()
    store.close()
    assert list(tmp_path.iterdir()) == []
    assert repr(store) == f"SqliteStore('{tmp_path}/none.db')"


def test_a_closed_one_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with SqliteStore(path) as store:
        market = Marketplace.open(store, RULES)
    for call in (lambda: store.put_snapshot(0, [b""]), lambda: market.advance(60)):
        with pytest.raises(StoreFailed) as refused:
            call()
        assert refused.value.code == "store_closed"
    # Nobody holds it; and it can be opened again.
    other = SqliteStore(path)
    other.claim()
    other.close()
    Marketplace.open(store, RULES).advance(70)
    store.close()


def test_whoever_is_refused_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    without_rules, under_others = SqliteStore(path), SqliteStore(path)
    with pytest.raises(InvalidValue):
        Marketplace.open(without_rules)
    filled(path, 1)
    with pytest.raises(Refused, match="increment"):
        Marketplace.open(under_others, attrs.evolve(RULES, increment=5))
    market = Marketplace.open(SqliteStore(path), RULES)
    assert market.now == 0


def test_the_disk_is_synced_before_an_answer(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "market.db")
    store.claim()
    (mode,) = store._connection.execute("PRAGMA journal_mode").fetchone()
    (sync,) = store._connection.execute("PRAGMA synchronous").fetchone()
    assert (mode, sync) == ("wal", 2)
    store.close()


def test_what_a_killed_writer_left_is_synced_before_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the log, whole, and the disk may know nothing of it."""
    path, copy = tmp_path / "market.db", tmp_path / "copy.db"
    with SqliteStore(path) as store:
        Marketplace.open(store, RULES).post(offer(1), now=1, command_id="1")
        for end in ("", "-wal"):
            Path(f"{copy}{end}").write_bytes(Path(f"{path}{end}").read_bytes())
    synced: list[int] = []
    monkeypatch.setattr(
        "p2pmatch.stores.sqlite.os.fsync", lambda file: synced.append(os.fstat(file).st_ino)
    )
    with SqliteStore(copy) as left:
        log = Path(f"{copy}-wal").stat().st_ino
        Marketplace.open(left, RULES).post(offer(1), now=2, command_id="1")
        assert synced == [log]
        assert len(list(left.read())) == 2


def test_a_batch_is_one_transaction(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "market.db")
    market = Marketplace.open(store, RULES)
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    with market.batch():
        for number in range(20):
            market.post(offer(number), now=1)
    columns = {"request_id": ["r1", "r2"], "borrower_id": ["b", "b"], "amount": [150, 90]}
    market.submit_many(
        {**columns, "max_rate": [90_000] * 2, "grade": ["A"] * 2, "term": [36] * 2}, now=2
    )
    assert statements.count("COMMIT") == 2
    # The rules, twenty posts, and all requests in one.
    assert len(list(store.read())) == 22
    store.close()


@pytest.mark.parametrize("content", [b"", b"x" * 5_000, b"SQLite format 3\x00" + b"\x07" * 900])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "market.db"
    path.write_bytes(content)
    with pytest.raises(StoreFailed) as refused:
        replay(SqliteStore(path))
    assert refused.value.code in {"not_a_journal", "store_failed"}
    if content:
        with pytest.raises(StoreFailed):
            Marketplace.open(SqliteStore(path), RULES)
        assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE t (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreFailed) as refused:
        Marketplace.open(SqliteStore(path), RULES)
    assert refused.value.code == "not_a_journal"
    assert path.read_bytes() == before


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    filled(path, 1)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(StoreFailed) as refused:
        Marketplace.open(SqliteStore(path), RULES)
    assert refused.value.code == "not_a_journal"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed) as refused:
        Marketplace.open(SqliteStore(tmp_path / "no" / "market.db"), RULES)
    assert refused.value.code == "store_failed"


def test_a_torn_log_loses_nothing_that_was_synced_before_it(tmp_path: Path) -> None:
    """The write-ahead log cut anywhere: what is opened is a whole prefix, never half an entry."""
    path, copy = tmp_path / "market.db", tmp_path / "copy.db"
    store = SqliteStore(path)
    market = Marketplace.open(store, RULES)
    digests = [market.digest()]
    for number in range(12):
        market.post(offer(number), now=number)
        digests.append(market.digest())
    log = Path(f"{path}-wal").read_bytes()
    seen = set()
    for length in range(0, len(log) + 1, len(log) // 40 + 1):
        copy.write_bytes(path.read_bytes())
        Path(f"{copy}-wal").write_bytes(log[:length])
        Path(f"{copy}-shm").unlink(missing_ok=True)
        with SqliteStore(copy) as torn:
            opened = Marketplace.open(torn, RULES)
            seq = len(list(torn.read())) - 1
            assert opened.digest() == digests[seq]
            assert verify(torn).digest == digests[seq]
            seen.add(seq)
        for name in (copy, Path(f"{copy}-wal"), Path(f"{copy}-lock")):
            name.unlink(missing_ok=True)
    assert len(seen) > 5
    store.close()


def test_a_damaged_page_is_never_taken_for_the_book(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    digest = filled(path, 300)
    content = path.read_bytes()
    found = 0
    for at in range(100, len(content), len(content) // 60):
        changed = bytearray(content)
        changed[at] ^= 0x10
        path.write_bytes(bytes(changed))
        with SqliteStore(path) as store:
            try:
                assert verify(store).digest == digest
            except StoreFailed:
                found += 1
    assert found > 20


def test_a_damaged_snapshot_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with SqliteStore(path) as store:
        market = Marketplace.open(store, RULES)
        for number in range(4):
            market.post(offer(number), now=number)
            market.snapshot()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE snapshot SET data = x'00' WHERE seq = 4 AND piece = 3")
    file.close()
    with SqliteStore(path) as store:
        with pytest.warns(DamagedSnapshot, match="snapshot 4"):
            again = Marketplace.open(store, RULES)
        assert again.opened is not None
        assert (again.opened.snapshot, again.opened.replayed) == (3, 1)
        assert again.digest() == market.digest()


def test_large_pieces_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pmatch.stores.sqlite._PART", 100)
    pieces = [b"", bytes(100), bytes(range(256)) * 3]
    with SqliteStore(tmp_path / "market.db") as store:
        store.claim()
        store.append(chain(1), 0)
        store.put_snapshot(0, pieces)
        assert store.snapshot(0) == pieces


def test_a_second_process_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    code = (
        "import sys; from p2pmatch import Marketplace\n"
        "from p2pmatch.stores import SqliteStore\n"
        f"Marketplace.open(SqliteStore({str(path)!r}))\n"
    )
    store = SqliteStore(path)
    Marketplace.open(store, RULES)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "is written by somebody else" in done.stderr
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


WRITER = """
import sys
from p2pmatch import Marketplace, Offer, Rules
from p2pmatch.stores import SqliteStore

market = Marketplace.open(SqliteStore(sys.argv[1]), Rules(grades=("A",), terms=(36,)))
first = len(list(market.offers()))
for number in range(first, first + 100_000):
    market.post(
        Offer(offer_id=f"o{number}", lender_id="ann", amount=100 + number % 7, min_rate=50_000),
        now=number,
    )
    if number % 40 == 39:
        market.snapshot()
    sys.stdout.write(f"{number} {market.digest()}\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_writer_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    """Killed in the middle of writing, again and again, on one file."""
    path = tmp_path / "market.db"
    answered = -1
    for kill_after in (1, 30, 55, 90):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        digest = ""
        for _ in range(kill_after):
            number, digest = writer.stdout.readline().split()
            answered = int(number)
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate()
        for line in rest.splitlines():
            if line.count(" ") == 1 and len(line.split()[1]) == 64:
                answered, digest = int(line.split()[0]), line.split()[1]
        with SqliteStore(path) as store:
            market = Marketplace.open(store, RULES)
            kept = len(list(market.offers()))
            # What was answered is there; one more may have been written and not answered.
            assert kept - 1 in {answered, answered + 1}
            assert replay(store, upto=answered + 1).digest() == digest
            assert verify(store).digest == market.digest()
