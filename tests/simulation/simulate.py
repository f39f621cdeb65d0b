"""Whole marketplaces on files that fail: nothing that was answered is lost, nothing happens twice.

    python -m tests.simulation.simulate [--seed N] [--minutes M]

A random history of all mechanisms is lived through beside its naive twin, kept in a SQLite file.
Now and then a write fails: before anything is written, after all of it is (a disk that says no and
means yes), or in the middle (the file is taken as a crash would leave it, with the end of its log
torn off). Then the marketplace is opened again from what is on the disk, and the client, which has
heard nothing, sends its command again under the same id. Clients also repeat commands long
answered; snapshots are lost and damaged; time stands still. After each fault the book is the twin's
and the journal verifies. A seed says everything: a failure is repeated by its number.
"""

import argparse
import inspect
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from p2pmatch import Marketplace, P2PMatchError, Rules
from p2pmatch.entries import Entry
from p2pmatch.errors import StoreFailed
from p2pmatch.journal import DamagedSnapshot, verify
from p2pmatch.stores import SqliteStore
from tests.machines.pair import Pair
from tests.machines.test_twin import History

#: The calls that change something: those that take the id of a command.
CHANGING = frozenset(
    name
    for name, call in inspect.getmembers(Marketplace, inspect.isfunction)
    if "command_id" in inspect.signature(call).parameters
)


class FailingStore(SqliteStore):
    """A file on a disk that fails when it is told to."""

    fails: str | None = None
    image: Path | None = None

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        how, self.fails = self.fails, None
        if how == "full":
            raise StoreFailed("store_failed", "store", "disk", "a disk with room")
        log = Path(f"{self.path}-wal")
        before = log.stat().st_size if log.exists() else 0
        super().append(entries, expected)
        if how == "torn":
            self._tear(log, before)
        if how is not None:
            raise StoreFailed("store_failed", "store", "disk", "a disk that can be synced")

    def _tear(self, log: Path, before: int) -> None:
        """Leave an image of the file as a crash in the middle of the last write would."""
        after = log.stat().st_size
        if after > before:
            self.image = self.path.with_name(f"image-{before}-{after}-{self.path.name}")
            shutil.copy(self.path, self.image)
            kept = before + (after - before) * len(self.path.name) % (after - before)
            Path(f"{self.image}-wal").write_bytes(log.read_bytes()[:kept])


class Client:
    """What the twin is driven beside: a marketplace, and a client that repeats what it must."""

    def __init__(self, folder: Path, rules: Rules, random: Random) -> None:
        self.folder, self.rules, self.random = folder, rules, random
        self.faults: Counter[str] = Counter()
        self.commands = 0
        self.answered: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = []
        self.store = FailingStore(folder / "market.db")
        self.market = Marketplace.open(self.store, rules)

    def __getattr__(self, name: str) -> Any:
        if name not in CHANGING:
            return getattr(self.market, name)

        def call(*arguments: Any, **more: Any) -> Any:
            return self._told(name, arguments, more)

        return call

    def _told(self, name: str, arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """Tell it, until there is an answer; now and then fail, and repeat old commands."""
        self.commands += 1
        more = {**more, "command_id": f"command {self.commands}"}
        if self.random.randrange(100) < 12:
            self.store.fails = self.random.choice(["full", "written", "torn"])
        answer = self._answer(name, arguments, more)
        self.store.fails = None
        self.answered.append((name, arguments, more, answer))
        if self.random.randrange(100) < 10:
            self._repeat_an_old_one()
        if isinstance(answer, P2PMatchError):
            raise answer
        return answer

    def _answer(self, name: str, arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
        how = self.store.fails
        try:
            return getattr(self.market, name)(*arguments, **more)
        except StoreFailed as failure:
            if failure.code != "store_failed":
                raise
            self.faults[str(how)] += 1
            self.reopen()
            return self._answer(name, arguments, more)
        except P2PMatchError as refusal:
            return refusal

    def _repeat_an_old_one(self) -> None:
        name, arguments, more, answer = self.random.choice(self.answered)
        digest = self.market.digest()
        again = self._answer(name, arguments, more)
        self.faults["repeated"] += 1
        assert self.market.digest() == digest
        if isinstance(answer, P2PMatchError):
            assert again.code == answer.code
        else:
            assert again == answer, (name, more, again, answer)

    def reopen(self) -> None:
        """Open again what is on the disk: the file, or the image that a crash left of it."""
        image, old = self.store.image, self.store.path
        self.store.close()
        path = old if image is None else self.folder / f"market-{self.faults.total()}.db"
        if image is not None:
            for end in ("", "-wal"):
                Path(f"{image}{end}").rename(f"{path}{end}")
        self.store = FailingStore(path)
        if self.random.randrange(100) < 30:
            self._lose_a_snapshot()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedSnapshot)
            self.market = Marketplace.open(self.store, self.rules)
        found = verify(self.store)
        assert found.digest == self.market.digest()
        if self.random.randrange(100) < 50:
            self.market.snapshot()

    def _lose_a_snapshot(self) -> None:
        """Take the newest away, or spoil it."""
        self.store.claim()
        for seq in self.store.snapshots()[:1]:
            what = self.random.choice(["DELETE FROM snapshot", "UPDATE snapshot SET data = x'00'"])
            self.store._connection.execute(f"{what} WHERE seq = ?", (seq,))
            # What cannot be read is not verified either: it is gone once it was noticed.
            if what.startswith("UPDATE"):
                with warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")
                    assert Marketplace.open(self.store, self.rules).opened is not None
                assert told
                self.store._connection.execute("DELETE FROM snapshot WHERE seq = ?", (seq,))
            self.faults["snapshot"] += 1


def simulate(seed: int, steps: int = 60) -> tuple[int, Counter[str]]:
    """One history; how many commands it had, and which faults it survived."""
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        history = History(random, large=seed % 5 == 0)
        client = Client(Path(folder), history.draw.rules, random)
        history.pair = Pair(history.draw.rules, client)  # type: ignore[arg-type]
        history.run(steps)
        client.reopen()
        history.pair.compare()
        client.store.close()
    return client.commands, client.faults


def campaign(seeds: Callable[[], int | None]) -> tuple[int, int, Counter[str]]:
    """Histories, commands and faults survived, until there are no more seeds."""
    histories, commands, faults = 0, 0, Counter[str]()
    while (seed := seeds()) is not None:
        try:
            more, met = simulate(seed)
        except BaseException:
            print(f"seed {seed} failed")  # noqa: T201 - its own command
            raise
        histories, commands, faults = histories + 1, commands + more, faults + met
    return histories, commands, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=int, default=0, help="how long; 0: one history")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    following = iter(range(options.seed, 2**31))

    def seeds() -> int | None:
        seed = next(following)
        return seed if seed == options.seed or time.monotonic() < end else None

    histories, commands, faults = campaign(seeds)
    print(f"histories {histories}\ncommands  {commands}\nfaults    {faults.total()}")  # noqa: T201
    for fault, count in sorted(faults.items()):
        print(f"  {fault:<9} {count}")  # noqa: T201 - its own command


if __name__ == "__main__":
    main()
