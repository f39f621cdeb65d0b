"""Stores with a fault of their own, which the simulation must find."""

from collections.abc import Sequence

from p2pmatch.entries import Entry
from tests.simulation.server import FailingStore


class LateStore(FailingStore):
    """Says that an entry is kept, and writes it with the next one: a killed process loses it."""

    late: Sequence[Entry] = ()

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        if self.late or expected % 3 != 1:
            both, self.late = [*self.late, *entries], ()
            super().append(both, both[0].seq)
        else:
            self.late = entries

    def find(self, command_id: str) -> Sequence[Entry]:
        late = [entry for entry in self.late if entry.command_id == command_id]
        return [*super().find(command_id), *late]

    def close(self) -> None:
        if self.late:
            super().append(self.late, self.late[0].seq)
        super().close()


class ForgetfulStore(FailingStore):
    """Does not find the commands that were done."""

    def find(self, command_id: str) -> Sequence[Entry]:
        return []


class HalfStore(FailingStore):
    """Writes a batch entry by entry."""

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        for entry in entries:
            super().append([entry], entry.seq)


class UnsyncedStore(FailingStore):
    """Says that an entry is kept before the disk has it: a power cut loses it."""

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        synced = self.mark
        super().append(entries, expected)
        self.mark = synced
