"""Parts that are whole notes: what the rules share when a part would come out too small."""

import numpy as np

from p2pmatch.arrays import Amounts

__all__ = ["in_order", "take_back", "without_dust"]


def in_order(need: int, rooms: Amounts, least: int) -> Amounts:
    """Fill the rooms one after the other; the last part is brought up to `least`, or dropped. O(n).

    Examples
    --------
    >>> in_order(50, np.array([30, 30, 30]), least=1).tolist()
    [30, 20, 0]
    >>> in_order(62, np.array([30, 30, 30]), least=5).tolist()
    [30, 27, 5]
    """
    before = rooms.cumsum() - rooms
    parts: Amounts = np.clip(need - before, 0, rooms)
    reached = int(np.count_nonzero(before < need)) - 1
    if reached >= 0 and 0 < parts[reached] < least:
        _bring_up(parts, reached, least)
    return parts


def without_dust(need: int, parts: Amounts, rooms: Amounts, least: int) -> Amounts:
    """Make every part 0 or at least `least`, and place all of the need that can be. O(n).

    What parts too small had goes to those that have a note, in order of arrival; then to those
    that have none.
    """
    parts = np.where(parts < least, 0, parts)
    missing = need - int(parts.sum())
    if missing <= 0:
        return parts
    parts += in_order(missing, np.where(parts > 0, rooms - parts, 0), 0)
    missing = need - int(parts.sum())
    others = np.where(parts > 0, 0, rooms)
    parts += in_order(missing, others, 0)
    small = np.flatnonzero((parts > 0) & (parts < least))
    if len(small):
        _bring_up(parts, int(small[0]), least)
    return parts


def _bring_up(parts: Amounts, row: int, least: int) -> None:
    """Raise one part to `least` with what the others can spare, the last first; or drop it."""
    parts[row] = least if take_back(parts, least - int(parts[row]), least) else 0


def take_back(parts: Amounts, short: int, least: int) -> bool:
    """Take `short` off the parts, the last first, none of which falls below `least`. O(n).

    False, and nothing is taken, where they cannot spare so much.

    Examples
    --------
    >>> parts = np.array([30, 7, 0, 8])
    >>> take_back(parts, 6, least=5), parts.tolist()
    (True, [29, 5, 0, 5])
    """
    spare = np.maximum(parts - least, 0)
    if spare.sum() < short:
        return False
    from_back = spare[::-1].cumsum() - spare[::-1]
    parts -= np.minimum(spare[::-1], np.maximum(short - from_back, 0))[::-1]
    return True
