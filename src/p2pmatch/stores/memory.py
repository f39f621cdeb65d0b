"""A journal in memory: for tests, and for histories that need not outlive the process."""

from collections.abc import Iterator, Sequence
from itertools import islice

from p2pmatch.entries import Entry
from p2pmatch.errors import StoreFailed

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps a journal and its two newest snapshots in memory.

    Attributes
    ----------
    entries : the entries, in order.
    pieces : the pieces of each snapshot, by the number of its entry.

    Examples
    --------
    >>> store = MemoryStore()
    >>> list(store.read()), store.snapshots()
    ([], [])
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.pieces: dict[int, list[bytes]] = {}
        self._by_command: dict[str, list[Entry]] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore: {len(self.entries)} entries>"

    def claim(self) -> None:
        """Nothing to claim: a writer that was left behind is found out by its numbers."""

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        """Keep the entries, all or none. O(entries)."""
        if expected != len(self.entries):
            raise StoreFailed(
                "store_moved_on", "expected", expected, f"entry {len(self.entries)} next"
            )
        self.entries.extend(entries)
        for entry in entries:
            if entry.command_id is not None:
                self._by_command.setdefault(entry.command_id, []).append(entry)

    def read(self, first: int = 0) -> Iterator[Entry]:
        """The entries from number `first` on."""
        return islice(self.entries, first, None)

    def find(self, command_id: str) -> Sequence[Entry]:
        """The entries with that command id. O(1)."""
        return self._by_command.get(command_id, [])

    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        """Keep a snapshot; of the others the newest one stays."""
        self.pieces[seq] = list(pieces)
        for old in self.snapshots()[2:]:
            del self.pieces[old]

    def snapshots(self) -> Sequence[int]:
        """The numbers of the snapshots, the newest first."""
        return sorted(self.pieces, reverse=True)

    def snapshot(self, seq: int) -> Sequence[bytes]:
        """The pieces of a snapshot."""
        if seq not in self.pieces:
            raise StoreFailed("store_failed", "snapshot", seq, f"one of {self.snapshots()}")
        return self.pieces[seq]

    def close(self) -> None:
        """Nothing to let go of."""
