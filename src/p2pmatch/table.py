"""All offers ever posted, as columns: one row (*slot*) per offer, or per part of an amended offer.

A row never moves and is never reused, so a slot can be kept in ladders, notes and events for ever.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CANCELLED", "EXPIRED", "STANDING", "STATE_NAMES", "OfferTable"]

STANDING: Final = 0
CANCELLED: Final = 1
EXPIRED: Final = 2
STATE_NAMES: Final = ("standing", "cancelled", "expired")

# name -> type. The order is the order of the digest.
_COLUMNS: Final = (
    ("amount", np.int64),
    ("remaining", np.int64),
    ("cancelled", np.int64),
    ("arrival", np.int64),
    ("cap", np.int64),
    ("expires", np.int64),
    ("rate", np.int32),
    ("lender", np.int32),
    ("place", np.int32),
    ("tag", np.int32),
    ("share", np.int32),
    ("state", np.int8),
    ("joint", np.bool_),
)


class OfferTable:
    """Columns over slots. Only the first `count` rows are in use.

    amount, remaining, cancelled : minor units; what is lent is amount - remaining - cancelled.
    arrival : the number that ranks it inside its rate.
    cap, share, expires : max_per_loan, max_share, expires_at; NO_CAP, NO_SHARE, NEVER: not set.
    rate : ppm; not used where the offer has a rate card.
    lender, place, tag : positions in the state's lists of lenders, places and tag rules.
    state : STANDING, CANCELLED or EXPIRED.
    joint : whether the offer has other parts, so that its cap and share bind on all of them together.
    """

    __slots__ = ("count", *(name for name, _ in _COLUMNS))

    amount: npt.NDArray[np.int64]
    remaining: npt.NDArray[np.int64]
    cancelled: npt.NDArray[np.int64]
    arrival: npt.NDArray[np.int64]
    cap: npt.NDArray[np.int64]
    expires: npt.NDArray[np.int64]
    rate: npt.NDArray[np.int32]
    lender: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    tag: npt.NDArray[np.int32]
    share: npt.NDArray[np.int32]
    state: npt.NDArray[np.int8]
    joint: npt.NDArray[np.bool_]

    def __init__(self) -> None:
        self.count = 0
        for name, kind in _COLUMNS:
            setattr(self, name, np.zeros(64, dtype=kind))

    def append(self, rows: int) -> int:
        """Make `rows` more rows, all zero; return the slot of the first.

        Nobody may hold a view of a column across this call: the columns grow in place, which for large
        ones moves pages instead of bytes.
        """
        first = self.count
        self.count += rows
        if self.count > len(self.amount):
            size = max(self.count, len(self.amount) * 5 // 4)
            for name, _ in _COLUMNS:
                getattr(self, name).resize(size, refcheck=False)
        return first

    def columns(self) -> Sequence[npt.NDArray[np.generic]]:
        """The columns in order, the rows in use only."""
        return [getattr(self, name)[: self.count] for name, _ in _COLUMNS]
