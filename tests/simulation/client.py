"""A client of a marketplace on a file that fails: it repeats what it must, and believes nothing.

A `Pair` drives it beside the naive twin as if it were a marketplace. Every command is done by a
marketplace in memory to which nothing ever happens, and told to the one in the other process, until
an answer comes; then answer and digest must be the same in both. Questions go to the calm one.
"""

import inspect
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import attrs

from p2pmatch import Marketplace, P2PMatchError, Rules
from p2pmatch.stores import SqliteStore
from tests.simulation.damage import lose_snapshot, tear, unfinished
from tests.simulation.flight import Sent
from tests.simulation.server import Call, FailingStore, Fault
from tests.simulation.service import Heard, Service
from tests.simulation.watch import Watch

#: The calls that change something: those that take the id of a command.
CHANGING = frozenset(
    name
    for name, call in inspect.getmembers(Marketplace, inspect.isfunction)
    if "command_id" in inspect.signature(call).parameters and not name.startswith("_")
)
#: What goes wrong with a write, as often as it stands here.
KINDS = (*["killed"] * 4, *["cut"] * 2, *["short"] * 2, *["full"] * 2, "refused", "written")
#: The log's bytes that are still written where a write stops part way: none, or up to some pages.
ROOM = range(-3_000, 16_000)


