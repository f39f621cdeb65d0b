"""What an allocation rule is handed, and what it must give back."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import attrs
import numpy as np

from p2pmatch.arrays import Amounts
from p2pmatch.errors import InvariantError

__all__ = ["AllocationRule", "Level", "allocated"]


@attrs.frozen(eq=False)
class Level:
    """The offers at one rate that a loan cannot use up, in order of arrival.

    Every limit is in the rooms already: whatever a rule does within them breaks none.

    Parameters
    ----------
    need : what is wanted of this level, minor units; a multiple of `increment`, below the sum of
        the rooms.
    rooms : int64, shape (n,), minor units: the most each offer may give; a multiple of `increment`,
        at least `min_note`.
    increment, min_note : every part must be a multiple of the one and, unless 0, at least the
        other.
    request_id : the request the money is for.
    offer_ids : length n; only a rule that draws lots needs them.
    """

    need: int
    rooms: Amounts
    increment: int
    min_note: int
    request_id: str
    offer_ids: Sequence[str]

    def in_units(self, share: Callable[[int, Amounts, int], Amounts]) -> Amounts:
        """What `share` gives for need, rooms and smallest note in whole increments."""
        unit = self.increment
        if unit == 1:
            return share(self.need, self.rooms, self.min_note)
        return share(self.need // unit, self.rooms // unit, self.min_note // unit) * unit


@runtime_checkable
class AllocationRule(Protocol):
    """Divides a level's need among its offers.

    A rule is immutable, draws no randomness, and keeps nothing between calls.
    """

    def allocate(self, level: Level) -> Amounts:
        """Return one part per offer, int64, minor units.

        They add up to `level.need`; where a note is more than one increment, less may be missing
        than a note.
        """
        ...  # pragma: no cover - a protocol has no body


def allocated(rule: AllocationRule, level: Level) -> Amounts:
    """What a rule gives, ours or a third party's, held to its contract. O(n)."""
    parts = rule.allocate(level)
    if not (
        isinstance(parts, np.ndarray)
        and parts.dtype == np.int64
        and parts.shape == level.rooms.shape
    ):
        raise InvariantError(f"{rule!r} gave no array of one int64 part for each room")
    least = level.min_note
    left = level.need - int(parts.sum())
    sound = (
        (parts <= level.rooms).all()
        and parts.min() >= 0
        and left >= 0
        # Whatever is an integer is a multiple of 1, and no part above 0 is below it.
        and (least == 1 or not ((parts < least) & (parts > 0)).any())
        and (level.increment == 1 or not (parts % level.increment).any())
    )
    if not sound:
        raise InvariantError(f"{rule!r} gave parts outside the rooms it was handed")
    # Less than a note may be left, where a note is more than one increment.
    if left >= least or (left and least <= level.increment):
        raise InvariantError(f"{rule!r} left {left} that there was room for")
    return parts
