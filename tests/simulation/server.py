"""The process that is killed: a marketplace on a file, and a line on which it is told what to do.

It answers a command when it has come back from the store, as a service does, and says when it
begins to write, if it is to be killed while it does. What a disk can do to a write is done as truly
as a process can: a limit on the size of files stops a write at a byte, and the process goes on with
an error or ends there; a limit on the pages of the database leaves no room for one.
"""

import os
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch import Marketplace, P2PMatchError, Rules
from p2pmatch.entries import Entry
from p2pmatch.errors import StoreFailed
from p2pmatch.fill_of import VARIABLE
from p2pmatch.journal import DamagedSnapshot
from p2pmatch.stores import SqliteStore
from tests.simulation.damage import mark


def _frozen(mapping: dict[Any, Any]) -> Any:
    return MappingProxyType(mapping)


# Rate cards are frozen mappings.
ForkingPickler.register(MappingProxyType, lambda frozen: (_frozen, (dict(frozen),)))

#: How large a SQLite database may be where nobody says otherwise, in pages.
PAGES = 0xFFFFFFFE
#: How large a file may be where nobody says otherwise.
SIZES = resource.getrlimit(resource.RLIMIT_FSIZE)[1]


@attrs.frozen
class Call:
    """A command as a client sends it: what to do, and its own name for it."""

    id: str
    name: str
    arguments: tuple[Any, ...]
    more: dict[str, Any]

    def on(self, market: Marketplace, **more: Any) -> Any:
        """What it gives; a refusal is an answer too, unless it is the store's."""
        try:
            return getattr(market, self.name)(*self.arguments, **self.more, **more)
        except StoreFailed:
            raise
        except P2PMatchError as refusal:
            return refusal


@attrs.frozen
class Fault:
    """What goes wrong: which kind, at which of the commands, and how much is still written.

    "killed": the process, by the other side, at a moment of its own. "cut": the process, by the
    system, when the log has grown by so many bytes. "short": then the write fails. "refused":
    nothing is written. "written": all is written, and said not to be. "full": no new page is had.
    """

    kind: str
    at: int = 0
    room: int = 0


class FailingStore(SqliteStore):
    """A file on a disk that fails when it is told to.

    `mark` : of when all was synced.
    `seconds` : how long the last write took.
    """

    def __init__(self, path: Path, checkpoint: int) -> None:
        super().__init__(path)
        self.log = Path(f"{path}-wal")
        self.checkpoint = checkpoint
        self.fault: Fault | None = None
        self.writing: Callable[[], None] = lambda: None
        self.mark = (0, 0)
        self.seconds = 0.0

    def claim(self) -> None:
        if self._lock is None:
            super().claim()
            # The log is taken into the file when it has so many pages: a write may do that as well.
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {self.checkpoint}")
            self.mark = mark(self.path)

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        with self._at_risk():
            super().append(entries, expected)

    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        with self._at_risk():
            super().put_snapshot(seq, pieces)

    def forget(self, snapshots: Sequence[int]) -> None:
        """Take snapshots away: what cannot be read cannot be verified either."""
        for seq in snapshots:
            self._connection.execute("DELETE FROM snapshot WHERE seq = ?", (seq,))
            self.mark = mark(self.path)

    @contextmanager
    def _at_risk(self) -> Generator[None]:
        self.claim()
        fault, self.fault = self.fault or Fault("none"), None
        if fault.kind == "refused":
            raise StoreFailed("store_failed", "store", "disk", "a disk with room")
        if fault.kind == "killed":
            self.writing()
        begun = time.perf_counter()
        with self._limited(fault):
            yield
        self.seconds = time.perf_counter() - begun
        self.mark = mark(self.path)
        if fault.kind == "written":
            raise StoreFailed("store_failed", "store", "disk", "a disk that can be synced")

    @contextmanager
    def _limited(self, fault: Fault) -> Generator[None]:
        """No file grows beyond so many bytes more than the log has, or the database not at all."""
        if fault.kind == "full":
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            self._connection.execute(f"PRAGMA max_page_count = {pages}")
        elif fault.kind in {"short", "cut"}:
            size = self.log.stat().st_size if self.log.exists() else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + fault.room, SIZES))
            if fault.kind == "cut":
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            yield
        finally:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (SIZES, SIZES))
            self._connection.execute(f"PRAGMA max_page_count = {PAGES}")


class Server:
    """Does what comes down the line. What it says: ("opened", digest, damaged snapshots, mark),
    ("writing",), ("answer", id, answer, mark), ("over", whether the store failed, digest, seconds).
    """

    def __init__(self, line: Connection, store: FailingStore, rules: Rules) -> None:
        self.line, self.store, self.rules = line, store, rules
        store.writing = lambda: line.send(("writing",))
        self.open()

    def open(self, *, closed: bool = False) -> None:
        """Open the marketplace, on the store as it is or let go of before."""
        if closed:
            self.store.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedSnapshot)
            self.market = Marketplace.open(self.store, self.rules)
        assert self.market.opened is not None
        damaged = [seq for seq, _ in self.market.opened.damaged]
        self.store.forget(damaged)
        self.line.send(("opened", self.market.digest(), damaged, self.store.mark))

    def do(self, calls: list[Call], together: bool, fault: Fault | None) -> None:
        """Do commands one after the other, or with one write for all; none after a fault."""
        if together:
            self.store.fault = fault
            with self.market.batch():
                answers = [call.on(self.market, command_id=call.id) for call in calls]
            for call, answer in zip(calls, answers, strict=True):
                self._answer(call, answer)
            return
        for number, call in enumerate(calls):
            self.store.fault = fault if fault is not None and fault.at == number else None
            self._answer(call, call.on(self.market, command_id=call.id))
            if fault is not None and fault.at == number:
                return

    def snapshot(self, fault: Fault | None) -> None:
        self.store.fault = fault
        self.market.snapshot()

    def _answer(self, call: Call, answer: Any) -> None:
        self.line.send(("answer", call.id, answer, self.store.mark))

    def live(self) -> None:
        while True:
            what, *told = self.line.recv()
            if what == "open":
                self.open(closed=told[0])
                continue
            failed = False
            try:
                {"do": self.do, "snapshot": self.snapshot}[what](*told)
            except StoreFailed as failure:
                if failure.code != "store_failed":
                    raise
                failed = True
            if isinstance(told[-1], Fault) and told[-1].kind == "killed" and not self.store.fault:
                # What was to be killed does nothing more.
                time.sleep(60)
            self.store.fault = None
            # After a failed command there is nothing to ask; after a failed snapshot there is.
            digest = None if failed and what == "do" else self.market.digest()
            self.line.send(("over", failed, digest, self.store.seconds))


def serve(line: Connection, store: Callable[..., FailingStore], rules: Rules, *file: Any) -> None:
    """The life of the process: until the line is cut, or it is killed."""
    # The twin on the other side uses the compiled loop if there is one; here are the plain passes.
    os.environ[VARIABLE] = "0"
    # Where the system ends it there is nothing to look into.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        Server(line, store(*file), rules).live()
    except EOFError:
        return
    except Exception:  # noqa: BLE001 - the other side raises it
        line.send(("crashed", traceback.format_exc()))