class Client:
    """A marketplace that may fail at every command.

    What goes wrong is drawn for each command by itself, from the seed and the command's id, so
    that what the operating system decides (how far a write had come when it was cut off) changes
    nothing of what is drawn later.

    Parameters
    ----------
    percent : how many of a hundred writes go wrong.
    """

    def __init__(
        self,
        folder: Path,
        rules: Rules,
        seed: int,
        store: type[FailingStore] = FailingStore,
        percent: int = 15,
    ) -> None:
        self.path, self.rules, self.seed = folder / "market.db", rules, seed
        self.store, self.percent = store, percent
        self.calm = Marketplace(rules)
        self.watch = Watch(self.path, rules)
        self.faults: Counter[str] = Counter()
        self.commands = 0
        #: What was told, and the first answer, by id.
        self.first: dict[str, tuple[Call, Any]] = {}
        # The id of the next command, if it has one; and whether the file has it already.
        self._called: str | None = None
        self._kept = False
        # How long opening and writing take, seconds, about.
        self._opening, self._writing = 0.01, 0.0005
        self._snapshots = 0
        self._start(self._dice("start"))
        self.watch.look()

    def __getattr__(self, name: str) -> Any:
        if name not in CHANGING:
            return getattr(self.calm, name)

        def call(*arguments: Any, **more: Any) -> Any:
            return self._told(name, arguments, more)

        return call

    def new_id(self) -> str:
        self.commands += 1
        return f"command {self.commands}"

    def close(self) -> Marketplace:
        """End the process; what it has left, opened for the last time and looked at whole."""
        self.service.end()
        self.watch = Watch(self.path, self.rules)
        assert self.watch.look() == self.calm.digest()
        with SqliteStore(self.path) as store:
            return Marketplace.open(store, self.rules)

    # One command

    def _told(self, name: str, arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """Do it, tell it until there is an answer, and compare."""
        call = Call(self._called or self.new_id(), name, arguments, more)
        before = self.calm.digest()
        answer = call.on(self.calm)
        self.first[call.id] = (call, answer)
        if not self._kept:
            dice = self._dice(call.id)
            self._tell(call, answer, {False: before, True: self.calm.digest()}, dice)
            self._meanwhile(dice)
        if isinstance(answer, P2PMatchError):
            raise answer
        return answer

    def _tell(self, call: Call, answer: Any, digests: dict[bool, str], dice: Random) -> None:
        while call.id not in (heard := self._deliver([call], dice, self._fault(dice, 1))).answers:
            # It was done whole, or nothing of it.
            done = call.id in self.watch.done
            assert self.told_digest == digests[done], call
            self.faults["done, not answered" if done else "not done"] += 1
        assert same(heard.answers[call.id], answer), (call, answer, heard.answers[call.id])
        assert self.told_digest == digests[True], call

    def _meanwhile(self, dice: Random) -> None:
        """Old commands come again, also under ids that belong to others; snapshots are taken."""
        if dice.random() < 0.1:
            self._again(dice.choice(list(self.first)), dice)
        if dice.random() < 0.03:
            self._reuse(dice.choice(list(self.first)), dice)
        if dice.random() < 0.08:
            self._snapshot(dice)

    def _again(self, name: str, dice: Random) -> None:
        """The client sends a command again: it gets the first answer, and nothing happens."""
        call, answer = self.first[name]
        if "now" in call.more:
            # The clock has gone on, or stands, or was set wrong.
            now = dice.choice([0, call.more["now"], self.calm.now or 0, call.more["now"] + 9])
            call = attrs.evolve(call, more={**call.more, "now": now})
        self._tell(call, answer, {False: self.calm.digest(), True: self.calm.digest()}, dice)
        self.faults["repeated"] += 1

    def _reuse(self, name: str, dice: Random) -> None:
        """An id that is another command's already is refused, and nothing happens."""
        if name not in self.watch.done:
            return
        call = Call(name, "cancel", (f"not {name}",), {"now": self.calm.now or 0})
        heard = Heard()
        while call.id not in heard.answers:
            heard = self._deliver([call], dice, self._fault(dice, 1))
        assert heard.answers[name].code == "command_id_reused"
        assert self.told_digest == self.calm.digest()
        self.faults["ids reused"] += 1

    def _snapshot(self, dice: Random) -> None:
        fault = self._fault(dice, 1)
        self.service.send("snapshot", fault)
        heard = self.service.hear(self._moment(dice))
        self._snapshots += 1
        self._came_to(fault, heard, dice)
        assert self.told_digest == self.calm.digest()

    # Several at once

    def burst(self, sent: list[Sent], clock: Callable[[], int]) -> None:
        """Send several commands without waiting; then all again, in another order, some twice.

        Their answers are lost, all of them or those after a fault. What was written is done: the
        twins do it now. When all come again, that gets its first answer, and the rest is done in
        the order and at the time in which it comes. First comes again what may have been written or
        not, so that the history goes on in the same way after either.
        """
        dice = self._dice(f"{sent[0].call.id} burst")
        together = dice.random() < 0.4
        fault = self._fault(dice, len(sent))
        heard = self._deliver([one.call for one in sent], dice, fault, together=together)
        reached = sent if fault is None or together else sent[: fault.at + 1]
        in_doubt = [] if fault is None else reached if together else reached[-1:]
        known = {*heard.answers, *self.watch.done}
        if together and known.intersection(one.call.id for one in sent):
            # All of them, or none.
            known.update(one.call.id for one in sent)
        done = [one for one in reached if one.call.id in known]
        assert len(done) >= len(reached) - len(in_doubt), (done, reached)
        for one in done:
            self._called, self._kept = one.call.id, True
            one.do(None)
        self._called, self._kept = None, False
        assert self.told_digest == self.calm.digest(), [one.call for one in done]
        for name, answer in heard.answers.items():
            assert same(answer, self.first[name][1]), self.first[name]
        # What was drawn meanwhile may have been more or less.
        order = self._dice(f"{sent[0].call.id} order")
        rest = [one for one in sent if one not in in_doubt]
        rest += order.sample(rest, len(rest) // 3)
        order.shuffle(rest)
        for number, one in enumerate([*in_doubt, *rest]):
            if one.call.id in self.first:
                self._again(one.call.id, dice)
                self.faults["repeated in another order"] += 1
            else:
                self._called = one.call.id
                one.do(None if number < len(in_doubt) else clock())
                self._called = None

    # Faults

    def _dice(self, what: str) -> Random:
        return Random(f"{self.seed} {what}")

    def _fault(self, dice: Random, commands: int) -> Fault | None:
        if dice.randrange(100) >= self.percent:
            return None
        room = max(dice.choice(ROOM), 0)
        return Fault(dice.choice(KINDS), dice.randrange(commands), room)

    def _moment(self, dice: Random) -> float:
        """When to kill: a drawn part of the time that a write takes, and a little more."""
        return dice.uniform(0, 1.2) * self._writing

    def _deliver(
        self,
        calls: list[Call],
        dice: Random,
        fault: Fault | None,
        *,
        together: bool = False,
    ) -> Heard:
        """Send commands, hear what comes back; after a fault the marketplace is open again."""
        self.service.send("do", calls, together, fault)
        heard = self.service.hear(self._moment(dice))
        self._came_to(fault, heard, dice)
        return heard

    def _came_to(self, fault: Fault | None, heard: Heard, dice: Random) -> None:
        """Go on from what a write came to."""
        self.mark = heard.mark or self.mark
        if heard.seconds is not None:
            self._writing += (heard.seconds - self._writing) / 8
        if fault is None:
            assert not heard.failed
        if fault is not None and (heard.failed or heard.dead):
            self.faults[fault.kind] += 1
            if heard.dead:
                self.faults["ended in the middle of the log"] += unfinished(self.path)
        if heard.dead or (heard.failed and heard.digest is None):
            self._recover(heard, dice)
        else:
            assert heard.digest is not None
            self.told_digest = heard.digest

    def _recover(self, heard: Heard, dice: Random) -> None:
        """Open it again, in the same process or another, and look at the file."""
        if not heard.dead and dice.random() < 0.5:
            self.service.send("open", dice.random() < 0.5)
            self._opened(self.service.hear())
        else:
            self.service.end()
            if dice.random() < 0.4:
                self.faults["torn"] += tear(self.path, self.mark, dice)
            self._start(dice)
        assert self.watch.look() == self.told_digest

    def _start(self, dice: Random) -> None:
        """A new process opens the file; a first one may be killed while it does."""
        harm = None
        if self._snapshots and dice.random() < 0.2:
            harm = lose_snapshot(self.path, dice)
        if harm is not None:
            self.faults[f"snapshot {harm[0]}"] += 1
        # Now and then the log is kept short, so that writes take it into the file.
        checkpoint = dice.choice([1_000, 1_000, 1_000, 4, 40])
        if dice.random() < 0.1:
            self.service = Service(self.store, self.rules, self.path, checkpoint)
            self.service.line.poll(dice.uniform(0, 1.2) * self._opening)
            self.service.end()
            self.faults["killed while opening"] += 1
        self.service = Service(self.store, self.rules, self.path, checkpoint)
        heard = self.service.hear()
        assert heard.damaged == ([harm[1]] if harm is not None and harm[0] == "spoilt" else [])
        self._opened(heard)

    def _opened(self, heard: Heard) -> None:
        assert heard.digest is not None
        assert heard.mark is not None
        self.told_digest, self.mark = heard.digest, heard.mark


def same(answer: Any, first: Any) -> bool:
    """Whether an answer is the first one again."""
    if isinstance(first, P2PMatchError):
        return type(answer) is type(first) and (answer.code, answer.field) == (
            first.code,
            first.field,
        )
    return bool(answer == first)
