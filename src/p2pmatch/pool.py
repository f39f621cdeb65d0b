"""The matched supply of a call auction, and what of it each loan may use."""

from collections.abc import Iterator

import numpy as np

from p2pmatch.along import Found
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.chunk import PIECE
from p2pmatch.line import Line
from p2pmatch.orders import Request
from p2pmatch.rooms import Rooms
from p2pmatch.state import State

__all__ = ["Pool", "PoolRooms"]


class Pool:
    """Places in rank order with the money of theirs that is matched and not yet lent.

    keys, money : int64, minor units; slots, lenders : int32.
    """

    __slots__ = ("keys", "lenders", "money", "slots", "start")

    def __init__(self, keys: Amounts, slots: Numbers, lenders: Numbers, money: Amounts) -> None:
        self.keys = keys
        self.slots = slots
        self.lenders = lenders
        self.money = money
        #: The places before it have no money left.
        self.start = 0

    def take(self, keys: Amounts, amounts: Amounts) -> None:
        """Lend this much of the places with these keys."""
        self.money[self.keys.searchsorted(keys)] -= amounts
        while self.start < len(self.money) and not self.money[self.start]:
            self.start += 1


class PoolRooms(Rooms):
    """The rooms of one loan in the matched supply, under every limit.

    Parameters
    ----------
    part : the request's part of the volume, minor units.
    """

    __slots__ = ("part", "pool")

    def __init__(self, state: State, request: Request, now: int, pool: Pool, part: int) -> None:
        super().__init__(state, request, now)
        self.pool = pool
        self.part = part

    def largest(self) -> int:
        """The part of the volume, or what the borrower's limit leaves of it."""
        return min(super().largest(), self.part)

    def why_nothing(self) -> str:
        """The matched supply does not make a loan that the borrower accepts."""
        return "below_min_amount"

    def found(self) -> Iterator[Found]:
        """The matched places that may take part, so many at a time."""
        pool, table = self.pool, self.state.table
        for first in range(pool.start, len(pool.keys), PIECE):
            piece = slice(first, first + PIECE)
            slots, lenders = pool.slots[piece], pool.lenders[piece]
            room = np.minimum(pool.money[piece], table.cap.take(slots))
            room -= room % self.increment
            joint = self._joint_room(lenders)
            fits = room >= self.least
            if joint is not None:
                fits &= joint >= self.least
            if self.tag_fits is not None:
                fits &= self.tag_fits.take(table.tag.take(slots))
            for lender in self.barred:
                fits &= lenders != lender
            rows = fits.nonzero()[0]
            if len(rows):
                some = joint[rows] if isinstance(joint, np.ndarray) else joint
                line = Line(pool.keys[piece], slots, lenders, table.cap.take(slots)).take(rows)
                yield line, room[rows], some

    def hindrance(self, keys: Amounts, lenders: Numbers, amounts: Amounts) -> str:
        """What turns away most of the matched money that the loan with these notes leaves unused.

        "borrower_limit"; else of a lender's limits, an offer's caps, "tags" and "same_party" the
        one that alone leaves least room for it; else "below_min_note". O(n).
        """
        if super().largest() < self.part:
            return "borrower_limit"
        pool, table = self.pool, self.state.table
        by_place = np.zeros_like(pool.money)
        by_place[pool.keys.searchsorted(keys)] = amounts
        rows = np.flatnonzero(pool.money > by_place)
        by_place = by_place[rows]
        left, slots, who = pool.money[rows] - by_place, pool.slots[rows], pool.lenders[rows]
        by_lender = np.zeros(len(self.state.lender_names), dtype=np.int64)
        np.add.at(by_lender, lenders, amounts)
        size = int(amounts.sum()) if len(amounts) else self.part
        turned: dict[str, int] = {}
        for name, room in self.by_limit(slots, who, size):
            given = by_place if name.startswith("offer_") else by_lender.take(who)
            turned[name] = int(np.maximum(left - np.maximum(room - given, 0), 0).sum())
        if self.tag_fits is not None:
            turned["tags"] = int(left[~self.tag_fits.take(table.tag.take(slots))].sum())
        turned["same_party"] = int(left[np.isin(who, self.barred)].sum())
        name, most = max(turned.items(), key=lambda item: item[1])
        return name if most else "below_min_note"
