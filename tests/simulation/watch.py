"""What must hold of the file after every fault, whatever the fault was."""

from pathlib import Path

from p2pmatch import P2PMatchError, Rules
from p2pmatch.audit import Auditor
from p2pmatch.journal import replay, verify
from p2pmatch.stores import SqliteStore
from p2pmatch.wire import EVENTS


class Watch:
    """Reads a journal again and again: verified whole each time, and audited.

    The auditor goes on from the entry it saw last. That is an audit of all of it: the head of the
    chain of that time must still be in the chain, so the entries before it are those it saw.
    """

    def __init__(self, path: Path, rules: Rules) -> None:
        self.path = path
        self.auditor = Auditor(rules)
        self.head: str | None = None
        self.seen = 0
        self.done: set[str] = set()

    def look(self) -> str:
        """The digest of what the file leads to."""
        try:
            with SqliteStore(self.path) as store:
                found = verify(store, self.head)
                assert replay(store).digest() == found.digest
                new = list(store.read(self.seen + 1))
        except P2PMatchError as wrong:
            # Whoever drives the client takes these for answers.
            raise AssertionError(str(wrong)) from wrong
        for entry in new:
            assert entry.command_id not in self.done, f"{entry.command_id} was done twice"
            for event in EVENTS.decode_all(entry.events, entry.seq):
                self.auditor.see(event)
            if entry.command_id is not None:
                self.done.add(entry.command_id)
        report = self.auditor.report()
        assert report.ok, str(report)
        self.head, self.seen = found.head, found.entries - 1
        return found.digest
