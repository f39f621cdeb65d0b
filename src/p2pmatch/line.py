"""Places side by side in rank order, and which of them are one lender's."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import Amounts, Numbers

__all__ = ["ByLender", "Line", "Repeats"]

Positions = npt.NDArray[np.int64]
_Number = TypeVar("_Number", np.int32, np.int64)
# Lenders' numbers and rows are int32.
_ROW_BITS: Final = 32
_ROWS: Final = 2**_ROW_BITS - 1


@attrs.define(eq=False)
class Repeats:
    """The rows whose lender has several: sorted by lender, then by rank.

    rows : positions; starts, sizes : where each lender's rows begin in it, and how many they are.
    """

    rows: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.intp]

    _turns: list[list[int]] | None = attrs.field(default=None, init=False)

    @property
    def turns(self) -> list[list[int]]:
        """The rows, lender by lender; worked out once."""
        if self._turns is None:
            rows, starts = self.rows.tolist(), self.starts.tolist()
            edges = pairwise([*starts, len(rows)])
            self._turns = [rows[start:stop] for start, stop in edges]
        return self._turns

    @staticmethod
    def among(lenders: Numbers | Positions) -> "Repeats | None":
        """The repeats among these rows' lenders; None where all differ. O(n log n).

        Examples
        --------
        >>> Repeats.among(np.array([7, 5, 9, 5])).rows.tolist()
        [1, 3]
        """
        # Sorting alone is quicker than asking for the order, and mostly enough.
        alone = lenders.copy()
        alone.sort()
        if not np.count_nonzero(alone[1:] == alone[:-1]):
            return None
        # For the same reason rows are sorted along, not asked for.
        ranked = lenders.astype(np.int64)
        ranked <<= _ROW_BITS
        ranked += np.arange(len(lenders))
        ranked.sort()
        who = ranked >> _ROW_BITS
        same = who[1:] == who[:-1]
        several = np.zeros(len(who), dtype=np.bool_)
        several[1:] = same
        several[:-1] |= same
        who = who[several]
        rows = ranked[several] & _ROWS
        begins = (who[1:] != who[:-1]).nonzero()[0]
        edges = np.zeros(len(begins) + 2, dtype=np.intp)
        np.add(begins, 1, out=edges[1:-1])
        edges[-1] = len(rows)
        return Repeats(rows, edges[:-1], edges[1:] - edges[:-1])


class ByLender:
    """Rows side by side, each of a lender, and which of them are one lender's.

    lenders : integers, never written to while it is in use.
    """

    __slots__ = ("_repeats", "_searched", "lenders")

    def __init__(self, lenders: Numbers) -> None:
        self.lenders = lenders
        self._repeats: Repeats | None = None
        self._searched = False

    @property
    def repeats(self) -> Repeats | None:
        """The rows whose lender has several; worked out once."""
        if not self._searched:
            self._repeats = Repeats.among(self.lenders)
            self._searched = True
        return self._repeats


class Line(ByLender):
    """Places in rank order: parallel columns, and what of them does not change while they stand.

    keys, caps (most per loan, minor units) : int64; slots, lenders : int32. The columns are never
    written to while the line is in use, so parts of them can be handed on.
    count : how many places; first_key, last_key : -1 if there are none.
    reads : how often a sweep has read it.
    """

    __slots__ = (
        "_lender_rows",
        "_slot_rows",
        "caps",
        "count",
        "first_key",
        "keys",
        "last_key",
        "reads",
        "slots",
    )

    def __init__(self, keys: Amounts, slots: Numbers, lenders: Numbers, caps: Amounts) -> None:
        super().__init__(lenders)
        self.keys = keys
        self.slots = slots
        self.caps = caps
        self._slot_rows: Positions | None = None
        self._lender_rows: Positions | None = None
        self.reads = 0
        self.count = len(keys)
        self.first_key = self.last_key = -1
        if self.count:
            self.first_key, self.last_key = keys.item(0), keys.item(-1)

    @property
    def slot_rows(self) -> Positions:
        """The slots as what numpy looks rows up by, or each look-up would make it; made once."""
        if self._slot_rows is None:
            self._slot_rows = self.slots.astype(np.int64)
        return self._slot_rows

    @property
    def lender_rows(self) -> Positions:
        """The lenders, likewise."""
        if self._lender_rows is None:
            self._lender_rows = self.lenders.astype(np.int64)
        return self._lender_rows

    def take(self, rows: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Line":
        """Some of the rows."""
        line = Line(self.keys[rows], self.slots[rows], self.lenders[rows], self.caps[rows])
        if isinstance(rows, slice):
            if self._slot_rows is not None:
                line._slot_rows = self._slot_rows[rows]
            if self._lender_rows is not None:
                line._lender_rows = self._lender_rows[rows]
        return line

    def plus(self, key: int, slot: int, lender: int, cap: int) -> "Line":
        """With one more place, where its key says."""
        row = int(self.keys.searchsorted(key))
        line = Line(
            _with(self.keys, row, key),
            _with(self.slots, row, slot),
            _with(self.lenders, row, lender),
            _with(self.caps, row, cap),
        )
        line.reads = self.reads
        return line

    @staticmethod
    def joined(lines: Sequence["Line"]) -> "Line":
        """Lines one after the other."""
        return Line(
            np.concatenate([line.keys for line in lines]),
            np.concatenate([line.slots for line in lines]),
            np.concatenate([line.lenders for line in lines]),
            np.concatenate([line.caps for line in lines]),
        )


def _with(column: npt.NDArray[_Number], row: int, value: int) -> npt.NDArray[_Number]:
    """A column with a value more, before row `row`: quicker than `np.insert`."""
    more = np.empty(len(column) + 1, dtype=column.dtype)
    more[:row], more[row], more[row + 1 :] = column[:row], value, column[row:]
    return more
