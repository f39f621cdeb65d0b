"""The store in a database: what every store must do, and what can happen to a connection."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import DBAPIError

from p2pmatch import Marketplace, Offer, Rules
from p2pmatch.errors import InvalidValue, P2PMatchError, StoreFailed
from p2pmatch.journal import replay, verify
from p2pmatch.stores import SqliteStore, SqlStore, Store, sql
from p2pmatch.stores.sql import METADATA
from p2pmatch.testing import StoreConformance
from p2pmatch.testing.stores import chain
from tests.stores.postgres import (
    POSTGRES,
    connected,
    end_writers,
    needs_postgres,
    outside,
    run,
    schema,
)
from tests.stores.wire_cutter import cut_after

RULES = Rules(grades=("A",), terms=(36,))
SECRET = "hunter2%40x"  # noqa: S105 - of nobody


@pytest.fixture
def postgres() -> Iterator[URL]:
    with schema() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/market.db"
    url: URL = request.getfixturevalue("postgres")
    return url.render_as_string(hide_password=False)


class TestSqlStoreOnSqlite(StoreConformance):
    def open_store(self, folder: Path) -> Store:
        return SqlStore(f"sqlite:///{folder}/a market's journal.db")


@needs_postgres
class TestSqlStoreOnPostgres(StoreConformance):
    @pytest.fixture(autouse=True)
    def _in_a_schema(self, postgres: URL) -> None:
        self.url = postgres

    def open_store(self, folder: Path) -> Store:
        return SqlStore(self.url)


def offer(number: int) -> Offer:
    return Offer(offer_id=f"o{number}", lender_id="ann", amount=100 + number, min_rate=50_000)


def filled(market: Marketplace, offers: int = 10) -> str:
    first = len(list(market.offers()))
    for number in range(first, first + offers):
        market.post(offer(number), now=number, command_id=f"post {number}")
    return market.digest()


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(StoreFailed) as failed:
        call()
    return failed.value.code


def reopened(url: str | URL) -> tuple[SqlStore, Marketplace]:
    """The journal, once the server has seen that its writer is gone."""
    store = SqlStore(url)
    for _ in range(200):
        try:
            return store, Marketplace.open(store, RULES)
        except StoreFailed as failure:
            if failure.code != "store_locked":
                raise
            time.sleep(0.05)
    raise AssertionError("the lock outlived its writer by ten seconds")


# Where it is


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "mysql://bob:hunter2%40x@host/market",
        "postgresql+psycopg://bob:hunter2%40x@host:port/market",
        "postgresql+nodriver://bob:hunter2%40x@host/market",
        "postgresql+psycopg_async://bob:hunter2%40x@host/market",
        "hunter2%40x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:market.db?uri=true",
        5,
        None,
    ],
)
def test_a_wrong_url_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        SqlStore(url)
    assert (refused.value.code, refused.value.field) == ("malformed", "url")
    assert refused.value.accepted
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 49, "ü", "a\n", None])
def test_a_wrong_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        SqlStore("sqlite:///market.db", name=name)
    assert refused.value.field == "name"


@pytest.mark.parametrize("password", [SECRET, "failed", "server"])
def test_a_server_that_is_not_there_is_a_typed_error_without_the_password(password: str) -> None:
    url = f"postgresql+psycopg://bob:{password}@127.0.0.1:1/market?connect_timeout=5"
    store = SqlStore(url)
    calls = (store.claim, store.snapshots, lambda: list(store.read()), lambda: store.find("x"))
    for call in (*calls, lambda: Marketplace.open(store, RULES)):
        with pytest.raises(StoreFailed) as failed:
            call()
        assert failed.value.code == "store_failed"
        assert "127.0.0.1:1/market" in str(failed.value)
        assert make_url(url).password not in str(failed.value)
        assert SECRET not in "".join(traceback.format_exception(failed.value))
    assert password not in repr(store)
    store.close()


@needs_postgres
def test_a_wrong_password_is_a_typed_error_without_it() -> None:
    bare = make_url(POSTGRES).set(password=None)
    wrong = "hunter2@x"
    for url in (bare.set(password=wrong), bare.update_query_dict({"password": wrong})):
        with pytest.raises(StoreFailed, match="password authentication failed") as failed:
            Marketplace.open(SqlStore(url), RULES)
        assert "hunter2" not in "".join(traceback.format_exception(failed.value))
    gone = make_url(POSTGRES).set(database="nobody_made_this")
    with pytest.raises(StoreFailed, match="does not exist"):
        list(SqlStore(gone).read())


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "p2pmatch.stores.sql")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ImportError, match=r"needs sqlalchemy: pip install 'p2pmatch\[sql\]'"):
        from p2pmatch.stores import SqlStore  # noqa: F401
    with pytest.raises(ImportError):
        from p2pmatch.stores import OtherStore  # type: ignore[attr-defined]  # noqa: F401


def test_the_extra_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, p2pmatch.stores; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_nothing_is_made_by_looking(database: str) -> None:
    store = SqlStore(database)
    assert list(store.read()) == []
    assert list(store.snapshots()) == list(store.find("x")) == []
    assert code_of(lambda: store.snapshot(1)) == "store_failed"
    assert code_of(lambda: replay(store)) == "not_a_journal"
    store.close()
    store.close()
    path = make_url(database).database
    if database.startswith("sqlite"):
        assert path is not None
        assert list(Path(path).parent.iterdir()) == []
    else:
        assert run("SELECT to_regclass('p2pmatch_entry')", database) is None


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with SqliteStore(path) as store:
        Marketplace.open(store, RULES)
    before = path.read_bytes()
    store = SqlStore(f"sqlite:///{path}")
    assert code_of(store.claim) == code_of(lambda: list(store.read())) == "not_a_journal"
    assert path.read_bytes() == before


def test_a_sqlite_store_leaves_it_alone_too(tmp_path: Path) -> None:
    with SqlStore(f"sqlite:///{tmp_path}/market.db") as store:
        digest = filled(Marketplace.open(store, RULES))
    with SqliteStore(tmp_path / "market.db") as other:
        assert code_of(other.claim) == "not_a_journal"
    assert replay(SqlStore(f"sqlite:///{tmp_path}/market.db")).digest() == digest


def test_what_a_killed_writer_left_is_synced_before_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = tmp_path / "market.db", tmp_path / "copy.db"
    with SqlStore(f"sqlite:///{path}") as store:
        digest = filled(Marketplace.open(store, RULES))
        for end in ("", "-wal"):
            Path(f"{copy}{end}").write_bytes(Path(f"{path}{end}").read_bytes())
    synced: list[int] = []
    monkeypatch.setattr(
        "p2pmatch.stores.sqlite.os.fsync", lambda file: synced.append(os.fstat(file).st_ino)
    )
    with SqlStore(f"sqlite:///{copy}") as left:
        log = Path(f"{copy}-wal").stat().st_ino
        assert Marketplace.open(left, RULES).digest() == digest
        assert synced == [log]


def test_a_newer_layout_is_refused(database: str) -> None:
    with SqlStore(database) as store:
        store.claim()
    run("UPDATE p2pmatch_journal SET version = 2", database)
    store = SqlStore(database)
    assert code_of(store.claim) == code_of(lambda: list(store.read())) == "not_a_journal"
    assert code_of(store.claim) == "not_a_journal"  # and nobody is locked out by it


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "market.db").write_bytes(b"x" * 5_000)
    assert code_of(SqlStore(f"sqlite:///{tmp_path}/market.db").claim) == "store_failed"
    (tmp_path / "other.db-market-lock").write_bytes(b"x" * 5_000)
    assert code_of(SqlStore(f"sqlite:///{tmp_path}/other.db").claim) == "store_failed"
    assert code_of(SqlStore(f"sqlite:///{tmp_path}/no/market.db").claim) == "store_failed"


# What is kept


def test_one_database_holds_many_journals(database: str) -> None:
    stores = [SqlStore(database, name=name) for name in ("eur", "usd")]
    markets = [Marketplace.open(store, RULES) for store in stores]
    digests = [filled(market, offers) for market, offers in zip(markets, (3, 5), strict=True)]
    markets[0].snapshot()
    assert list(stores[1].snapshots()) == []
    assert [verify(store).entries for store in stores] == [4, 6]
    assert [store.find("post 4") != [] for store in stores] == [False, True]
    for store, digest in zip(stores, digests, strict=True):
        store.close()
        assert replay(store).digest() == digest


class Refusing:
    """A connection that is refused so many times, with these words."""

    def __init__(self, times: int, words: str) -> None:
        self.times = times
        self.words = words
        self.asked = self.rolled_back = 0

    def exec_driver_sql(self, statement: str) -> None:
        assert statement == "PRAGMA journal_mode = WAL"
        self.asked += 1
        if self.asked <= self.times:
            raise DBAPIError(statement, None, sqlite3.OperationalError(self.words))

    def rollback(self) -> None:
        self.rolled_back += 1


@pytest.mark.parametrize(
    ("times", "words", "asked"),
    [
        (0, "database is locked", 1),
        (2, "database is locked", 3),
        (3, "database is locked", None),
        (1, "disk I/O error", None),
    ],
)
def test_who_changes_a_new_database_while_another_does_tries_again(
    times: int, words: str, asked: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_TRIES", 3)
    monkeypatch.setattr(sql, "_PAUSE", 0)
    connection: Any = Refusing(times, words)
    if asked is None:
        with pytest.raises(DBAPIError, match=words):
            sql._write_ahead(connection)
        assert connection.asked == times
    else:
        sql._write_ahead(connection)
        assert (connection.asked, connection.rolled_back) == (asked, times)


def test_many_journals_may_be_begun_at_once(database: str) -> None:
    stores = [SqlStore(database, name=f"m{number}") for number in range(4)]
    together = Barrier(len(stores))

    def begin(store: SqlStore) -> None:
        together.wait()
        Marketplace.open(store, RULES)

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(begin, stores))
    assert [verify(store).entries for store in stores] == [1] * 4
    for store in stores:
        store.close()


@needs_postgres
def test_a_role_that_may_make_no_tables_uses_those_that_are_there(postgres: URL) -> None:
    place = postgres.query["options"].removeprefix("-csearch_path=")
    role = f"{place}_role"
    with connected(postgres) as owner:
        METADATA.create_all(owner)
        owner.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'a'"))
        owner.execute(text(f"GRANT USAGE ON SCHEMA {place} TO {role}"))
        granted = f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {place} TO {role}"
        owner.execute(text(granted))
        owner.execute(text(f"GRANT DELETE ON p2pmatch_snapshot TO {role}"))
    try:
        with SqlStore(postgres.set(username=role, password="a")) as store:  # noqa: S106 - for a test
            market = Marketplace.open(store, RULES)
            filled(market)
            for _ in range(3):
                market.advance((market.now or 0) + 1)
                market.snapshot()
            assert verify(store).digest == market.digest()
    finally:
        run(f"DROP OWNED BY {role}")
        run(f"DROP ROLE {role}")


def test_a_batch_is_one_transaction(database: str) -> None:
    store = SqlStore(database)
    market = Marketplace.open(store, RULES)
    done: list[str] = []
    event.listen(store._engine, "commit", lambda connection: done.append("commit"))
    with market.batch():
        for number in range(20):
            market.post(offer(number), now=1)
    assert done == ["commit"]
    assert len(list(store.read())) == 21
    store.append([], 21)
    assert len(list(store.read())) == 21
    store.close()


def test_large_pieces_are_cut(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pmatch.stores.sql._PART", 100)
    pieces = [b"", bytes(100), bytes(range(256)) * 3]
    with SqlStore(database) as store:
        store.claim()
        store.append(chain(1), 0)
        store.put_snapshot(0, pieces)
        assert store.snapshot(0) == pieces


def test_an_entry_that_could_not_be_read_back_is_not_kept(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = chain(3)
    size = max(len(entry.command) + len(entry.events) for entry in entries)
    monkeypatch.setattr("p2pmatch.stores.sql._LARGEST", size - 1)
    with SqlStore(database) as store:
        store.append(entries[:2], 0)
        assert code_of(lambda: store.append(entries[2:], 2)) == "store_failed"
        assert list(store.read()) == entries[:2]
        monkeypatch.setattr("p2pmatch.stores.sql._LARGEST", size)
        store.append(entries[2:], 2)
        assert list(store.read()) == entries


def test_the_disk_is_synced_before_an_answer(tmp_path: Path) -> None:
    with SqlStore(f"sqlite:///{tmp_path}/market.db") as store:
        store.claim()
        writer = store._held[0]
        assert writer.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert writer.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@needs_postgres
def test_a_server_that_would_answer_early_is_told_not_to(postgres: URL) -> None:
    options = f"{postgres.query['options']} -csynchronous_commit=off"
    with SqlStore(postgres.update_query_dict({"options": options})) as store:
        store.claim()
        settings = (
            "SELECT current_setting('synchronous_commit'), current_setting('application_name')"
        )
        assert store._held[0].execute(text(settings)).one() == ("on", "p2pmatch market")
    with SqlStore(postgres) as store:
        store.claim()
        idle = store._held[0].execute(text("SELECT current_setting('tcp_keepalives_idle')"))
        assert idle.scalar() == "30"


def test_a_full_disk_stops_the_marketplace_until_it_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/market.db"
    store = SqlStore(url)
    market = Marketplace.open(store, RULES)
    digest = filled(market)
    store._held[0].exec_driver_sql("PRAGMA max_page_count = 1")
    store._held[0].rollback()
    columns = {"offer_id": [f"p{n}" for n in range(2_000)], "lender_id": ["ben"] * 2_000}
    with pytest.raises(StoreFailed, match="full") as failed:
        market.post_many({**columns, "amount": [500] * 2_000, "min_rate": [50_000] * 2_000}, now=50)
    assert failed.value.code == "store_failed"
    assert code_of(market.digest) == code_of(lambda: market.advance(60)) == "reopen_first"
    market = Marketplace.open(store, RULES)
    assert market.digest() == digest == verify(store).digest
    filled(market)
    store.close()


def test_whoever_fell_behind_is_told(database: str) -> None:
    """Without its lock a writer still cannot write over what somebody else wrote."""
    first, second = SqlStore(database), SqlStore(database)
    market = Marketplace.open(first, RULES)
    filled(market)
    first._let_go()
    filled(Marketplace.open(second, RULES))
    second.close()
    assert code_of(lambda: market.advance(60)) == "store_moved_on"
    assert code_of(market.digest) == "reopen_first"
    first.close()


def test_a_closed_one_is_not_written_to(database: str) -> None:
    store = SqlStore(database)
    market = Marketplace.open(store, RULES)
    store.close()
    assert code_of(lambda: store.put_snapshot(0, [b""])) == "store_closed"
    assert code_of(lambda: market.advance(60)) == "store_closed"
    # Nobody holds it.
    other = SqlStore(database)
    other.claim()
    other.close()
    Marketplace.open(store, RULES).advance(70)
    store.close()


# Killed


WRITER = """
import sys
from p2pmatch import Marketplace, Offer, Rules
from p2pmatch.stores import SqlStore

