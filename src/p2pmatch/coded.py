"""What repeats from row to row, kept once and referred to by number."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import count
from typing import TypeVar

import numpy as np

from p2pmatch.arrays import Numbers

__all__ = ["coded"]

_H = TypeVar("_H", bound=Hashable)


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
