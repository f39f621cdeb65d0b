"""A run of one cell's places: parallel columns in which a new place costs nothing but its writing.

Places come far more often than any one chunk is read: a chunk far from the best rates takes many
before a sweep gets there. So a new row is put behind the others as it is, and all are sorted when
somebody reads.
"""

from bisect import bisect_left
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["CHUNK", "Chunk", "Columns", "Row"]

#: Rows of one chunk.
CHUNK: Final = 512

#: The five columns: keys, slots, lenders, tags, caps.
Columns = tuple[npt.NDArray[Any], ...]
#: One place: what stands in the five columns.
Row = tuple[int, int, int, int, int]


class Chunk:
    """Up to `CHUNK` places: parallel columns, of which rows `start` to `stop` are in use.

    keys, caps (most per loan, minor units) are int64; slots, lenders, tags are int32. The rows are
    sorted by key when they are had by `rows` or `used`, and may be in any order before.
    reads : how often it was read; lent : whether others may have views of its columns.
    """

    __slots__ = (
        "_sorted_to",
        "_views",
        "caps",
        "keys",
        "lenders",
        "lent",
        "reads",
        "slots",
        "start",
        "stop",
        "tags",
    )

    def __init__(self) -> None:
        self.start = 0
        self.stop = 0
        self.reads = 0
        # The rows from there on have come since the others were sorted.
        self._sorted_to = 0
        self._renew()

    def _renew(self) -> None:
        """Have columns that nobody else looks at, whatever is in them."""
        self.lent = False
        self.keys = np.empty(CHUNK, dtype=np.int64)
        self.slots = np.empty(CHUNK, dtype=np.int32)
        self.lenders = np.empty(CHUNK, dtype=np.int32)
        self.tags = np.empty(CHUNK, dtype=np.int32)
        self.caps = np.empty(CHUNK, dtype=np.int64)
        # To read and write single rows by these takes a quarter of the time.
        self._views = tuple(column.data for column in self.columns())

    def __len__(self) -> int:
        return self.stop - self.start

    def columns(self) -> Columns:
        """The five columns, whole."""
        return self.keys, self.slots, self.lenders, self.tags, self.caps

    def used(self) -> slice:
        """The rows in use, put in order, maybe in new columns: to be had before the columns are."""
        if self._sorted_to < self.stop:
            self._sort()
        return slice(self.start, self.stop)

    def rows(self) -> Columns:
        """The five columns, the rows in use only. Who keeps them has to say so, by `lent`."""
        used = self.used()
        return tuple(column[used] for column in self.columns())

    def fill(self, rows: Columns) -> None:
        """Hold exactly these rows, in order, in columns of its own. They are not views of these."""
        count = len(rows[0])
        if self.lent:
            self._renew()
        for column, values in zip(self.columns(), rows, strict=True):
            column[:count] = values
        self.start, self.stop = 0, count
        self._sorted_to = count

    def drop(self, alive: npt.NDArray[np.bool_]) -> None:
        """Drop the rows in use that are not `alive`; where these come first, in O(1)."""
        columns = self.rows()
        rows = alive.nonzero()[0]
        if len(rows) and rows[0] + len(rows) == len(alive):
            self.start += int(rows[0])
        else:
            # Never cut short: what is behind the last row nobody else looks at.
            self.fill(tuple(column.take(rows) for column in columns))

    def add(self, row: Row) -> None:
        """Take one more place. There must be space behind the last. O(1)."""
        stop = self.stop
        if self._sorted_to == stop and (stop == self.start or self._views[0][stop - 1] < row[0]):
            self._sorted_to = stop + 1
        for column, value in zip(self._views, row, strict=True):
            column[stop] = value
        self.stop = stop + 1

    def has(self, key: int) -> bool:
        """Whether a place with that key is there."""
        return self._row_of(key) is not None

    def remove(self, key: int) -> bool:
        """Take out the place with that key; say whether it was there. O(CHUNK)."""
        if self.lent:
            self.fill(self.rows())
        row = self._row_of(key)
        if row is None:
            return False
        before, after = slice(row + 1, self.stop), slice(row, self.stop - 1)
        for column in self._views:
            column[after] = column[before]
        self.stop -= 1
        self._sorted_to -= row < self._sorted_to
        return True

    def _row_of(self, key: int) -> int | None:
        keys, stop = self._views[0], self._sorted_to
        row = bisect_left(keys, key, self.start, stop)
        if row < stop and keys[row] == key:
            return row
        return next((row for row in range(stop, self.stop) if keys[row] == key), None)

    def _sort(self) -> None:
        used = slice(self.start, self.stop)
        # Most are in order, which is what this kind makes use of.
        order = self.keys[used].argsort(kind="stable")
        self.fill(tuple(column[used].take(order) for column in self.columns()))
