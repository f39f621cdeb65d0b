"""What a journal is made of, and what a store that keeps one must do.

An entry is one command and the events it led to, as bytes. It bears a number and the hash of the
entry before it, so that nothing in a journal can be changed, taken out, put in or moved without
every later hash being wrong.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final, Protocol, runtime_checkable

import attrs

__all__ = ["BEGINNING", "Entry", "Store", "linked"]

#: What stands for the hash of the entry before the first.
BEGINNING: Final = bytes(32)


@attrs.frozen
class Entry:
    """One command and its events, as they are written down.

    Parameters
    ----------
    seq : its number; the first entry, which holds the rules, is 0.
    previous : the hash of the entry before it, 32 bytes.
    command_id : the caller's own name for the command; None: none was given.
    command, events : as `p2pmatch.wire` encodes them.
    hash : BLAKE2b, 32 bytes, of everything above.
    """

    seq: int
    previous: bytes
    command_id: str | None
    command: bytes
    events: bytes
    hash: bytes

    def own_hash(self) -> bytes:
        """The hash that its content has."""
        return _hash(self.seq, self.previous, self.command_id, self.command, self.events)


def linked(
    seq: int, previous: bytes, command_id: str | None, command: bytes, events: bytes
) -> Entry:
    """An entry with its hash.

    Examples
    --------
    >>> first = linked(0, BEGINNING, None, b"{}", b"[]")
    >>> first.hash == first.own_hash(), len(first.hash)
    (True, 32)
    """
    own_hash = _hash(seq, previous, command_id, command, events)
    return Entry(seq, previous, command_id, command, events, own_hash)


def _hash(
    seq: int, previous: bytes, command_id: str | None, command: bytes, events: bytes
) -> bytes:
    # Every part of variable length comes after its length, so that no two entries read the same.
    name = b"" if command_id is None else b"#" + command_id.encode()
    head = b"%d %d %d %d\n" % (seq, len(name), len(command), len(events))
    return blake2b(previous + head + name + command + events, digest_size=32).digest()


@runtime_checkable
class Store(Protocol):
    """Keeps one journal and its snapshots; what it has acknowledged is never lost.

    A call that cannot be done raises `StoreFailed` and changes nothing that is seen later, except
    that an `append` which fails may have been written all the same: who wrote must read back.
    `p2pmatch.testing.StoreConformance` checks all of this.
    """

    def claim(self) -> None:
        """Become the only writer; StoreFailed("store_locked") at once if somebody else is."""
        ...  # pragma: no cover - a protocol has no body

    def append(self, entries: Sequence[Entry], expected: int) -> None:
        """Keep the entries durably, all or none.

        `expected` is the number of the first of them; StoreFailed("store_moved_on") unless it is
        the number of entries that are kept already.
        """
        ...  # pragma: no cover - a protocol has no body

    def read(self, first: int = 0) -> Iterator[Entry]:
        """Return the entries from number `first` on, in the order in which they are kept."""
        ...  # pragma: no cover - a protocol has no body

    def find(self, command_id: str) -> Sequence[Entry]:
        """Return the entries with that command id, in order. O(log n) or better."""
        ...  # pragma: no cover - a protocol has no body

    def put_snapshot(self, seq: int, pieces: Sequence[bytes]) -> None:
        """Keep a snapshot of what the entries up to number `seq` led to, durably.

        At least the two newest snapshots are kept; older ones may go.
        """
        ...  # pragma: no cover - a protocol has no body

    def snapshots(self) -> Sequence[int]:
        """Return the numbers of the snapshots that are kept, the newest first."""
        ...  # pragma: no cover - a protocol has no body

    def snapshot(self, seq: int) -> Sequence[bytes]:
        """Return the pieces of the snapshot of that number."""
        ...  # pragma: no cover - a protocol has no body

    def close(self) -> None:
        """Let go of everything; until it is claimed again nothing may be written to it."""
        ...  # pragma: no cover - a protocol has no body
