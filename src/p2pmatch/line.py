"""Places side by side in rank order, and which of them are one lender's."""

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["ByLender", "Line", "Repeats"]

Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]


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
        ranked = np.sort(lenders)
        if not (ranked[1:] == ranked[:-1]).any():
            return None
        order = lenders.argsort(kind="stable")
        ranked = lenders[order]
        same = ranked[1:] == ranked[:-1]
        several = np.zeros(len(lenders), dtype=np.bool_)
        several[1:] = same
        several[:-1] |= same
        rows = order[several]
        who = lenders[rows]
        first = np.ones(len(rows), dtype=np.bool_)
        np.not_equal(who[1:], who[:-1], out=first[1:])
        starts = first.nonzero()[0]
        return Repeats(rows, starts, np.diff(starts, append=len(rows)))


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
    """

    __slots__ = (
        "_last_key",
        "_lender_rows",
        "_slot_rows",
        "caps",
        "keys",
        "slots",
    )

    def __init__(self, keys: Amounts, slots: Numbers, lenders: Numbers, caps: Amounts) -> None:
        super().__init__(lenders)
        self.keys = keys
        self.slots = slots
        self.caps = caps
        self._slot_rows: Positions | None = None
        self._lender_rows: Positions | None = None
        self._last_key = -1

    def __len__(self) -> int:
        return len(self.keys)

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

    @property
    def last_key(self) -> int:
        """The key of the last place; worked out once."""
        if self._last_key < 0:
            self._last_key = int(self.keys[-1])
        return self._last_key

    def take(self, rows: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Line":
        """Some of the rows."""
        line = Line(self.keys[rows], self.slots[rows], self.lenders[rows], self.caps[rows])
        if isinstance(rows, slice):
            if self._slot_rows is not None:
                line._slot_rows = self._slot_rows[rows]
            if self._lender_rows is not None:
                line._lender_rows = self._lender_rows[rows]
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
