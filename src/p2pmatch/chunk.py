"""A run of one cell's places, in parallel columns, into which a new place costs hardly anything.

Places come far more often than any one chunk is read: one that is far from the best rates takes
many before a sweep gets there. So a new row is put behind the others as it comes, and all are
sorted when somebody reads.
"""

from bisect import bisect_left
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from p2pmatch.conditions import NO_CAP

__all__ = ["CHUNK", "PIECE", "Chunk", "Columns", "Row"]

#: Rows of one chunk. With half as many bulk calls take an eighth longer, because each chunk costs
#: some calls of numpy; with twice as many they gain little, and who reads one sorts more.
CHUNK: Final = 1024
#: What a sweep takes at once: it costs nearly the same up to so many, and seldom wants more.
PIECE: Final = 512

#: Keys, slots, lenders, tags, caps: equally long.
Columns = tuple[npt.NDArray[Any], ...]
#: One place: what stands in the five columns.
Row = tuple[int, int, int, int, int]

# Among so many rows that came last one is looked for as they stand.
_LOOSE: Final = 64
_KINDS: Final = (np.int64, np.int32, np.int32, np.int32, np.int64)
# So many of the five columns a chunk has of its own where no place in it has a tag rule or a cap;
# where none has a cap; and else. In place of the others stand these.
_PLAIN: Final = 3
_TAGGED: Final = 4
_CAPPED: Final = 5
_NO_TAGS: Final = np.zeros(CHUNK, dtype=np.int32)
_NO_TAGS.setflags(write=False)
_NO_CAPS: Final = np.full(CHUNK, NO_CAP, dtype=np.int64)
_NO_CAPS.setflags(write=False)


