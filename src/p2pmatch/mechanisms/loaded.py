"""Places of several cells, copied out of their ladders into flat arrays as a run needs them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.chunk import CHUNK, Columns
from p2pmatch.fill_forms import Places
from p2pmatch.state import State

__all__ = ["Loaded"]

# Space for at most so many places, and for so many segments, at first.
_ROWS: Final = 2**20
_SEGMENTS: Final = 64
# For so many requests a cell one chunk is loaded at first: it serves four or five, and to load more
# than is wanted costs more than to come again.
_REQUESTS_A_CHUNK: Final = 4
# Each time twice as many of a cell's chunks are loaded, up to so many.
_CHUNKS: Final = 256
# What is copied out of chunks: the places' columns in the order of theirs.
_COLUMNS: Final = ("keys", "slots", "lenders", "tags", "caps")


class Loaded:
    """The places loaded so far: one segment for each chunk.

    Methods: `load` the next of a cell; `places`, as the kernels want them; `spend` money that was
    lent elsewhere.

    Attributes
    ----------
    left : int64, minor units, the money at each place; of an offer with several, at its first.
    """

    def __init__(self, state: State, cells: Sequence[tuple[str, int]], requests: int) -> None:
        ladders = [state.ladders[state.cell_of[cell]] for cell in cells]
        # Space costs nothing before it is used, but to make more of it does.
        chunks = sum(len(ladder.chunks) for ladder in ladders)
        rows = min(chunks * CHUNK, _ROWS)
        self.state = state
        self.left = np.empty(rows, dtype=np.int64)
        self._rows = self._segments = 0
        self._several = len(cells) > 1
        self._first_step = min(requests // (_REQUESTS_A_CHUNK * len(cells)) + 1, _CHUNKS)
        tagged = any(ladder.tagged for ladder in ladders)
        capped = any(ladder.capped for ladder in ladders)
        limited = bool(state.lender_caps.in_force) or state.least > state.rules.increment
        # Where nothing is limited rows are not moved: no place needs to say which account it has.
        needed = self._several or limited or tagged or capped
        self._places = Places(
            keys=np.empty(rows, dtype=np.int64),
            slots=np.empty(rows, dtype=np.int32),
            lenders=np.empty(rows, dtype=np.int32),
            accounts=np.empty(rows * needed, dtype=np.int64),
            tags=np.empty(rows * tagged, dtype=np.int32),
            caps=np.empty(rows * capped, dtype=np.int64),
            starts=np.empty(_SEGMENTS, dtype=np.int64),
            stops=np.empty(_SEGMENTS, dtype=np.int64),
            following=np.empty(_SEGMENTS, dtype=np.int64),
            first=np.full(len(state.cells), -1, dtype=np.int64),
            complete=np.zeros(len(state.cells), dtype=np.bool_),
        )
        # By slot, 1 more than its account; made when somebody asks.
        self._account_of: Amounts | None = None
        # By cell: its last segment, the last key loaded, how many chunks come next.
        self._last: dict[int, int] = {}
        self._last_key: dict[int, int] = {}
        self._step: dict[int, int] = {}

    def places(self) -> Places:
        """What is loaded. The kernels may drop places without money from it."""
        return self._places

    def load(self, cell: int) -> None:
        """Load the cell's next chunks, or note that there are none."""
        step = self._step.get(cell, self._first_step)
        self._step[cell] = min(2 * step, _CHUNKS)
        pieces = self.state.ladders[cell].after(self._last_key.get(cell, -1), step)
        self._places.complete[cell] = not pieces
        if pieces:
            self._append(cell, pieces)

    def spend(self, slots: Numbers, amounts: Amounts) -> None:
        """Take money off the accounts of some slots, each there once, as far as they are loaded."""
        accounts = self._known()[slots] - 1
        known = accounts >= 0
        self.left[accounts[known]] -= amounts[known]

    def _append(self, cell: int, pieces: list[tuple[Columns, slice]]) -> None:
        sizes = np.array([used.stop - used.start for _, used in pieces])
        rows = slice(self._rows, self._rows + int(sizes.sum()))
        self._make_space(rows.stop, self._segments + len(pieces))
        places = self._places
        for number, name in enumerate(_COLUMNS):
            column = getattr(places, name)
            if len(column):
                parts = [columns[number][used] for columns, used in pieces]
                np.concatenate(parts, out=column[rows])
        slots = places.slots[rows]
        self.state.kernel.read(self.state.table.remaining, slots, self.left[rows])
        if self._account_of is not None or not places.alone:
            self._number(rows, slots)
        self._link(cell, rows.start + sizes.cumsum(), sizes)
        self._rows = rows.stop
        self._last_key[cell] = int(places.keys[rows.stop - 1])

    def _number(self, rows: slice, slots: Numbers) -> None:
        """Say which accounts the new places have."""
        accounts = np.arange(rows.start, rows.stop)
        if self._several:
            before = self._known().take(slots)
            accounts = np.where(before > 0, before - 1, accounts)
        if self._account_of is not None:
            self._account_of[slots] = accounts + 1
        if not self._places.alone:
            self._places.accounts[rows] = accounts

    def _known(self) -> Amounts:
        if self._account_of is None:
            self._account_of = np.zeros(self.state.table.count, dtype=np.int64)
            # One row for each slot: there is one cell only. The kernels move rows, accounts and
            # all, but none that has money, and is still wanted, is lost.
            places, used = self._places, slice(0, self._rows)
            accounts = np.arange(self._rows) if places.alone else places.accounts[used]
            self._account_of[places.slots[used]] = accounts + 1
        return self._account_of

    def _link(self, cell: int, stops: Amounts, sizes: Amounts) -> None:
        """Make the rows that end at `stops` the cell's last segments."""
        places, segment = self._places, self._segments
        self._segments += len(stops)
        new = slice(segment, self._segments)
        places.starts[new], places.stops[new] = stops - sizes, stops
        places.following[new] = np.arange(segment + 1, self._segments + 1)
        places.following[self._segments - 1] = -1
        last = self._last.get(cell)
        if last is None:
            places.first[cell] = segment
        else:
            places.following[last] = segment
        self._last[cell] = self._segments - 1

    def _make_space(self, rows: int, segments: int) -> None:
        """Let the columns grow in place, which for large ones moves pages, not bytes."""
        places = self._places
        if rows > len(self.left):
            _grow([self.left, places.accounts, *(getattr(places, name) for name in _COLUMNS)], rows)
        if segments > len(places.starts):
            _grow([places.starts, places.stops, places.following], segments)


def _grow(columns: list[npt.NDArray[Any]], rows: int) -> None:
    """Make space for twice as many rows in those columns that have any."""
    for column in columns:
        if len(column):
            column.resize(2 * rows, refcheck=False)
