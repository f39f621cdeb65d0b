"""One cell's offers in price-time order, in flat chunks of columns.

A *place* is one offer (or one part of an offer) standing in one cell. All places of a cell stand in
one long line sorted by (rate, arrival), cut into chunks of at most `CHUNK` rows whatever the rates
are, so that places come and go at little cost. A row says who stands there, never how much
money is left: that is read from the offer table, so one budget serves every cell. Rows whose money
is gone are dropped when somebody comes by; dropping them never changes what the ladder means.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.chunk import CHUNK, PIECE, Chunk, Columns
from p2pmatch.conditions import NO_CAP
from p2pmatch.errors import InvariantError
from p2pmatch.lines import Lines

__all__ = ["Ladder"]

# How full a bulk load leaves a chunk, so that the next single insertions need not split it.
_FILL: Final = 960
# Fewer new rows a chunk than this are put in one by one: a chunk costs as much as six of them.
_SCATTERED: Final = 6
# Up to how many rows neighbouring chunks are joined.
_JOINED: Final = 768
# A chunk with fewer rows is joined with those after it, if they are sparse too.
_SPARSE: Final = 384
# Every so many times that pieces of a chunk are read it is seen which of its rows have lost their
# money, which costs as much as all the rest; so many may stay.
_READS: Final = 16
_DEAD_ROWS: Final = 128
# Lines are kept for so many patterns of tags met lately.
_PATTERNS: Final = 8


class Ladder:
    """The places of one cell, best rate first, inside a rate by arrival.

    Methods: `add` one place, O(log n), and `remove` one, O(log n + CHUNK); `extend` by many;
    `behind` a key, and `lines`, to walk; `sweep_out` what has no money left; `check`.
    """

    __slots__ = ("_last_keys", "_lines", "capped", "chunks", "tagged", "vacated")

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._last_keys: list[int] = []
        self._lines: dict[bytes, Lines] = {}
        #: Whether any place ever had a cap per loan, or a tag rule: what a sweep need not look at.
        self.capped = False
        self.tagged = False
        #: How many places have lost their money since the last `sweep_out`, as far as was noted.
        self.vacated = 0

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    @property
    def last_key(self) -> int:
        """No place has a key above it; -1 where there are none."""
        return self._last_keys[-1] if self._last_keys else -1

    def lines(self, pattern: bytes) -> Lines:
        """What is kept of the places that one set of tags fits. O(1).

        Parameters
        ----------
        pattern : for each tag rule whether it fits, a byte each; `b""`: all of them do.
        """
        lines = self._lines.get(pattern)
        if lines is None:
            if len(self._lines) == _PATTERNS:
                self._lines.clear()
            lines = self._lines[pattern] = Lines()
        return lines

    def behind(
        self, key: int, pieces: int, remaining: npt.NDArray[np.int64], least: int
    ) -> tuple[Columns, int] | None:
        """The next places behind a key, in so many pieces of chunks. O(rows of the pieces).

        Now and then a chunk is rid of those with less than `least` left.

        Returns
        -------
        The five columns, which are not to be written to, and up to which key these are all that
        have money; None: there are none.
        """
        at = bisect_right(self._last_keys, key)
        # The best places are used up first, and nobody comes by there any more.
        if at and self._is_used_up(0, remaining, least):
            self._drop_chunk(0)
            at -= 1
        found: list[Columns] = []
        end = key
        while at < len(self.chunks) and len(found) < pieces:
            if not self._tidy(at, remaining, least):
                continue
            rows, more = self.chunks[at].behind(end, PIECE)
            if len(rows[0]):
                found.append(rows)
            if more:
                end = rows[0].item(-1)
            else:
                end = self._last_keys[at]
                at += 1
        if not found:
            return None
        if len(found) == 1:
            return found[0], end
        return tuple(np.concatenate(column) for column in zip(*found, strict=True)), end

    def _tidy(self, at: int, remaining: npt.NDArray[np.int64], least: int) -> bool:
        """Join a chunk with others, drop rows, or forget it; whether it is still there."""
        chunk = self.chunks[at]
        if len(chunk) < _SPARSE:
            self.join_next(at)
        chunk.reads += 1
        if chunk.reads % _READS == 1:
            alive = self._alive(at, remaining, least)
            count = int(np.count_nonzero(alive))
            if not count:
                self._drop_chunk(at)
                return False
            if len(alive) - count >= _DEAD_ROWS:
                chunk.drop(alive)
        return True

    def add(self, key: int, slot: int, lender: int, tag: int, cap: int) -> None:
        """Put one place where its key says; `cap` is `NO_CAP` where there is none."""
        self.tagged |= tag != 0
        self.capped |= cap != NO_CAP
        if self._lines:
            self._add_to_lines(key, slot, lender, tag, cap)
        at = bisect_left(self._last_keys, key)
        if at == len(self._last_keys):
            at = self._reach(key)
        if not self.chunks[at].space:
            self._make_space(at)
            at = bisect_left(self._last_keys, key)
        self.chunks[at].add((key, slot, lender, tag, cap))

    def _add_to_lines(self, key: int, slot: int, lender: int, tag: int, cap: int) -> None:
        for pattern, lines in list(self._lines.items()):
            if not pattern or (tag < len(pattern) and pattern[tag]):
                lines.add(key, slot, lender, cap)
            elif tag >= len(pattern):
                # Of a time with fewer tag rules: nobody asks for it any more.
                del self._lines[pattern]

    def _reach(self, key: int) -> int:
        """Make the last chunk end with a key behind all others; which one that is."""
        if self.chunks:
            self._last_keys[-1] = key
        else:
            self.chunks.append(Chunk())
            self._last_keys.append(key)
        return len(self.chunks) - 1

    def extend(self, rows: Columns) -> None:
        """Put in many places: columns as in `chunk.Columns`, sorted by key.

        O(n + m), or m insertions where they are few.
        """
        keys, tags, caps = rows[0], rows[3], rows[4]
        if not len(keys):
            return
        self.tagged |= bool(tags.any())
        self.capped |= bool((caps != NO_CAP).any())
        if not self.chunks:
            self._lines.clear()
            self._replace(0, 0, rows)
            return
        if len(keys) < _SCATTERED * len(self.chunks):
            for row in zip(*(column.tolist() for column in rows), strict=True):
                self.add(*row)
            return
        self._lines.clear()
        # Which chunk each row falls into; all beyond the last key into the last chunk.
        into = np.searchsorted(np.array(self._last_keys[:-1], dtype=np.int64), keys)
        edges = [0, *(np.flatnonzero(np.diff(into)) + 1).tolist(), len(keys)]
        # From the back, so that the positions of the chunks still to do stay what they are.
        for first, stop in reversed(list(pairwise(edges))):
            at = int(into[first])
            chunk, new = self.chunks[at], tuple(column[first:stop] for column in rows)
            self._last_keys[at] = max(self._last_keys[at], new[0].item(-1))
            if stop - first <= chunk.space:
                chunk.extend(new)
                continue
            merged = tuple(np.concatenate(both) for both in zip(chunk.rows(), new, strict=True))
            order = merged[0].argsort(kind="stable")
            self._replace(at, at + 1, tuple(column[order] for column in merged))

    def after(self, key: int, chunks: int) -> list[tuple[Columns, slice]]:
        """The places behind a key, or, with -1, from the first: the rows of the next few chunks."""
        first = bisect_right(self._last_keys, key)
        found = [chunk.in_order() for chunk in self.chunks[first : first + chunks + 1]]
        if found:
            columns, rows = found[0]
            behind = rows.start + int(columns[0][rows].searchsorted(key, side="right"))
            # The chunk may have lost its last rows.
            found[:1] = [(columns, slice(behind, rows.stop))] if behind < rows.stop else []
        return found[:chunks]

    def _alive(
        self, at: int, remaining: npt.NDArray[np.int64], least: int
    ) -> npt.NDArray[np.bool_]:
        _, slots, *_ = self.chunks[at].rows()
        return remaining.take(slots) >= least

    def _is_used_up(self, at: int, remaining: npt.NDArray[np.int64], least: int) -> bool:
        (_, slots, *_), used = self.chunks[at].in_order()
        last = remaining.item(slots.item(used.stop - 1))
        return last < least and not self._alive(at, remaining, least).any()

    def revive(self, key: int) -> bool:
        """Say whether the place with that key is there, which has money again. O(log n) mostly."""
        self._renew_lines(key)
        at = bisect_left(self._last_keys, key)
        return at < len(self.chunks) and self.chunks[at].has(key)

    def remove(self, key: int) -> bool:
        """Take out the place with that key; say whether it was there."""
        # A line may still have a place that was dropped from here when its money was gone.
        self._renew_lines(key)
        at = bisect_left(self._last_keys, key)
        if at == len(self.chunks) or not self.chunks[at].remove(key):
            return False
        if not len(self.chunks[at]):
            self._drop_chunk(at)
        return True

    def _renew_lines(self, key: int) -> None:
        """The lines in which this key would be no longer hold."""
        for lines in self._lines.values():
            lines.forget(key)

    def sweep_out(self, remaining: npt.NDArray[np.int64], least: int) -> None:
        """Drop all places with less than `least` left. O(n)."""
        for at in reversed(range(len(self.chunks))):
            chunk = self.chunks[at]
            chunk.drop(self._alive(at, remaining, least))
            if not len(chunk):
                self._drop_chunk(at)
        self.vacated = 0

    def _drop_chunk(self, at: int) -> None:
        """Take out a chunk in which no place has money left."""
        del self.chunks[at]
        del self._last_keys[at]

    def join_next(self, at: int) -> None:
        """Take a chunk's successors into it while together they leave it some space.

        Chunks that have lost most of their rows would each cost a sweep as much as a full one.
        """
        chunk = self.chunks[at]
        rows = len(chunk)
        while rows < _JOINED and at + 1 < len(self.chunks):
            following = self.chunks[at + 1]
            rows += len(following)
            if rows > _JOINED:
                return
            columns = zip(chunk.rows(), following.rows(), strict=True)
            chunk.fill(tuple(np.concatenate(pair) for pair in columns))
            self._last_keys[at] = self._last_keys[at + 1]
            self._drop_chunk(at + 1)

    def standing(
        self, remaining: npt.NDArray[np.int64], least: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The keys and the slots of the places with at least `least` left, in rank order. O(n)."""
        keys, slots = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for at, chunk in enumerate(self.chunks):
            alive = self._alive(at, remaining, least)
            chunk_keys, chunk_slots, *_ = chunk.rows()
            keys.append(chunk_keys[alive])
            slots.append(chunk_slots[alive])
        return np.concatenate(keys), np.concatenate(slots)

    def check(self) -> None:
        """Raise InvariantError unless the line is sorted, and cut as it should be. O(n)."""
        if len(self.chunks) != len(self._last_keys):
            raise InvariantError("one last key per chunk")
        before = -1
        for chunk, last_key in zip(self.chunks, self._last_keys, strict=True):
            if not 0 < len(chunk) <= CHUNK:
                raise InvariantError("a chunk is never empty")
            keys, *_ = chunk.rows()
            if keys[0] <= before or (np.diff(keys) <= 0).any() or keys[-1] > last_key:
                raise InvariantError("keys rise strictly, up to the chunk's last key")
            before = last_key

    def _make_space(self, at: int) -> None:
        """Make a full chunk take one more row: use the space before its first row, or halve it."""
        chunk = self.chunks[at]
        rows = tuple(column.copy() for column in chunk.rows())
        if len(chunk) < CHUNK:
            chunk.fill(rows)
            return
        upper = Chunk()
        upper.fill(tuple(column[CHUNK // 2 :] for column in rows))
        chunk.fill(tuple(column[: CHUNK // 2] for column in rows))
        self.chunks.insert(at + 1, upper)
        self._last_keys.insert(at, rows[0].item(CHUNK // 2 - 1))

    def _replace(self, first: int, stop: int, rows: Columns) -> None:
        """Put chunks made of `rows` in the place of chunks `first` to `stop`."""
        rows_in_all = len(rows[0])
        # As few chunks as hold them, of even size: a remainder would become a chunk of few rows.
        count = 1 if rows_in_all <= CHUNK else -(-rows_in_all // _FILL)
        edges = [rows_in_all * i // count for i in range(count + 1)]
        chunks = []
        last_keys = []
        for low, high in pairwise(edges):
            chunk = Chunk()
            chunk.fill(tuple(column[low:high] for column in rows))
            chunks.append(chunk)
            last_keys.append(rows[0].item(high - 1))
        self.chunks[first:stop] = chunks
        self._last_keys[first:stop] = last_keys
