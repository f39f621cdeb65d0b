"""Every command is written down before anybody hears what came of it.

The order of things: a command is checked and written as bytes; it is worked out, which changes the
memory step by step, for later steps depend on earlier ones; the entry is appended durably; then the
caller gets the answer. If the append fails, memory is ahead of the journal, or the entry is in it
all the same (a disk can say no and mean yes). So the marketplace then refuses everything, questions
too, until it is opened again, which reads back what is really there.
"""

from typing import Final

import attrs

from p2pmatch import commands as c
from p2pmatch import snapshots
from p2pmatch.checks import check_id
from p2pmatch.entries import Entry, Store, linked
from p2pmatch.errors import InvalidValue, Refused
from p2pmatch.events import Event
from p2pmatch.perform import perform
from p2pmatch.state import State
from p2pmatch.wire import COMMANDS, EVENTS

__all__ = ["MAX_ENTRY", "Opened", "Recorder"]

#: The most bytes one command may be written in.
MAX_ENTRY: Final = 500_000_000


@attrs.frozen
class Opened:
    """How a marketplace was opened.

    Parameters
    ----------
    snapshot : the number of the entry up to which a snapshot was used; None: none was.
    replayed : how many entries were replayed after it.
    damaged : the snapshots that could not be used, and why.
    """

    snapshot: int | None
    replayed: int
    damaged: tuple[tuple[int, str], ...]


class Recorder:
    """Writes what one marketplace does to a store.

    Methods: `prepare` a command, `perform` it and write it down; the `answer` to a command with an
    id seen before; `begin` and `end` a batch; `snapshot`.

    Parameters
    ----------
    seq, head : the number and the hash of the last entry.
    opened : how the marketplace was opened.
    """

    def __init__(self, store: Store, seq: int, head: bytes, opened: Opened) -> None:
        self.store = store
        self.seq = seq
        self.head = head
        self.opened = opened
        self._batches = 0
        self._unwritten: list[Entry] = []
        self._unwritten_ids: dict[str, Entry] = {}

    def answer(self, state: State, command: c.Command, command_id: str) -> list[Event] | None:
        """The events that a command with that id led to; None if the id is new.

        The same command must have been given, whatever the time: who asks again asks later.
        """
        check_id(command_id, "command_id")
        entry = self._unwritten_ids.get(command_id) or next(iter(self.store.find(command_id)), None)
        if entry is None:
            return None
        first = COMMANDS.decode(entry.command, entry.seq)
        asked = attrs.evolve(command, now=first.now) if type(first) is type(command) else command
        if COMMANDS.encode(asked, entry.seq) != entry.command:
            accepted = f"the command of entry {entry.seq} again, or a new id"
            raise Refused("command_id_reused", "command_id", command_id, accepted)
        return list(EVENTS.decode_all(entry.events, entry.seq, state, trusted=True))

    def prepare(self, command: c.Command) -> bytes:
        """The command as it will be written; raises for what cannot be, before anything is done."""
        payload = COMMANDS.encode(command, self.seq + 1)
        if len(payload) > MAX_ENTRY:
            accepted = f"at most {MAX_ENTRY} bytes"
            raise InvalidValue("too_large", type(command).__name__, len(payload), accepted)
        return payload

    def perform(
        self, state: State, command: c.Command, payload: bytes, command_id: str | None
    ) -> list[Event]:
        """Work a prepared command out, write it down, and return its events.

        After an exception the state may be ahead of the journal, and must not be used.
        """
        events = perform(state, command)
        written = EVENTS.encode_all(events, self.seq + 1)
        entry = linked(self.seq + 1, self.head, command_id, payload, written)
        self._unwritten.append(entry)
        if command_id is not None:
            self._unwritten_ids[command_id] = entry
        self.seq, self.head = entry.seq, entry.hash
        if not self._batches:
            self._write()
        return events

    def begin(self) -> None:
        """From now on write nothing before `end`."""
        self._batches += 1

    def end(self) -> None:
        """Write what came since `begin`, all or none of it, at one go."""
        self._batches -= 1
        if not self._batches:
            self._write()

    def _write(self) -> None:
        entries, self._unwritten = self._unwritten, []
        self._unwritten_ids.clear()
        if entries:
            self.store.append(entries, entries[0].seq)

    def snapshot(self, state: State) -> int:
        """Keep the state as it is, so that the next opening is short; the number of its entry."""
        if self._batches:
            raise Refused("batch_open", "snapshot", self.seq, "a snapshot after the batch")
        self.store.put_snapshot(self.seq, snapshots.take(state, self.head))
        return self.seq
