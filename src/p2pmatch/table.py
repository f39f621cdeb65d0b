"""All offers ever posted, as columns: one row (*slot*) per offer, or per part of an amended offer.

A row never moves and is never reused, so a slot can be kept in ladders, notes and events for ever.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

__all__ = ["CANCELLED", "EXPIRED", "STANDING", "STATE_NAMES", "OfferTable", "grown"]

STANDING: Final = 0
CANCELLED: Final = 1
EXPIRED: Final = 2
STATE_NAMES: Final = ("standing", "cancelled", "expired")

# How many rows a new table has space for.
_ROWS: Final = 64


def grown(column: npt.NDArray[np.int64], rows: int, fill: int = 0) -> npt.NDArray[np.int64]:
    """The column, made longer with `fill` if it has fewer than `rows` rows."""
    if len(column) >= rows:
        return column
    longer = np.full(max(rows, len(column) * 5 // 4), fill, dtype=np.int64)
    longer[: len(column)] = column
    return longer


class OfferTable:
    """Columns over slots. Only the first `count` rows are in use.

    amount, remaining, committed, cancelled : minor units; the rest of the amount is lent.
    arrival : the number that ranks it inside its rate.
    cap, share, expires : max_per_loan, max_share, expires_at; NO_CAP, NO_SHARE, NEVER: not set.
    rate : ppm; not used where the offer has a rate card.
    lender, place, tag : positions in the state's lists of lenders, places and tag rules.
    state : STANDING, CANCELLED or EXPIRED.
    joint : whether the offer has other parts, so that its cap and share bind on all of them
        together.
    """

    #: The columns, in the order of the digest.
    COLUMNS: ClassVar = (
        "amount",
        "remaining",
        "committed",
        "cancelled",
        "arrival",
        "cap",
        "expires",
        "rate",
        "lender",
        "place",
        "tag",
        "share",
        "state",
        "joint",
    )
    __slots__ = ("_space", "count", *COLUMNS)

    def __init__(self) -> None:
        self.count = 0
        # No column has fewer rows.
        self._space = _ROWS
        self.amount = np.zeros(_ROWS, dtype=np.int64)
        self.remaining = np.zeros(_ROWS, dtype=np.int64)
        self.committed = np.zeros(_ROWS, dtype=np.int64)
        self.cancelled = np.zeros(_ROWS, dtype=np.int64)
        self.arrival = np.zeros(_ROWS, dtype=np.int64)
        self.cap = np.zeros(_ROWS, dtype=np.int64)
        self.expires = np.zeros(_ROWS, dtype=np.int64)
        self.rate = np.zeros(_ROWS, dtype=np.int32)
        self.lender = np.zeros(_ROWS, dtype=np.int32)
        self.place = np.zeros(_ROWS, dtype=np.int32)
        self.tag = np.zeros(_ROWS, dtype=np.int32)
        self.share = np.zeros(_ROWS, dtype=np.int32)
        self.state = np.zeros(_ROWS, dtype=np.int8)
        self.joint = np.zeros(_ROWS, dtype=np.bool_)

    def append(self, rows: int) -> int:
        """Make `rows` more rows, all zero; return the slot of the first.

        Nobody may hold a view of a column across this call: the columns grow in place, which for
        large ones moves pages instead of bytes.
        """
        first = self.count
        self.count += rows
        if self.count > self._space:
            self._make_space()
        return first

    def _make_space(self) -> None:
        """Let the columns that are full grow.

        Not all equally, so that they are full one after the other: to let all columns of a million
        rows grow takes 30 ms, and one call would have to wait for that.
        """
        full = [name for name in self.COLUMNS if len(getattr(self, name)) < self.count]
        more = self.count // 16 + _ROWS
        for turn, name in enumerate(full, 1):
            size = self.count + more * turn // len(full)
            getattr(self, name).resize(size, refcheck=False)
        self._space = min(len(getattr(self, name)) for name in self.COLUMNS)

    def fill(self, rows: int, columns: Sequence[npt.NDArray[np.generic]]) -> None:
        """Hold exactly these rows: columns in order, which are the table's from now on."""
        self.count = self._space = rows
        for name, column in zip(self.COLUMNS, columns, strict=True):
            setattr(self, name, column)

    def columns(self) -> Sequence[npt.NDArray[np.generic]]:
        """The columns in order, the rows in use only."""
        return [getattr(self, name)[: self.count] for name in self.COLUMNS]
