"""What the offers are called, how manieth each came, and where it lies.

An offer's *number* says how manieth it was posted: it is what journals call it by, for ever. Its
*slot* is where it lies in the table, and those that came together lie there as they rank.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import Numbers
from p2pmatch.name_index import NameIndex

__all__ = ["OfferNames"]

# For how many more there is space at least.
_MORE: Final = 64
_NONE: Final = np.empty(0, dtype=np.int32)
_NONE.setflags(write=False)


class OfferNames:
    """Ids by slot, and the slot of an id; numbers by slot, and slots by number.

    Methods: `find` the slot of an id, `knows_any` of many; `at`, the ids of many slots;
    `numbers_of` slots, `slots_of` numbers; `texts`, all ids by number; `as_posted`, all slots by
    number, and `by_slot` the way back; `append` one, `extend` by many.

    Parameters
    ----------
    texts, numbers : ids by number, and int32 numbers by slot, which are its own from now on.
    parts : slots of what was added to an offer later: its id leads to the first of them.

    Examples
    --------
    >>> names = OfferNames()
    >>> names.extend(["o1", "o2", "o3"], np.array([2, 0, 1]))
    >>> names[0], names.numbers_of(np.array([0])).tolist(), names.slots_of(np.array([0])).tolist()
    ('o3', [2], [1])
    >>> names.find("o3"), names.find("o4")
    (0, None)
    """

    __slots__ = ("_index", "_last", "_numbers", "_parts", "_slots", "texts")

    def __init__(
        self,
        texts: Sequence[str] = (),
        numbers: Numbers = _NONE,
        parts: Sequence[int] = (),
    ) -> None:
        count = len(texts)
        #: The ids by number; only ever added to.
        self.texts = list(texts)
        self._numbers = numbers.copy()
        self._slots = np.empty(count, dtype=np.int32)
        self._slots[self._numbers] = np.arange(count, dtype=np.int32)
        self._parts = parts
        # By id, the number; made when somebody asks, because it takes as long as all the rest.
        self._index: NameIndex | None = None
        # The id that was last found, and its slot. No id is empty.
        self._last = "", -1

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, slot: int) -> str:
        return self.texts[self._numbers.item(slot)]

    def find(self, name: str) -> int | None:
        """The slot of an offer, or None; of one in parts, the first. O(log n), as a rule."""
        # A command asks when it is decided, and again when its events are applied.
        last, slot = self._last
        if name == last:
            return slot
        index = self._known() if self._index is None else self._index
        number = index.find(name)
        if number is None:
            return None
        slot = self._slots.item(number)
        self._last = name, slot
        return slot

    def knows_any(self, names: Sequence[str]) -> bool:
        """Whether there is an offer of any of these ids. O(names * log n)."""
        return self._known().knows_any(names)

    def _known(self) -> NameIndex:
        if self._index is None:
            self._index = NameIndex(self.texts)
            first = np.ones(len(self.texts), dtype=np.bool_)
            first[self._numbers[list(self._parts)]] = False
            numbers = first.nonzero()[0]
            names = self.texts if first.all() else [self.texts[i] for i in numbers.tolist()]
            self._index.add_many(names, numbers)
        return self._index

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

    def append(self, name: str, *, part: bool = False) -> None:
        """One more, in the next slot; or a part of one that is there. O(1), as a rule."""
        slot = len(self.texts)
        if slot == len(self._numbers):
            self._make_space(slot + 1)
        if not part:
            self._known().add(name, slot)
        self.texts.append(name)

    def extend(self, names: Sequence[str], order: npt.NDArray[np.int64]) -> None:
        """Many more: in the next slots lie those in the rows `order`. O(names)."""
        first = len(self.texts)
        stop = first + len(names)
        self._make_space(stop)
        self._known().add_many(names, np.arange(first, stop))
        self._numbers[first:stop] = first + order
        self._slots[self._numbers[first:stop]] = np.arange(first, stop, dtype=np.int32)
        self.texts.extend(names)

    def _make_space(self, rows: int) -> None:
        """Let both columns grow in place; nobody holds a view of them.

        Who comes by itself lies as it came: that is written for all who may come.
        """
        before = len(self._numbers)
        if rows > before:
            size = max(rows, before + before // 16 + _MORE)
            for column in (self._numbers, self._slots):
                column.resize(size, refcheck=False)
                column[before:] = np.arange(before, size)
