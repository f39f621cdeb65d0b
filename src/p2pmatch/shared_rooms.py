"""Rooms for several amounts of one request: the ladder is read once, as far as any of them needs."""

from collections.abc import Iterator

import numpy as np

from p2pmatch.ladder import key_bound, rates_of
from p2pmatch.loans import Loan
from p2pmatch.orders import Request
from p2pmatch.rooms import Found, Rooms, Rows
from p2pmatch.state import State

__all__ = ["SharedRooms"]


class SharedRooms(Rooms):
    """Rooms that remember what they have read; the state must not change meanwhile.

    Which places may take part, and with how much, is the same for every amount; what they give
    when those before them give all they can is as well, unless somebody may lend no more than a
    share of the loan. `ask` says for which amount they are read next, the largest first.
    """

    __slots__ = ("_lines", "_read", "_rest")

    def __init__(self, state: State, request: Request, now: int) -> None:
        super().__init__(state, request, now)
        self._rest = super()._found()
        self._read: list[Found] = []
        self._lines: list[Rows] | None = None

    def ask(self, request: Request) -> None:
        """Be the rooms of this request: the same but for its amount, which is not larger."""
        self.request = request

    def enough(self, loan: Loan | None) -> None:
        """Cut what has been read behind the dearest rate of the largest amount's loan.

        A smaller amount seldom needs more, and whatever it reads it reads in whole pieces.
        """
        if loan is None:
            return
        cell = self.state.cell_of[loan.grade, loan.term]
        last = self.state.key_of(int(loan.notes.offers[-1]), cell)
        bound = key_bound(int(rates_of(np.array([last]))[0]))
        if self._lines:
            line = Rows.joined(self._lines)
            self._lines[:] = [line.take(slice(0, int(line.keys.searchsorted(bound))))]
        self._read[:] = _cut(self._read, bound)

    def scan(self, size: int) -> Iterator[Rows]:
        """As of any rooms. What the largest amount has read is enough for a smaller one."""
        if self.state.any_share:
            return super().scan(size)
        if self._lines is None:
            self._lines = []
            return self._remembered(size, self._lines)
        return iter(self._lines)

    def _remembered(self, size: int, lines: list[Rows]) -> Iterator[Rows]:
        for rows in super().scan(size):
            lines.append(rows)
            yield rows

    def _found(self) -> Iterator[Found]:
        yield from self._read
        for keys, slots, lenders, room, joint in self._rest:
            # Copies, because the columns are views of a chunk, which tidies itself when it is read.
            found = keys.copy(), slots.copy(), lenders.copy(), room, joint
            self._read.append(found)
            yield found


def _cut(pieces: list[Found], bound: int) -> list[Found]:
    """The same places in two pieces: those with keys below the bound, and those from there on."""
    edge = [int(piece[0].searchsorted(bound)) for piece in pieces]
    front = [_part(piece, slice(0, stop)) for piece, stop in zip(pieces, edge, strict=True) if stop]
    rest = [
        _part(piece, slice(start, None))
        for piece, start in zip(pieces, edge, strict=True)
        if start < len(piece[0])
    ]
    return [_joined(front), *rest] if front else rest


def _part(found: Found, rows: slice) -> Found:
    keys, slots, lenders, room, joint = found
    some = joint[rows] if isinstance(joint, np.ndarray) else joint
    return keys[rows], slots[rows], lenders[rows], room[rows], some


def _joined(pieces: list[Found]) -> Found:
    keys, slots, lenders, rooms, joints = zip(*pieces, strict=True)
    joint = joints[0] if isinstance(joints[0], int | None) else np.concatenate(joints)
    return (
        np.concatenate(keys),
        np.concatenate(slots),
        np.concatenate(lenders),
        np.concatenate(rooms),
        joint,
    )
