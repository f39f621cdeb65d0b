"""The suite for stores finds out the stores that do not keep what they should."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from p2pmatch.entries import Entry
from p2pmatch.errors import StoreFailed
from p2pmatch.journal import DamagedSnapshot
from p2pmatch.stores import MemoryStore, Store
from p2pmatch.testing import StoreConformance


class TakesAnyNumber(MemoryStore):
    def append(self, entries: Sequence[Entry], expected: int) -> None:
        super().append(entries, len(self.entries))


class LosesTheLast(MemoryStore):
    def append(self, entries: Sequence[Entry], expected: int) -> None:
        super().append(entries, expected)
        if len(entries) > 5:
            self.entries.pop()


class ForgetsIds(MemoryStore):
    def read(self, first: int = 0) -> Iterator[Entry]:
        return (attrs.evolve(entry, command_id=None) for entry in super().read(first))


class FindsOnlyTheFirst(MemoryStore):
    def find(self, command_id: str) -> Sequence[Entry]:
        return super().find(command_id)[:1]


class FindsInAnyCase(MemoryStore):
    def find(self, command_id: str) -> Sequence[Entry]:
        return super().find(command_id) or super().find(command_id.lower())


class KeepsOneSnapshot(MemoryStore):
    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        self.pieces.clear()
        super().put_snapshot(seq, pieces)


class DropsEmptyPieces(MemoryStore):
    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        super().put_snapshot(seq, [piece for piece in pieces if piece])


class RefusesOtherwise(MemoryStore):
    def append(self, entries: Sequence[Entry], expected: int) -> None:
        try:
            super().append(entries, expected)
        except StoreFailed:
            raise StoreFailed("store_failed", "store", "x", "y") from None


def failures(kind: type[MemoryStore], folder: Path) -> list[str]:
    """The tests of the suite that a store does not pass."""

    class Suite(StoreConformance):
        outlives = False

        def open_store(self, folder: Path) -> Store:
            return kind()

    suite, failed = Suite(), []
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)(folder)
            except (AssertionError, StoreFailed, DamagedSnapshot):
                failed.append(name)
    return failed


def test_a_sound_store_passes(tmp_path: Path) -> None:
    assert failures(MemoryStore, tmp_path) == []


@pytest.mark.parametrize(
    "kind",
    [
        TakesAnyNumber,
        LosesTheLast,
        ForgetsIds,
        FindsOnlyTheFirst,
        FindsInAnyCase,
        KeepsOneSnapshot,
        DropsEmptyPieces,
        RefusesOtherwise,
    ],
)
def test_a_broken_store_is_found_out(kind: type[MemoryStore], tmp_path: Path) -> None:
    assert failures(kind, tmp_path)


def test_the_suite_must_be_told_which_store(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError):
        StoreConformance().test_it_is_a_store(tmp_path)
