"""Where a name stands in a long list of names.

A dictionary is the quickest to ask and the slowest to make: for a million names it takes a third of
a second and 80 MB. So only names that come one by one are kept in one. Those that come in bulk are
kept as runs of numbers sorted by the names' hashes, which is quickly done and takes 12 bytes each;
to look a name up there takes a microsecond longer. Whether it is the name is seen from the list.
"""

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.hashes import hashes_of

__all__ = ["NameIndex"]

# An entry of a run: the upper bits of a name's hash, below them the number, of so many bits.
_BITS: Final = 31
_NUMBER: Final = 2**_BITS - 1
# Behind the last entry: no name has so high a number.
_END: Final = 2**63 - 1
# Fewer names than this come into the dictionary, though they come together.
_FEW: Final = 1_024


class _Run(NamedTuple):
    """Entries in order and an end, and where each bucket of them begins: by the hash's upper bits.

    In Python's arrays, of which one number is read in a third of the time that numpy takes.
    """

    entries: "array[int]"
    begins: "array[int]"
    shift: int
    zero: int


def _entries(names: Sequence[str], numbers: Numbers | Amounts) -> Amounts:
    return hashes_of(names) & ~_NUMBER | numbers


class NameIndex:
    """The numbers of names: their positions in a list that is only added to.

    Methods: `find` one, O(log n); `knows_any` of many; `add` one, O(1); `add_many`, O(n) now and
    then, as a rule O(names).

    Examples
    --------
    >>> names = ["ann", "ben"]
    >>> index = NameIndex(names)
    >>> index.add_many(names, np.array([0, 1]))
    >>> index.find("ben"), index.find("cleo")
    (1, None)
    """

    __slots__ = ("_names", "_runs", "_single")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._single: dict[str, int] = {}
        # Each more than twice as long as the one after it.
        self._runs: list[_Run] = []

    def find(self, name: str) -> int | None:
        """The number of a name; None: it was not added."""
        number = self._single.get(name)
        if number is not None or not self._runs:
            return number
        hashed = hash(name)
        upper = hashed >> _BITS
        # Written out, because a call for each step would cost more than the steps.
        for entries, begins, shift, zero in self._runs:
            at = begins[(hashed >> shift) + zero]
            while entries[at] >> _BITS < upper:
                at += 1
            while entries[at] >> _BITS == upper and entries[at] != _END:
                number = entries[at] & _NUMBER
                if self._names[number] == name:
                    return number
                at += 1
        return None

    def knows_any(self, names: Sequence[str]) -> bool:
        """Whether any of these was added. O(names * log n) at most."""
        if self._single and not self._single.keys().isdisjoint(names):
            return True
        if not self._runs:
            return False
        asked = _entries(names, np.arange(len(names)))
        asked.sort()
        # A hash that is there is most likely the name's own, but not for certain.
        maybe = (row for run in self._runs for row in _shared(asked, _sorted(run)))
        return any(self.find(names[row]) is not None for row in maybe)

    def add(self, name: str, number: int) -> None:
        """A name that comes by itself."""
        self._single[name] = number

    def add_many(self, names: Sequence[str], numbers: Numbers | Amounts) -> None:
        """Names that come together; they differ from one another and from all that are known."""
        if len(names) < _FEW:
            self._single.update(zip(names, numbers.tolist(), strict=True))
            return
        entries = _entries(names, numbers)
        while self._runs and len(self._runs[-1].entries) <= 2 * len(entries):
            entries = np.concatenate((_sorted(self._runs.pop()), entries))
        entries.sort()
        self._runs.append(_run(entries))


def _run(entries: Amounts) -> _Run:
    """Entries in order, a bucket for every one or two."""
    bits = max(len(entries).bit_length() - 1, 1)
    shift = 64 - bits
    # Half of the hashes are negative.
    zero = 2 ** (bits - 1)
    sizes = np.bincount((entries >> shift) + zero, minlength=2**bits)
    begins = np.zeros(2**bits + 1, dtype=np.int32)
    sizes.cumsum(out=begins[1:])
    ended = np.append(entries, _END)
    return _Run(array("q", ended.tobytes()), array("i", begins.tobytes()), shift, zero)


def _sorted(run: _Run) -> Amounts:
    return np.frombuffer(run.entries, dtype=np.int64)[:-1]


def _shared(asked: Amounts, entries: Amounts) -> list[int]:
    """The numbers in `asked` of names whose hashes may be in `entries`; both are in order."""
    upper = asked >> _BITS
    at = np.minimum(entries.searchsorted(upper << _BITS), len(entries) - 1)
    rows: list[int] = (asked[entries[at] >> _BITS == upper] & _NUMBER).tolist()
    return rows
