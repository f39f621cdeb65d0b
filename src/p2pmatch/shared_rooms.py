"""Rooms for several amounts of one request: the ladder is read once, as far as any needs."""

from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from p2pmatch.allocation import Fifo
from p2pmatch.along import Found
from p2pmatch.line import Line
from p2pmatch.loans import Loan
from p2pmatch.orders import Request
from p2pmatch.rooms import Rooms, Rows
from p2pmatch.scratch import Scratch
from p2pmatch.state import State

__all__ = ["Front", "SharedRooms", "fronts_in"]


@attrs.frozen(eq=False)
class Front:
    """Where a loan ends in the line of those that could give: row `end`, which gives `rest`."""

    line: Rows
    end: int
    rest: int

    def rows(self) -> Rows:
        """The rows that give."""
        rows = self.line.until(self.end, self.rest)
        used = rows.given.nonzero()[0]
        return rows if len(used) == len(rows.given) else rows.take(used)


class SharedRooms(Rooms):
    """Rooms that remember what they have read; the state must not change meanwhile.

    Which places may take part, and with how much, is the same for every amount; what they give
    when those before them give all they can is as well, unless somebody may lend no more than a
    share of the loan. `ask` says for which amount they are read next, the largest first; `fronts`
    answers for smaller ones at once, where it can.
    """

    remembers = True
    __slots__ = ("_line", "_read", "_rest")

    def __init__(self, state: State, request: Request, now: int) -> None:
        super().__init__(state, request, now)
        # What it has read is kept.
        self.scratch = Scratch(0)
        self._rest = super().found()
        self._read: list[Found] = []
        self._line: list[Rows] | None = None

    def ask(self, request: Request) -> None:
        """Be the rooms of this request: the same but for its amount, which is not larger."""
        self.request = request

    def fronts(self, amounts: Sequence[int], loan: Loan) -> Mapping[int, Front]:
        """Where the loans of these amounts end, once `loan`, a larger one, has been placed whole.

        Only where offers are used up in their order, and the last note is no smaller than the
        smallest: the others are left out.
        """
        if not amounts or not isinstance(self.state.allocation, Fifo):
            return {}
        if not self.state.any_share:
            return fronts_in(Rows.joined(self._line or []), amounts, self.least)
        # Parts of one offer share its cap; they are few, and left to a sweep.
        lines = {} if self.state.parts else self._lines(amounts, loan)
        found: dict[int, Front] = {}
        for amount, line in lines.items():
            found |= fronts_in(line, [amount], self.least)
        return found

    def _lines(self, amounts: Sequence[int], loan: Loan) -> dict[int, Rows]:
        """For each amount the line of those that could give, as far as the larger loan went."""
        cell = self.state.cell_of[loan.grade, loan.term]
        last = self.state.key_of(int(loan.notes.offers[-1]), cell)
        line, room, joint = _joined(self._read, last)
        # Nothing is taken yet, whatever the amount; who has several rows is worked out once.
        taken = self.begin()
        lines: dict[int, Rows] = {}
        for amount in amounts:
            lines[amount], _ = self._rows(line, room, joint, amount, {}, taken)
        return lines

    def scan(self, size: int) -> Iterator[Rows]:
        """As of any rooms. What the largest amount has read is enough for a smaller one."""
        if self.state.any_share:
            return super().scan(size)
        if self._line is None:
            self._line = []
            return self._remembered(size, self._line)
        return iter(self._line)

    def _remembered(self, size: int, line: list[Rows]) -> Iterator[Rows]:
        for rows in super().scan(size):
            line.append(rows)
            yield rows

    def found(self) -> Iterator[Found]:
        """What was read, then more, which is remembered."""
        yield from self._read
        for line, room, joint in self._rest:
            rows = room.nonzero()[0]
            if not len(rows):
                continue
            found: Found = line, room, joint
            if len(rows) < line.count:
                some = joint[rows] if isinstance(joint, np.ndarray) else joint
                found = line.take(rows), room[rows], some
            self._read.append(found)
            yield found


def fronts_in(line: Rows, amounts: Sequence[int], least: int) -> dict[int, Front]:
    """Where loans of these amounts end in a line; not those whose last note is below `least`."""
    meets = reached = line.given.cumsum()
    if line.given is not line.raw:
        # A row too small for a note still ends a loan that needs no more than that.
        meets = np.maximum.accumulate(reached - line.given + line.raw)
    ends = meets.searchsorted(amounts)
    found: dict[int, Front] = {}
    for amount, end in zip(amounts, ends.tolist(), strict=True):
        if end < len(meets):
            last = amount - reached.item(end) + line.given.item(end)
            if last >= least:
                found[amount] = Front(line, end, last)
    return found


def _joined(pieces: Sequence[Found], last: int) -> Found:
    """The pieces as one, up to the place with the key `last` if they are several."""
    if len(pieces) == 1:
        return pieces[0]
    lines, rooms, joints = zip(*pieces, strict=True)
    count = sum(int(line.keys.searchsorted(last, side="right")) for line in lines)
    line = Line.joined(lines).take(slice(0, count))
    joint = joints[0] if isinstance(joints[0], int | None) else np.concatenate(joints)[:count]
    return line, np.concatenate(rooms)[:count], joint