class Chunk:
    """Up to `CHUNK` places.

    keys, caps (most per loan, minor units) are int64; slots, lenders, tags are int32. Who gets
    columns from here does not write to them, and what has been got by `behind` never changes.

    Attributes
    ----------
    reads : how often pieces of it were read; kept by the ladder.
    """

    __slots__ = ("_columns", "_lent", "_own", "_sorted_to", "_start", "_stop", "reads")

    def __init__(self) -> None:
        self.reads = 0
        # The rows in use; from `_sorted_to` on they have come since the others were sorted.
        self._start = self._stop = self._sorted_to = 0
        self._renew(_PLAIN)

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def space(self) -> int:
        """How many rows there is space for behind the last."""
        return CHUNK - self._stop

    def in_order(self) -> tuple[Columns, slice]:
        """The five columns, whole, and which rows are in use: those are sorted by key.

        O(1), or O(n log n) if places have come since the last time.
        """
        if self._sorted_to < self._stop:
            used = slice(self._start, self._stop)
            # Most are in order, which is what this kind makes use of.
            self._keep(self._start + self._columns[0][used].argsort(kind="stable"))
        return self._columns, slice(self._start, self._stop)

    def rows(self) -> Columns:
        """The rows in use, sorted by key, as they are until something changes."""
        columns, used = self.in_order()
        return tuple(column[used] for column in columns)

    def behind(self, key: int, most: int) -> tuple[Columns, bool]:
        """The next rows behind a key, `most` or fewer, and whether there are more behind them."""
        columns, used = self.in_order()
        keys, first = columns[0][used], used.start
        if keys.item(0) <= key:
            first += int(keys.searchsorted(key, side="right"))
        left = used.stop - first
        # Of even size: there is no use in a few rows by themselves.
        stop = first + (left if left <= most else -(-left // -(-left // most)))
        self._lent = True
        return tuple(column[first:stop] for column in columns), stop < used.stop

    def fill(self, rows: Columns) -> None:
        """Hold exactly these rows, which are sorted by key, and no views of this chunk's own."""
        self._replace(rows, _width(rows))

    def drop(self, alive: npt.NDArray[np.bool_]) -> None:
        """Drop the rows that are not `alive`; where these come first, in O(1)."""
        _, used = self.in_order()
        rows = alive.nonzero()[0]
        if len(rows) and rows[0] + len(rows) == len(alive):
            self._start += int(rows[0])
        else:
            # Never cut short: what comes next must not be written where others may look.
            self._keep(used.start + rows)

    def add(self, row: Row) -> None:
        """Take one more place. There must be space behind the last. O(1)."""
        key, _, _, tag, cap = row
        if cap != NO_CAP or tag:
            self._widen(_TAGGED if cap == NO_CAP else _CAPPED)
        stop, own = self._stop, self._own
        if self._sorted_to == stop and (stop == self._start or own[0][stop - 1] < key):
            self._sorted_to = stop + 1
        for column, value in zip(own, row, strict=False):
            column[stop] = value
        self._stop = stop + 1

    def extend(self, rows: Columns) -> None:
        """Take more places, in any order. There must be space behind the last. O(places)."""
        self._widen(_width(rows))
        self._write(rows)

    def has(self, key: int) -> bool:
        """Whether a place with that key is there. O(log n), as a rule."""
        return self._row_of(key) is not None

    def remove(self, key: int) -> bool:
        """Take out the place with that key; say whether it was there. O(n)."""
        row = self._row_of(key)
        if row is None:
            return False
        if self._lent:
            loose = self._stop - self._sorted_to
            row -= self._start
            self._keep(slice(self._start, self._stop))
            self._sorted_to -= loose
        before, after = slice(row + 1, self._stop), slice(row, self._stop - 1)
        for column in self._own:
            column[after] = column[before]
        self._stop -= 1
        self._sorted_to -= row < self._sorted_to
        return True

    def _row_of(self, key: int) -> int | None:
        if self._stop - self._sorted_to > _LOOSE:
            self.in_order()
        keys, stop = self._own[0], self._sorted_to
        row = bisect_left(keys, key, self._start, stop)
        if row < stop and keys[row] == key:
            return row
        return next((row for row in range(stop, self._stop) if keys[row] == key), None)

    def _keep(self, rows: slice | npt.NDArray[np.intp]) -> None:
        """Hold these rows of the columns, sorted by key, in columns that nobody else looks at."""
        width = len(self._own)
        self._replace(tuple(column[rows] for column in self._columns[:width]), width)

    def _replace(self, rows: Columns, width: int) -> None:
        """Hold rows sorted by key, and no others, in so many columns of its own, or more."""
        if self._lent:
            self._renew(width)
        else:
            self._widen(width)
        self._start = self._stop = 0
        self._write(rows)
        self._sorted_to = self._stop

    def _write(self, rows: Columns) -> None:
        """Write rows behind the last, as far as there are columns for them."""
        new = slice(self._stop, self._stop + len(rows[0]))
        for column, values in zip(self._columns[: len(self._own)], rows, strict=False):
            column[new] = values
        self._stop = new.stop

    def _renew(self, width: int) -> None:
        """Have new columns, so many of them its own, whatever is in them."""
        self._lent = False
        own = tuple(np.empty(CHUNK, dtype=kind) for kind in _KINDS[:width])
        self._hold((*own, *(_NO_TAGS, _NO_CAPS)[width - _PLAIN :]), width)

    def _widen(self, width: int) -> None:
        """Have so many of the columns for its own, or more."""
        own = len(self._own)
        if width > own:
            columns = self._columns
            new = tuple(column.copy() for column in columns[own:width])
            self._hold((*columns[:own], *new, *columns[width:]), width)

    def _hold(self, columns: Columns, width: int) -> None:
        self._columns = columns
        # To read and write single rows by these takes a quarter of the time.
        self._own = tuple(column.data for column in columns[:width])


def _width(rows: Columns) -> int:
    """How many columns of its own a chunk needs for these rows."""
    _, _, _, tags, caps = rows
    return _CAPPED if (caps != NO_CAP).any() else _TAGGED if tags.any() else _PLAIN
