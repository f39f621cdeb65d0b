"""Stores with a fault of their own, which the simulation must find."""

from collections.abc import Sequence

from p2pmatch.entries import Entry
from tests.simulation.server import FailingStore


class LateStore(FailingStore):
    """Says that an entry is kept, and writes it with the next one: a killed process loses it."""

    late: Sequence[Entry] = ()

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        both = [*self.late, *entries]
        if expected % 3:
            super().append(both, both[0].seq)
            self.late = ()
        else:
            self.late = both

    def find(self, command_id: str) -> Sequence[Entry]:
        late = [entry for entry in self.late if entry.command_id == command_id]
        return [*super().find(command_id), *late]


class ForgetfulStore(FailingStore):
    """Does not find the commands that were done."""

    def find(self, command_id: str) -> Sequence[Entry]:
        return []


class HalfStore(FailingStore):
    """Writes a batch entry by entry."""

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        for entry in entries:
            super().append([entry], entry.seq)


class SilentStore(FailingStore):
    """Says nothing when the disk does: what was not written was answered."""

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        if self.fault is None or self.fault.kind not in {"refused", "full"}:
            super().append(entries, expected)
