"""Rooms for requests that rest: what is committed to them counts as room of theirs."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from p2pmatch.along import Found
from p2pmatch.commitments import NO_COMMITMENTS, Commitments
from p2pmatch.line import Line
from p2pmatch.rooms import Rooms

__all__ = ["AuctionRooms", "ClosingRooms"]


class AuctionRooms(Rooms):
    """The ranking as if nothing were committed to the request: its commitments may be displaced.

    A commitment keeps the rank it had when it was made; it is one with what its place still has.
    """

    __slots__ = ()

    def stays(self) -> Commitments:
        """Nothing has to stay."""
        return NO_COMMITMENTS

    def found(self) -> Iterator[Found]:
        """The places of the book and those with commitments, in rank order."""
        committed = self._committed()
        for found in super().found():
            upto = int(committed[0].keys.searchsorted(found[0].keys[-1]))
            if upto:
                yield _merged(_rows(committed, slice(0, upto)), found)
                committed = _rows(committed, slice(upto, None))
            else:
                yield found
        if len(committed[0].keys):
            yield committed

    def _bar(self, line: Line, fits: npt.NDArray[np.bool_]) -> None:
        super()._bar(line, fits)
        if len(self.held.keys):
            # What these places still have is counted with their commitments.
            fits &= ~np.isin(line.keys, self.held.keys)

    def _committed(self) -> Found:
        """The places with commitments, and what else they may give, in rank order."""
        held, table = self.held, self.state.table
        cell = self.state.cell_of[self.request.grade, self.request.term]
        money = held.amounts.copy()
        caps = table.cap.take(held.slots)
        for row, (key, slot) in enumerate(
            zip(held.keys.tolist(), held.slots.tolist(), strict=True)
        ):
            stands_there = cell in self.state.cells_of(slot) and key == self.state.key_of(
                slot, cell
            )
            if stands_there and self._may_give(slot):
                money[row] += table.remaining[slot]
        room = np.minimum(money, caps)
        room -= room % self.increment
        joint = self._joint_room(held.lenders)
        found = Line(held.keys, held.slots, held.lenders, caps), room, joint
        fits = room >= self.least
        if joint is not None:
            fits &= joint >= self.least
        return _rows(found, fits)

    def _may_give(self, slot: int) -> bool:
        """Whether what is left of an offer is eligible."""
        table = self.state.table
        if table.expires[slot] <= self.now or int(table.lender[slot]) in self.barred:
            return False
        return self.tag_fits is None or bool(self.tag_fits[table.tag[slot]])


class ClosingRooms(Rooms):
    """The commitments alone, to be made a loan: only shares of the loan can still bind."""

    __slots__ = ()

    def stays(self) -> Commitments:
        """All of it is to be placed."""
        return NO_COMMITMENTS

    def largest(self) -> int:
        """What is committed."""
        return self.held.total

    def why_nothing(self) -> str:
        """The commitments do not make a loan that the borrower accepts."""
        return "below_min_amount"

    def found(self) -> Iterator[Found]:
        """The places with commitments."""
        held = self.held
        caps = self.state.table.cap.take(held.slots)
        yield Line(held.keys, held.slots, held.lenders, caps), held.amounts, None

    def _offer_cap(self, whole: int, size: int) -> int:
        return int(self._share_of(int(self.state.table.share[whole]), size))


def _rows(found: Found, rows: slice | npt.NDArray[np.bool_]) -> Found:
    line, room, joint = found
    some = joint[rows] if isinstance(joint, np.ndarray) else joint
    return line.take(rows), room[rows], some


def _merged(one: Found, other: Found) -> Found:
    """Two runs of places as one, in rank order."""
    (line, room, joint), (more, more_room, more_joint) = one, other
    keys = np.concatenate((line.keys, more.keys))
    order = keys.argsort(kind="stable")
    both = Line(
        keys[order],
        np.concatenate((line.slots, more.slots))[order],
        np.concatenate((line.lenders, more.lenders))[order],
        np.concatenate((line.caps, more.caps))[order],
    )
    if isinstance(joint, np.ndarray) and isinstance(more_joint, np.ndarray):
        more_joint = np.concatenate((joint, more_joint))[order]
    return both, np.concatenate((room, more_room))[order], more_joint
