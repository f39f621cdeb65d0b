"""What repeats from row to row, kept once and referred to by number."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import count
from typing import Final, TypeVar

import numpy as np

from p2pmatch.arrays import Numbers
from p2pmatch.hashes import hashes_of

__all__ = ["coded", "grouped"]

_H = TypeVar("_H", bound=Hashable)

# Fewer rows than this are not worth the trouble; nor are so many of them in which hardly every
# text is another, for a dictionary of few texts fits into the processor's cache.
_ROWS: Final = 65_536
_SAMPLE: Final = 4_096
_DIFFERENT: Final = 4_000
# Longer texts would take too much memory side by side.
_WIDEST: Final = 16


def coded(values: Sequence[_H]) -> tuple[list[_H], Numbers]:
    """The distinct values in the order in which they come, and which of them each row has. O(n).

    Examples
    --------
    >>> found, codes = coded(["b", "a", "b"])
    >>> found, codes.tolist()
    (['b', 'a'], [0, 1, 0])
    """
    numbers: defaultdict[_H, int] = defaultdict(count().__next__)
    codes = np.fromiter(map(numbers.__getitem__, values), dtype=np.int32, count=len(values))
    return list(numbers), codes


def grouped(texts: Sequence[str]) -> tuple[list[str], Numbers] | None:
    """`coded`, for very many texts, most of them there more than once. O(n log n).

    A dictionary too large for the processor's cache lets each text wait for memory several times.
    Here equal ones come to lie together when their hashes are sorted: for a million texts, five of
    each, that takes half the time.

    Returns
    -------
    None where a dictionary would do as well: of few texts, or long ones, or if hardly one repeats.
    """
    size = len(texts)
    if size < _ROWS or len(set(texts[:_SAMPLE])) < _DIFFERENT or max(map(len, texts)) > _WIDEST:
        return None
    # Below a hash's upper bits the row, so that of equal texts the first comes first.
    bits = size.bit_length()
    entries = hashes_of(texts) >> bits << bits | np.arange(size)
    entries.sort()
    rows = entries & (1 << bits) - 1
    begins = np.ones(size, dtype=np.bool_)
    np.not_equal(entries[1:] >> bits, entries[:-1] >> bits, out=begins[1:])
    if 2 * int(np.count_nonzero(begins)) > size:
        return None
    letters = np.array(texts).take(rows).view(np.int32).reshape(size, -1)
    if ((letters[1:] != letters[:-1]).any(axis=1) != begins[1:]).any():
        # Texts that differ have the same upper bits.
        return None
    firsts = rows[begins]
    order = firsts.argsort()
    numbers = np.empty(len(order), dtype=np.int32)
    numbers[order] = np.arange(len(order))
    codes = np.empty(size, dtype=np.int32)
    codes[rows] = numbers[begins.cumsum() - 1]
    first_rows: list[int] = firsts[order].tolist()
    return [texts[row] for row in first_rows], codes