market = Marketplace.open(SqlStore(sys.argv[1]), Rules(grades=("A",), terms=(36,)))
first = len(list(market.offers()))
for number in range(first, first + 100_000):
    market.post(
        Offer(offer_id=f"o{number}", lender_id="ann", amount=100 + number % 7, min_rate=50_000),
        now=number,
    )
    if number % 20 == 19:
        market.snapshot()
    sys.stdout.write(f"{number} {market.digest()}\\n")
    sys.stdout.flush()
"""

kills = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")


@kills
def test_a_killed_writer_has_lost_nothing_it_answered(database: str) -> None:
    """Killed in the middle of writing, again and again, on one journal."""
    answered, digest = -1, ""
    for kill_after in (1, 24):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(kill_after)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.communicate()[0].splitlines()
        answers = [line.split() for line in lines if len(line.strip().partition(" ")[2]) == 64]
        answered, digest = int(answers[-1][0]), answers[-1][1]
        store, market = reopened(database)
        kept = len(list(market.offers()))
        # What was answered is there; one more may have been written and not answered.
        assert kept - 1 in {answered, answered + 1}
        assert replay(store, upto=answered + 1).digest() == digest
        assert verify(store).digest == market.digest()
        store.close()


@kills
@needs_postgres
def test_a_writer_killed_within_a_transaction_leaves_nothing(postgres: URL) -> None:
    """Its append waits for a lock of ours; it is killed; then the lock goes."""
    url = postgres.render_as_string(hide_password=False)
    with SqlStore(url) as store:
        digest = filled(Marketplace.open(store, RULES))
    with connected(url) as ours:
        ours.execute(text("LOCK TABLE p2pmatch_entry IN SHARE MODE"))
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True
        )
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO p2pmatch_entry%'"
        while not run(waiting, url):
            assert writer.poll() is None
            time.sleep(0.05)
        os.kill(writer.pid, signal.SIGKILL)
        assert writer.communicate()[0] == ""
        # The server is still at it: nobody may come in between.
        assert code_of(SqlStore(url).claim) == "store_locked"
    store, market = reopened(url)
    assert market.digest() == digest == verify(store).digest
    store.close()


# Cut off


@needs_postgres
def test_a_lost_connection_stops_the_marketplace_until_it_is_opened_again(postgres: URL) -> None:
    store = SqlStore(postgres)
    market = Marketplace.open(store, RULES)
    digest = filled(market)
    assert end_writers(postgres) == 1
    assert code_of(lambda: market.advance(60)) == "store_failed"
    assert code_of(market.digest) == code_of(lambda: market.advance(60)) == "reopen_first"
    market = Marketplace.open(store, RULES)
    assert market.digest() == digest == verify(store).digest
    filled(market)
    assert code_of(SqlStore(postgres).claim) == "store_locked"
    store.close()


@needs_postgres
def test_a_connection_lost_before_a_question_is_made_again_with_its_lock(postgres: URL) -> None:
    store = SqlStore(postgres)
    market = Marketplace.open(store, RULES)
    filled(market)
    assert end_writers(postgres) == 1
    assert code_of(lambda: market.advance(60, command_id="later")) == "store_failed"
    market.advance(60, command_id="later")  # nothing was worked out, so nothing is in doubt
    assert code_of(SqlStore(postgres).claim) == "store_locked"
    assert end_writers(postgres) == 1
    assert code_of(lambda: store.find("later")) == "store_failed"
    other, taken = reopened(postgres)
    assert code_of(lambda: market.advance(70, command_id="last")) == "store_locked"
    taken.advance(80)
    other.close()
    assert verify(store).entries == 13


@needs_postgres
def test_a_commit_whose_answer_is_lost_is_found_when_it_is_opened_again(postgres: URL) -> None:
    with cut_after(postgres, b'"kind":"advance_time"', b"COMMIT") as (through, cut):
        store = SqlStore(through)
        market = Marketplace.open(store, RULES)
        filled(market)
        cut.set()
        assert code_of(lambda: market.advance(60, command_id="doubt")) == "store_failed"
        assert code_of(market.digest) == "reopen_first"
    store, market = reopened(postgres)
    assert market.now == 60
    assert verify(store).entries == 12
    # The client asks again, and hears what it did not.
    assert [happened.now for happened in market.advance(70, command_id="doubt")] == [60]
    assert market.now == 60
    store.close()


@needs_postgres
def test_two_entries_of_one_number_cannot_be_kept(postgres: URL) -> None:
    """Whatever becomes of the lock: a pooler may have given it to somebody else."""
    store = SqlStore(postgres)
    store.claim()
    store.append(chain(2), 0)
    failures: list[P2PMatchError] = []

    def append() -> None:
        try:
            store.append(chain(3)[2:], 2)
        except P2PMatchError as failure:
            failures.append(failure)

    with connected(postgres) as other:
        columns = "journal, seq, previous, command_id, command, events, hash"
        other.execute(
            text(
                f"INSERT INTO p2pmatch_entry ({columns}) SELECT journal, 2, previous, command_id,"  # noqa: S608
                " command, events, hash FROM p2pmatch_entry WHERE seq = 1"
            )
        )
        writer = Thread(target=append)
        writer.start()
        time.sleep(0.3)
    writer.join()
    assert [failure.code for failure in failures] == ["store_failed"]
    assert len(list(store.read())) == 3
    store.close()


@needs_postgres
def test_schemas_are_databases_of_their_own(postgres: URL) -> None:
    with schema() as other, SqlStore(postgres) as first, SqlStore(other) as second:
        first.claim()
        second.claim()
        first.append(chain(3), 0)
        assert list(second.read()) == []


@needs_postgres
def test_a_database_of_another_encoding_is_refused() -> None:
    options = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    outside(f"CREATE DATABASE p2pmatch_latin {options}")
    try:
        store = SqlStore(make_url(POSTGRES).set(database="p2pmatch_latin"))
        assert code_of(store.claim) == "not_a_journal"
    finally:
        outside("DROP DATABASE p2pmatch_latin")


def test_it_may_be_used_from_one_thread_after_another(database: str) -> None:
    store = SqlStore(database)
    market = Marketplace.open(store, RULES)
    threads = [Thread(target=filled, args=(market, 5)) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert verify(store).entries == 16
    store.close()


def test_a_backup_of_a_database_in_use_is_whole(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/market.db")
    market = Marketplace.open(store, RULES)
    filled(market)
    source = sqlite3.connect(tmp_path / "market.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    source.backup(copy)
    source.close()
    copy.close()
    assert verify(SqlStore(f"sqlite:///{tmp_path}/copy.db")).digest == market.digest()
    store.close()


@contextmanager
def two_databases() -> Iterator[tuple[URL, URL]]:
    """Two databases that nobody else uses; gone afterwards."""
    names = [f"p2pmatch_{uuid4().hex}" for _ in range(2)]
    try:
        for name in names:
            outside(f"CREATE DATABASE {name}")
        first, second = (make_url(POSTGRES).set(database=name) for name in names)
        yield first, second
    finally:
        for name in names:
            outside(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def libpq(program: str, url: URL, *options: str) -> None:
    """One of PostgreSQL's own programs, as an operator calls it."""
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    subprocess.run(
        [program, *options, f"--dbname={plain.render_as_string()}"],
        check=True,
        env={**os.environ, "PGPASSWORD": url.password or ""},
    )


@needs_postgres
@pytest.mark.skipif(
    which("pg_dump") is None or which("pg_restore") is None, reason="no pg_dump or no pg_restore"
)
def test_a_dump_taken_while_the_writer_goes_on_can_be_restored(tmp_path: Path) -> None:
    dump = f"--file={tmp_path}/market.dump"
    with two_databases() as (url, other):
        store = SqlStore(url)
        market = Marketplace.open(store, RULES)
        digest = filled(market)
        market.snapshot()
        libpq("pg_dump", url, "--format=custom", "--table=p2pmatch_*", dump)
        head = verify(store).head
        filled(market, 3)
        libpq("pg_restore", other, "--exit-on-error", f"{tmp_path}/market.dump")
        with SqlStore(other) as restored:
            found = verify(restored, head=head)
            assert (found.digest, found.entries) == (digest, 11)
            again = Marketplace.open(restored, RULES)
            assert again.opened is not None
            assert again.opened.snapshot == 10
            assert again.digest() == digest
            filled(again, 3)
            assert again.digest() == market.digest()
            assert run(
                "SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'p2pmatch%'", other
            ) == run("SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'p2pmatch%'", url)
        store.close()
