"""The other side of the line: starts the process, tells it, hears it, and kills it."""

import multiprocessing
import signal
import time
from typing import Any

import attrs

from p2pmatch import Rules
from tests.simulation.server import FailingStore, serve

# The processes are forked by one that has read everything and done nothing.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.simulation.life"])


@attrs.define
class Heard:
    """What came back: the answers by id; the digest and the mark at the end; how it ended."""

    answers: dict[str, Any] = attrs.field(factory=dict)
    digest: str | None = None
    mark: tuple[int, int] | None = None
    damaged: list[int] = attrs.field(factory=list)
    seconds: float | None = None
    failed: bool = False
    dead: bool = False


class Service:
    """A process with a marketplace."""

    def __init__(self, store: type[FailingStore], rules: Rules, *file: Any) -> None:
        self.line, theirs = _PROCESSES.Pipe()
        self.process = _PROCESSES.Process(target=serve, args=(theirs, store, rules, *file))
        self.process.start()
        theirs.close()
        self.killed = False

    def send(self, *message: Any) -> None:
        self.line.send(message)

    def hear(self, kill_after: float = 0.0) -> Heard:
        """All that it says until it is ready for more, or dead.

        `kill_after` : seconds between the beginning of the write to be killed in, and the kill.
        """
        heard = Heard()
        while True:
            try:
                what, *said = self.line.recv()
            except (EOFError, OSError):
                self.process.join()
                ended = self.killed or self.process.exitcode == -signal.SIGXFSZ
                assert ended, "the process ended by itself"
                heard.dead = True
                return heard
            if what == "crashed":
                raise AssertionError(said[0])
            if what == "writing":
                # Waiting lets the other process have the processor.
                time.sleep(kill_after)
                self.kill()
            elif what == "answer":
                name, heard.answers[name], heard.mark = said[0], said[1], said[2]
            elif what == "opened":
                heard.digest, heard.damaged, heard.mark = said
                return heard
            else:
                heard.failed, heard.digest, heard.seconds = said
                return heard

    def kill(self) -> None:
        """SIGKILL, from which no process recovers."""
        self.killed = True
        self.process.kill()

    def end(self) -> None:
        """Kill it if it lives, and let go of everything."""
        if not self.line.closed:
            self.kill()
            self.process.join()
            self.line.close()
            self.process.close()
