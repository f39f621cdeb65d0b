"""Rooms for several amounts of one request: the ladder is read once, as far as any needs."""

from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from p2pmatch.allocation import Fifo
from p2pmatch.orders import Request
from p2pmatch.rooms import Found, Rooms, Rows
from p2pmatch.state import State

__all__ = ["Front", "SharedRooms"]


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

    __slots__ = ("_line", "_read", "_rest")

    def __init__(self, state: State, request: Request, now: int) -> None:
        super().__init__(state, request, now)
        self._rest = super()._found()
        self._read: list[Found] = []
        self._line: list[Rows] | None = None

    def ask(self, request: Request) -> None:
        """Be the rooms of this request: the same but for its amount, which is not larger."""
        self.request = request

    def fronts(self, amounts: Sequence[int]) -> Mapping[int, Front]:
        """Where the loans of these amounts end, once a larger one has been placed whole.

        Only where offers are used up in their order, nobody's room depends on the loan's size, and
        the last note is no smaller than the smallest: the others are left out.
        """
        if not self._line or not isinstance(self.state.rules.allocation_rule, Fifo):
            return {}
        line = Rows.joined(self._line)
        before = line.given.cumsum() - line.given
        # A row too small for a note still ends a loan that needs no more than it could give.
        meets = np.maximum.accumulate(before + line.raw)
        targets = np.array(amounts, dtype=np.int64)
        ends = meets.searchsorted(targets)
        rests = targets - before[ends]
        return {
            amount: Front(line, end, rest)
            for amount, end, rest in zip(amounts, ends.tolist(), rests.tolist(), strict=True)
            if rest >= self.least
        }

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

    def _found(self) -> Iterator[Found]:
        yield from self._read
        for keys, slots, lenders, room, joint in self._rest:
            # Copies, because the columns are views of a chunk, which tidies itself when it is read.
            found = keys.copy(), slots.copy(), lenders.copy(), room, joint
            self._read.append(found)
            yield found
