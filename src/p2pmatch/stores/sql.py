"""A journal in a database: PostgreSQL, or SQLite, through SQLAlchemy; needs the `sql` extra."""

import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from time import sleep
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote

import attrs
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    create_engine,
    delete,
    false,
    func,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from p2pmatch.entries import Entry
from p2pmatch.errors import InvalidValue, StoreFailed
from p2pmatch.stores.sqlite import sync_log

__all__ = ["METADATA", "SqlStore"]

#: The tables, for whoever makes them beforehand.
METADATA: Final = MetaData()

# So often, so many seconds apart, it is tried to have SQLite write a log ahead.
_TRIES: Final = 10
_PAUSE: Final = 1
# The version of the tables, kept with each journal.
_VERSION: Final = 1
# Neither database takes a value of any size; a piece of a snapshot may be larger.
_PART: Final = 1 << 24
# PostgreSQL gives out a row of at most 1 GB, two digits a byte: what is kept must be readable.
_LARGEST: Final = 400_000_000
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,48}")
_LONGEST_SAID: Final = 300

_JOURNAL: Final = Table(
    "p2pmatch_journal",
    METADATA,
    Column("name", String(48), primary_key=True),
    Column("version", Integer, nullable=False),
)
_ENTRY: Final = Table(
    "p2pmatch_entry",
    METADATA,
    Column("journal", String(48), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("previous", LargeBinary, nullable=False),
    Column("command_id", Text),
    Column("command", LargeBinary, nullable=False),
    Column("events", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
_BY_COMMAND: Final = Index(
    "p2pmatch_entry_by_command",
    _ENTRY.c.journal,
    _ENTRY.c.command_id,
    postgresql_where=_ENTRY.c.command_id.is_not(None),
    sqlite_where=_ENTRY.c.command_id.is_not(None),
)
_SNAPSHOT: Final = Table(
    "p2pmatch_snapshot",
    METADATA,
    Column("journal", String(48), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("piece", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)


class SqlStore:
    """Keeps a journal and its two newest snapshots in a PostgreSQL or SQLite database.

    One database may hold many journals, each with a name and a writer of its own. An entry is
    committed before `append` returns. It may have 400 MB; an `append` with a larger one fails.

    The writer keeps one connection. On PostgreSQL that session holds an advisory lock, which the
    server lets go of when the session ends, however it ends: at once if the process dies, after
    about a minute if its machine vanishes. It must be a session of the writer's own: a pooler that
    hands out another one for each transaction will not do. On SQLite an empty file (`-lock`) beside
    the database is held locked. Whatever the lock says, two entries of one number cannot be kept.

    After an error while writing the connection is let go of, and the next call makes a new one.
    Reading needs no lock. One store is to be used by one thread at a time.

    Parameters
    ----------
    url : where the database is, as SQLAlchemy writes it. It is never shown in a message; the driver
        for it, such as psycopg, is the caller's to install.
    name : of the journal; letters, digits, `_`, `.` and `-`, 48 at most.

    Raises
    ------
    InvalidValue("malformed") : for a url or name of another form, or without a driver.

    Examples
    --------
    >>> import tempfile
    >>> from p2pmatch import Marketplace, Rules
    >>> folder = tempfile.TemporaryDirectory()
    >>> with SqlStore(f"sqlite:///{folder.name}/market.db", name="consumer") as store:
    ...     market = Marketplace.open(store, Rules(grades=("A",), terms=(36,)))
    ...     [entry.seq for entry in store.read()]
    [0]
    >>> folder.cleanup()
    """

    def __init__(self, url: str | URL, name: str = "market") -> None:
        parsed = _parsed(url)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidValue("malformed", "name", name, f"text that matches {_NAME.pattern}")
        self.name = name
        self._shown = URL.create(
            parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
        ).render_as_string()
        self._secrets = _secrets(parsed)
        kind = parsed.get_backend_name()
        self._database = _DATABASES[kind]
        # A look must make nothing.
        self._file = Path(parsed.database or "") if kind == "sqlite" else None
        self._engine = _engine(parsed)
        self._held: list[Connection] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqlStore({self._shown!r}, name={self.name!r})"

    def claim(self) -> None:
        """Become the only writer, and make the tables if there are none."""
        self._closed = False
        if not self._held:
            with self._failing():
                try:
                    self._take_over()
                except BaseException:
                    self._let_go()
                    raise

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        """Write the entries, all or none, in one transaction."""
        self._claim_unless_closed()
        with self._transaction() as writer:
            last = writer.scalar(
                select(func.max(_ENTRY.c.seq)).where(_ENTRY.c.journal == self.name)
            )
            following = 0 if last is None else last + 1
            if expected != following:
                raise StoreFailed("store_moved_on", "expected", expected, f"entry {following} next")
            size = max((len(entry.command) + len(entry.events) for entry in entries), default=0)
            if size > _LARGEST:
                accepted = f"at most {_LARGEST} bytes for a command and its events"
                raise StoreFailed("store_failed", "entry", size, accepted)
            if entries:
                # The fields of an entry are the columns of the table.
                rows = [attrs.asdict(entry, recurse=False) for entry in entries]
                writer.execute(insert(_ENTRY), [{"journal": self.name, **row} for row in rows])

    def read(self, first: int = 0) -> Iterator[Entry]:
        """The entries from number `first` on, as they are kept at the first of them."""
        with self._reading() as connection:
            if connection is not None:
                # Not all at once: a journal may be larger than memory.
                streamed = connection.execution_options(stream_results=True, max_row_buffer=200)
                yield from self._entries(streamed, _ENTRY.c.seq >= first)

    def find(self, command_id: str) -> Sequence[Entry]:
        """The entries with that command id. O(log n)."""
        with self._asking() as connection:
            if connection is None:
                return []
            return list(self._entries(connection, _ENTRY.c.command_id == command_id))

    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        """Write a snapshot; of the others the newest one stays."""
        self._claim_unless_closed()
        with self._transaction() as writer:
            others = [other for other in self._snapshots(writer) if other != seq]
            gone = sorted([*others, seq])[:-2]
            mine = _SNAPSHOT.c.journal == self.name
            writer.execute(delete(_SNAPSHOT).where(mine, _SNAPSHOT.c.seq.in_([seq, *gone])))
            for number, piece in enumerate(pieces):
                for part, start in enumerate(range(0, max(len(piece), 1), _PART)):
                    place = {"journal": self.name, "seq": seq, "piece": number, "part": part}
                    data = piece[start : start + _PART]
                    writer.execute(insert(_SNAPSHOT), {**place, "data": data})

    def snapshots(self) -> Sequence[int]:
        """The numbers of the snapshots, the newest first."""
        with self._asking() as connection:
            return [] if connection is None else self._snapshots(connection)

    def snapshot(self, seq: int) -> Sequence[bytes]:
        """The pieces of a snapshot."""
        pieces: dict[int, list[bytes]] = {}
        with self._asking() as connection:
            if connection is not None:
                rows = (
                    select(_SNAPSHOT.c.piece, _SNAPSHOT.c.data)
                    .where(_SNAPSHOT.c.journal == self.name, _SNAPSHOT.c.seq == seq)
                    .order_by(_SNAPSHOT.c.piece, _SNAPSHOT.c.part)
                )
                for piece, data in connection.execute(rows):
                    pieces.setdefault(piece, []).append(data)
        if not pieces:
            raise StoreFailed("store_failed", "snapshot", seq, f"one of {self.snapshots()}")
        return [b"".join(parts) for parts in pieces.values()]

    def close(self) -> None:
        """Let go of the connection, and let somebody else write."""
        self._closed = True
        self._let_go()

    # Within

    def _claim_unless_closed(self) -> None:
        # Who goes on with a marketplace whose store was closed must not become the writer again.
        if self._closed:
            raise StoreFailed("store_closed", "store", repr(self), "one opened again")
        self.claim()

    def _let_go(self) -> None:
        while self._held:
            connection = self._held.pop()
            with suppress(SQLAlchemyError):
                self._database.unlock(connection)
            with suppress(SQLAlchemyError):
                connection.close()

    def _take_over(self) -> None:
        # The first of those that are held is the one to write on.
        writer = self._engine.connect()
        self._held.append(writer)
        with writer.begin():
            self._database.check(writer)
        if not self._database.lock(self._held, self.name):
            raise StoreFailed("store_locked", "store", repr(self), "one writer at a time")
        with writer.begin():
            self._database.alone(writer)
            METADATA.create_all(writer)
            if not self._is_begun(writer):
                writer.execute(insert(_JOURNAL), {"name": self.name, "version": _VERSION})

    def _entries(self, connection: Connection, which: ColumnElement[bool]) -> Iterator[Entry]:
        c = _ENTRY.c
        columns = select(c.seq, c.previous, c.command_id, c.command, c.events, c.hash)
        rows = columns.where(c.journal == self.name, which).order_by(c.seq)
        with connection.execute(rows) as found:
            for row in found:
                yield Entry(*row)

    def _snapshots(self, connection: Connection) -> list[int]:
        mine = select(_SNAPSHOT.c.seq).where(_SNAPSHOT.c.journal == self.name)
        return list(connection.scalars(mine.distinct().order_by(_SNAPSHOT.c.seq.desc())))

    def _is_begun(self, connection: Connection) -> bool:
        """Whether there is such a journal; raise if it is not one of this version."""
        version = connection.scalar(select(_JOURNAL.c.version).where(_JOURNAL.c.name == self.name))
        if version not in {None, _VERSION}:
            accepted = f"a journal of version {_VERSION}"
            raise StoreFailed("not_a_journal", "store", repr(self), accepted)
        return version is not None

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        """A transaction of the writer's, who lets go of everything if it fails."""
        with self._failing():
            try:
                with self._held[0].begin():
                    yield self._held[0]
            except StoreFailed:
                raise
            except BaseException:
                # Who knows what is left of it: a new connection begins from what is kept. This one
                # would connect again by itself, without the lock.
                self._let_go()
                raise

    @contextmanager
    def _reading(self) -> Generator[Connection | None]:
        """A connection of its own; None if there is no such journal."""
        with self._failing():
            if self._file is not None and not self._file.exists():
                yield None
                return
            with self._engine.connect() as connection:
                self._database.check(connection)
                there = inspect(connection).has_table(_JOURNAL.name)
                yield connection if there and self._is_begun(connection) else None

    @contextmanager
    def _asking(self) -> Generator[Connection | None]:
        """The writer's connection if there is one, which is quicker."""
        with self._transaction() if self._held else self._reading() as connection:
            yield connection

    @contextmanager
    def _failing(self) -> Generator[None]:
        """Whatever the database says as a StoreFailed, without what must not be shown."""
        try:
            yield
        except SQLAlchemyError as error:
            # What the driver said, without the statement and its values.
            said = " ".join(str(getattr(error, "orig", None) or error).split())
            for secret in self._secrets:
                said = said.replace(secret, "***")
            # Not "from error": its own text may hold what was taken out of this one.
            accepted = f"a database in order ({said[:_LONGEST_SAID]})"
            raise StoreFailed("store_failed", "store", repr(self), accepted) from None


def _parsed(url: str | URL) -> URL:
    accepted = "a URL such as 'postgresql+psycopg://user@host/database' or 'sqlite:///market.db'"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidValue("malformed", "url", "a text that is not shown", accepted) from None
    kind = parsed.get_backend_name()
    if kind not in _DATABASES:
        raise InvalidValue("malformed", "url", parsed.drivername, accepted)
    if kind == "sqlite" and (parsed.database or ":").startswith((":", "file:")):
        # Every connection to memory is another memory.
        raise InvalidValue("malformed", "url", parsed.database, "the path of a file")
    return parsed


def _secrets(url: URL) -> list[str]:
    """What of a URL must not be shown: as it is, and as it is written in the URL."""
    query = url.normalized_query
    given = [url.password or "", *query.get("password", ()), *query.get("sslpassword", ())]
    hidden = {form for text in given for form in (text, quote(text, safe=""))}
    return sorted(hidden - {""}, key=len, reverse=True)


def _engine(url: URL) -> Engine:
    """An engine that keeps no connections of its own."""
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError) as error:
        accepted = f"a driver that is installed ({error})"
        raise InvalidValue("malformed", "url", url.drivername, accepted) from None
    if engine.dialect.is_async:
        raise InvalidValue("malformed", "url", url.drivername, "a driver that is not asynchronous")
    return engine


class _Database(ABC):
    """What differs from one database to the other."""

    @abstractmethod
    def check(self, connection: Connection) -> None:
        """Raise unless journals may be kept here."""

    @abstractmethod
    def lock(self, held: list[Connection], name: str) -> bool:
        """Make the first connection that of the only writer; False if there is one already."""

    @abstractmethod
    def alone(self, connection: Connection) -> None:
        """Let nobody else make tables until the end of the transaction; wait for whoever does."""

    @abstractmethod
    def unlock(self, connection: Connection) -> None:
        """Say what must be said before a connection is closed."""


class _Sqlite(_Database):
    """A file; the lock is on another one, so that nobody who reads is in its way."""

    def check(self, connection: Connection) -> None:
        if connection.exec_driver_sql("PRAGMA application_id").scalar():
            file = connection.engine.url.database
            accepted = "a database that belongs to no other program (SqliteStore opens its own)"
            raise StoreFailed("not_a_journal", "store", file, accepted)

    def lock(self, held: list[Connection], name: str) -> bool:
        url = held[0].engine.url
        beside = create_engine(
            url.set(database=f"{url.database}-{name}-lock"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": 0},
        )
        held.append(beside.connect())
        try:
            # Held until the connection is closed, or the process gone.
            held[1].exec_driver_sql("BEGIN EXCLUSIVE")
        except DBAPIError as error:
            if "locked" not in str(error.orig):
                raise
            return False
        _write_ahead(held[0])
        held[0].exec_driver_sql("PRAGMA synchronous = FULL")
        held[0].rollback()
        sync_log(Path(url.database or ""))
        return True

    def alone(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def unlock(self, connection: Connection) -> None:
        """Nothing: closing the other file does it."""


def _write_ahead(connection: Connection) -> None:
    """Have SQLite write a log ahead. Who comes while another does is refused: it tries again."""
    tries = _TRIES
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DBAPIError as error:
            tries -= 1
            if not tries or "locked" not in str(error.orig):
                raise
            connection.rollback()
            sleep(_PAUSE)
        else:
            return


class _Postgres(_Database):  # pragma: no cover - tested where there is a PostgreSQL
    """A server; the lock is the session's."""

    def check(self, connection: Connection) -> None:
        encoding = _setting(connection, "server_encoding")
        if encoding != "UTF8":
            raise StoreFailed(
                "not_a_journal", "store", encoding, "a database whose encoding is UTF8"
            )

    def lock(self, held: list[Connection], name: str) -> bool:
        writer = held[0]
        with writer.begin():
            key = _lock_key(writer, name)
            if not writer.scalar(select(func.pg_try_advisory_lock(key))):
                return False
            settings = {
                # A writer whose machine vanished is found out in a minute.
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
                # Who it is, in pg_stat_activity.
                "application_name": f"p2pmatch {name}",
            }
            if _setting(writer, "synchronous_commit") == "off":
                settings["synchronous_commit"] = "on"
            for setting, value in settings.items():
                writer.execute(select(func.set_config(setting, value, false())))
        return True

    def alone(self, connection: Connection) -> None:
        # No journal has an empty name.
        connection.execute(select(func.pg_advisory_xact_lock(_lock_key(connection, ""))))

    def unlock(self, connection: Connection) -> None:
        """At once, not only when the server has seen that the session ended."""
        if not connection.invalidated:
            connection.rollback()
            connection.execute(select(func.pg_advisory_unlock_all()))
            connection.commit()


def _lock_key(connection: Connection, name: str) -> int:  # pragma: no cover - PostgreSQL's
    """Locks have numbers, and are the whole database's; tables are a schema's."""
    place = f"p2pmatch {connection.scalar(select(func.current_schema()))} {name}"
    return int.from_bytes(blake2b(place.encode(), digest_size=8).digest(), signed=True)


def _setting(connection: Connection, name: str) -> object:  # pragma: no cover - PostgreSQL's
    return connection.scalar(select(func.current_setting(name)))


_DATABASES: Final = MappingProxyType[str, _Database](
    {"sqlite": _Sqlite(), "postgresql": _Postgres()}
)
