"""What the offers are called, how manieth each came, and where it lies.

An offer's *number* says how manieth it was posted: it is what journals call it by, for ever. Its
*slot* is where it lies in the table, and those that came together lie there as they rank.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import Numbers

__all__ = ["OfferNames"]

# For how many there is space at first.
_ROWS: Final = 64


class OfferNames:
    """Ids by slot; numbers by slot, and slots by number.

    Methods: `append` one, `extend` by many; `at`, the ids of many slots; `numbers_of` slots,
    `slots_of` numbers; `texts`, all ids by number; `as_posted`, all slots by number.

    Examples
    --------
    >>> names = OfferNames()
    >>> names.extend(["o1", "o2", "o3"], np.array([2, 0, 1]))
    >>> names[0], names.numbers_of(np.array([0])).tolist(), names.slots_of(np.array([0])).tolist()
    ('o3', [2], [1])
    """

    __slots__ = ("_numbers", "_slots", "texts")

    def __init__(self, texts: Iterable[str] = (), numbers: Numbers | None = None) -> None:
        #: The ids by number; only ever added to.
        self.texts: list[str] = list(texts)
        count = len(self.texts)
        self._numbers = np.arange(count, dtype=np.int32) if numbers is None else numbers
        self._slots = np.empty(count, dtype=np.int32)
        self._slots[self._numbers] = np.arange(count, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, slot: int) -> str:
        return self.texts[self._numbers.item(slot)]

    def at(self, slots: Numbers) -> list[str]:
        """The ids of some slots. O(slots)."""
        return list(map(self.texts.__getitem__, self._numbers.take(slots).tolist()))

    def numbers_of(self, slots: Numbers) -> Numbers:
        """How manieth each came. O(slots)."""
        return self._numbers.take(slots)

    def slots_of(self, numbers: Numbers) -> Numbers:
        """Where those lie that came as these. O(numbers)."""
        return self._slots.take(numbers)

    def as_posted(self) -> Numbers:
        """All slots in the order in which they came. A view."""
        return self._slots[: len(self.texts)]

    def by_slot(self) -> Numbers:
        """All numbers in the order of the table. A view."""
        return self._numbers[: len(self.texts)]

    def append(self, name: str) -> None:
        """One more, in the next slot. O(1), as a rule."""
        slot = len(self.texts)
        self._make_space(slot + 1)
        self._numbers[slot] = self._slots[slot] = slot
        self.texts.append(name)

    def extend(self, names: Sequence[str], order: npt.NDArray[np.int64]) -> None:
        """Many more: in the next slots lie those in the rows `order`. O(names)."""
        first = len(self.texts)
        stop = first + len(names)
        self._make_space(stop)
        self._numbers[first:stop] = first + order
        self._slots[self._numbers[first:stop]] = np.arange(first, stop, dtype=np.int32)
        self.texts.extend(names)

    def _make_space(self, rows: int) -> None:
        """Let both columns grow in place; nobody holds a view of them."""
        if rows > len(self._numbers):
            size = max(rows, len(self._numbers) * 5 // 4, _ROWS)
            self._numbers.resize(size, refcheck=False)
            self._slots.resize(size, refcheck=False)
