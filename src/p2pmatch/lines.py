"""A ladder's places in rank order, laid side by side in lines that are kept from sweep to sweep.

What a sweep does to a line costs nearly the same for a hundred places as for five hundred. So a
line is as long as the loans of the day need it: where they go past a short line, it is made one
with its successor.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.line import Line
from p2pmatch.scratch import Scratch

__all__ = ["Lines", "Read"]

# A line has at least so many places when it is read, if there are; more are enough for good.
_FEW: Final = 128
_ENOUGH: Final = 512
# After so many uses a short one is made one with the next.
_USES: Final = 4
# Nobody comes into one that has so many: it is cut anew.
_MOST: Final = 1024
# Rows without money that a line may keep before they are dropped.
_DEAD_ROWS: Final = 256
# From one row that is looked at to the next: a prime above all lengths, so that none is left out.
_STRIDE: Final = 1_000_003
# So many lines are kept; what is behind them is read anew each time.
_KEPT: Final = 64

#: (key, how many pieces) -> the places behind the key in the next so many pieces of the ladder, and
#: up to which key they are all there are; None: there are none.
Read = Callable[[int, int], tuple[Line, int] | None]


class Lines:
    """The places that one set of tags fits: line after line, each up to a key.

    A line bears all places with money from where the one before it ends up to its key, and maybe
    some without. Of every place that comes it is told by `add`; of one that goes for good, or has
    money again, by `forget`; of one without money that its ladder drops it need not know.
    """

    __slots__ = ("_ends", "_lines", "_uses")

    def __init__(self) -> None:
        self._ends: list[int] = []
        # None: to be read anew.
        self._lines: list[Line | None] = []
        # How often each was asked for.
        self._uses: list[int] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, key: int, slot: int, lender: int, cap: int) -> None:
        """A new place comes: put it where it belongs, if that is kept. O(rows of its line)."""
        if not self._ends or key > self._ends[-1]:
            return
        at = bisect_left(self._ends, key)
        line = self._lines[at]
        if line is not None:
            self._lines[at] = line.plus(key, slot, lender, cap) if line.count < _MOST else None

    def forget(self, key: int) -> None:
        """The place with this key goes, or has money again: its line is to be read anew."""
        at = bisect_left(self._ends, key)
        if at < len(self._ends):
            self._lines[at] = None

    def after(self, key: int, read: Read) -> tuple[Line, int] | None:
        """The next places behind a key, and up to which key that is all; None: there are none.

        O(log n), and O(rows) where they have to be read.

        Parameters
        ----------
        key : -1, or where the line before ended.
        read : reads what is not kept.
        """
        at = bisect_right(self._ends, key)
        if at == _KEPT:
            return read(key, 1)
        line = self._lines[at] if at < len(self._lines) else None
        if line is None:
            line = self._read(at, key, read)
            if line is None:
                return None
        end = self._ends[at]
        self._uses[at] += 1
        if at:
            self._pass(at - 1)
        return line, end

    def money(
        self, line: Line, left: npt.NDArray[np.int64], least: int, scratch: Scratch
    ) -> tuple[Line, npt.NDArray[np.int64]]:
        """A line, and what money its places have; rid of those without, if they are many or all.

        Parameters
        ----------
        left : the money, minor units, by slot.
        least : with less a place is without money.
        scratch : where it is written to.
        """
        room = scratch.take(line.count)
        # All slots are there; "clip" only spares numpy a copy.
        left.take(line.slot_rows, out=room, mode="clip")
        # To count costs as much as to read; one row, each time another, says if it is worth while.
        line.reads += 1
        if room.item(line.reads * _STRIDE % line.count) >= least:
            return line, room
        alive = room >= least
        count = int(np.count_nonzero(alive))
        dead = line.count - count
        if count and dead < _DEAD_ROWS:
            return line, room
        kept: slice | npt.NDArray[np.intp] = slice(dead, line.count)
        # Most often they are the first, because the best places are used up first.
        if np.count_nonzero(alive[kept]) < count:
            kept = alive.nonzero()[0]
        return self.shorten(line, kept), room[kept]

    def shorten(self, line: Line, kept: slice | npt.NDArray[np.intp]) -> Line:
        """Leave all but `kept` out of a line; the others have no money."""
        shorter = line.take(kept)
        at = bisect_left(self._ends, line.last_key)
        if at < len(self._ends) and self._lines[at] is line:
            self._lines[at] = shorter
        return shorter

    def _pass(self, at: int) -> None:
        """A sweep goes past a line: if it is short, the next ones shall find more in one.

        One that does not serve long is not worth the while.
        """
        line, following = self._lines[at], self._lines[at + 1]
        if line is None or following is None or line.count >= _ENOUGH:
            return
        if not line.count or self._uses[at] >= _USES:
            self._lines[at + 1] = Line.joined([line, following]) if line.count else following
            del self._ends[at], self._lines[at], self._uses[at]

    def _read(self, at: int, begin: int, read: Read) -> Line | None:
        """Read what is behind `begin` into the line at `at`, which ends no later than before."""
        bound = self._ends[at] if at < len(self._ends) else None
        end, rows = begin, 0
        pieces: list[Line] = []
        while rows < _FEW and (bound is None or end < bound):
            # If most tags do not fit, not one piece at a time.
            found = read(end, 2 ** len(pieces))
            if found is None:
                break
            piece, end = found
            if bound is not None and end > bound:
                piece, end = piece.take(slice(0, _count(piece, bound))), bound
            pieces.append(piece)
            rows += piece.count
        if not pieces:
            del self._ends[at:], self._lines[at:], self._uses[at:]
            return None
        line = pieces[0] if len(pieces) == 1 else Line.joined(pieces)
        if end == bound:
            self._lines[at] = line
        else:
            self._ends.insert(at, end)
            self._lines.insert(at, line)
            self._uses.insert(at, 0)
            # Where one is cut in several there may be more than are kept.
            del self._ends[_KEPT:], self._lines[_KEPT:], self._uses[_KEPT:]
        return line


def _count(line: Line, key: int) -> int:
    """How many of the places have keys up to this one."""
    return int(line.keys.searchsorted(key, side="right"))
