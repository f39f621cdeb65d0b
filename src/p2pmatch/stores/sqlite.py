"""A journal in a SQLite file: write-ahead log, a sync before every answer, one writer at a time."""

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from p2pmatch.entries import Entry
from p2pmatch.errors import InvalidValue, StoreFailed

__all__ = ["SqliteStore"]

# "p2pm" as a number: how the file says whose it is. The version is that of the tables.
_APPLICATION: Final = 0x7032706D
_VERSION: Final = 1
# SQLite takes a thousand million bytes in one value; a piece of a snapshot may be larger.
_PART: Final = 1 << 28
_TABLES: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    previous BLOB NOT NULL,
    command_id TEXT,
    command BLOB NOT NULL,
    events BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX entry_by_command ON entry (command_id) WHERE command_id IS NOT NULL;
CREATE TABLE snapshot (
    seq INTEGER NOT NULL,
    piece INTEGER NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (seq, piece, part)
) STRICT;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_COLUMNS: Final = "seq, previous, command_id, command, events, hash"


class SqliteStore:
    """Keeps a journal and its two newest snapshots in a SQLite file.

    An entry is on the disk before `append` returns: SQLite's write-ahead log with
    `synchronous=FULL`, one sync for all entries of an append. Beside the file stand the log
    (`-wal`, `-shm`) and an empty file (`-lock`) which the writer holds locked while it lives; the
    operating system lets go of it when the process ends, however it ends.

    Reading needs no lock: `replay` and `verify` may read while somebody writes. One store is to be
    used by one thread at a time.

    Parameters
    ----------
    path : the file; it is made when a marketplace is first opened on it. Not on a network drive:
        locks and syncs do not hold there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from p2pmatch import Marketplace, Rules
    >>> folder = tempfile.TemporaryDirectory()
    >>> with SqliteStore(Path(folder.name, "market.db")) as store:
    ...     market = Marketplace.open(store, Rules(grades=("A",), terms=(36,)))
    ...     [entry.seq for entry in store.read()]
    [0]
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise InvalidValue(
                "wrong_type", "path", path, "the path of a file, such as 'market.db'"
            )
        if os.fspath(path) in ("", ":memory:"):
            raise InvalidValue("malformed", "path", path, "a file's path, or a MemoryStore()")
        self.path = Path(path)
        self._lock: sqlite3.Connection | None = None
        self._file: sqlite3.Connection | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    def claim(self) -> None:
        """Become the only writer, and make the file if there is none."""
        self._closed = False
        if self._lock is not None:
            return
        with _failing(self.path):
            lock = sqlite3.connect(
                f"{self.path}-lock", timeout=0, isolation_level=None, check_same_thread=False
            )
        try:
            # Held until the connection is closed, or the process gone.
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            lock.close()
            if "locked" in str(error):
                accepted = f"one writer at a time ({error})"
                raise StoreFailed("store_locked", "store", str(self.path), accepted) from error
            accepted = f"a file in order, or none ({error})"
            raise StoreFailed("store_failed", "store", f"{self.path}-lock", accepted) from error
        self._lock = lock
        try:
            with _failing(self.path):
                connection = self._connect("rwc")
                if not connection.execute("PRAGMA user_version").fetchone()[0]:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.executescript(_TABLES)
                connection.execute("PRAGMA synchronous = FULL")
                sync_log(self.path)
        except BaseException:
            self._let_go()
            raise

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        """Write the entries, all or none, with one sync."""
        self._claim_unless_closed()
        with _failing(self.path), self._transaction() as connection:
            held = connection.execute("SELECT max(seq) FROM entry").fetchone()[0]
            following = 0 if held is None else held + 1
            if expected != following:
                raise StoreFailed("store_moved_on", "expected", expected, f"entry {following} next")
            connection.executemany(
                f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
                ((e.seq, e.previous, e.command_id, e.command, e.events, e.hash) for e in entries),
            )

    def read(self, first: int = 0) -> Iterator[Entry]:
        """The entries from number `first` on, as they are kept at the first of them."""
        if not self._is_there:
            return
        with _failing(self.path):
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM entry WHERE seq >= ? ORDER BY seq",  # noqa: S608 - ours
                (first,),
            )
            for row in rows:
                yield Entry(*row)

    def find(self, command_id: str) -> Sequence[Entry]:
        """The entries with that command id. O(log n)."""
        if not self._is_there:
            return []
        with _failing(self.path):
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM entry WHERE command_id = ? ORDER BY seq",  # noqa: S608
                (command_id,),
            )
            return [Entry(*row) for row in rows]

    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        """Write a snapshot; of the others the newest one stays."""
        self._claim_unless_closed()
        with _failing(self.path), self._transaction() as connection:
            connection.execute("DELETE FROM snapshot WHERE seq = ?", (seq,))
            connection.executemany(
                "INSERT INTO snapshot (seq, piece, part, data) VALUES (?, ?, ?, ?)",
                (
                    (seq, number, part, piece[start : start + _PART])
                    for number, piece in enumerate(pieces)
                    for part, start in enumerate(range(0, max(len(piece), 1), _PART))
                ),
            )
            old = "SELECT DISTINCT seq FROM snapshot ORDER BY seq DESC LIMIT -1 OFFSET 2"
            connection.execute(f"DELETE FROM snapshot WHERE seq IN ({old})")  # noqa: S608 - ours

    def snapshots(self) -> Sequence[int]:
        """The numbers of the snapshots, the newest first."""
        if not self._is_there:
            return []
        with _failing(self.path):
            rows = self._connection.execute("SELECT DISTINCT seq FROM snapshot ORDER BY seq DESC")
            return [seq for (seq,) in rows]

    def snapshot(self, seq: int) -> Sequence[bytes]:
        """The pieces of a snapshot."""
        with _failing(self.path):
            pieces: dict[int, list[bytes]] = {}
            for piece, data in self._connection.execute(
                "SELECT piece, data FROM snapshot WHERE seq = ? ORDER BY piece, part", (seq,)
            ):
                pieces.setdefault(piece, []).append(data)
        if not pieces:
            raise StoreFailed("store_failed", "snapshot", seq, f"one of {self.snapshots()}")
        return [parts[0] if len(parts) == 1 else b"".join(parts) for parts in pieces.values()]

    def close(self) -> None:
        """Close the file, and let somebody else write."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        for connection in (self._file, self._lock):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._file = self._lock = None

    def _claim_unless_closed(self) -> None:
        # Who goes on with a marketplace whose store was closed must not become the writer again.
        if self._closed:
            raise StoreFailed("store_closed", "store", str(self.path), "one opened again")
        self.claim()

    @property
    def _is_there(self) -> bool:
        return self._file is not None or self.path.exists()

    @property
    def _connection(self) -> sqlite3.Connection:
        """The file, which must be a journal of ours."""
        return self._file if self._file is not None else self._connect("rw")

    def _connect(self, mode: str) -> sqlite3.Connection:
        if self._file is not None:
            # Opened to be read; now it is to be written.
            self._file.close()
            self._file = None
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._check_owner(connection, may_be_new=mode == "rwc")
            # Not opened as read-only: the last to leave must be able to tidy up the log.
            connection.execute(f"PRAGMA query_only = {int(mode == 'rw')}")
        except BaseException:
            connection.close()
            raise
        self._file = connection
        return connection

    def _check_owner(self, connection: sqlite3.Connection, *, may_be_new: bool) -> None:
        """Raise unless the file is a journal of this version, or there is nothing in it yet."""
        owner, version, tables = (
            connection.execute(question).fetchone()[0]
            for question in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_master",
            )
        )
        if (owner, version) != (_APPLICATION, _VERSION) and not (may_be_new and not tables):
            accepted = f"a journal of version {_VERSION}" + may_be_new * ", or a new file"
            raise StoreFailed("not_a_journal", "store", str(self.path), accepted)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # Nothing to undo where SQLite has done it already.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def sync_log(path: Path) -> None:
    """Have on the disk what will be answered for: a killed writer may have left it unsynced."""
    with suppress(FileNotFoundError), Path(f"{path}-wal").open("rb+") as log:
        os.fsync(log.fileno())


@contextmanager
def _failing(path: Path) -> Generator[None]:
    """Whatever SQLite says as a StoreFailed."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, StoreFailed):
            raise
        raise StoreFailed(
            "store_failed", "store", str(path), f"a file in order ({error})"
        ) from error
