"""A run's requests under limits: one after the other, along lines kept from one to the next."""

from typing import Final

import numpy as np

from p2pmatch.along import Columns, Found, along
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.fill_forms import MORE, ODD, Asked, Made, Means, Places
from p2pmatch.keys import rates_of
from p2pmatch.line import Line
from p2pmatch.lines import Lines
from p2pmatch.scratch import Scratch
from p2pmatch.taken import Taken

__all__ = ["Sweeps", "stretch"]

# Lines are seldom longer.
_SCRATCH_ROWS: Final = 1024


class Sweeps:
    """One request after the other, along lines that are kept from one to the next.

    Methods: `sweep`, for one request; `why` says then why it is not filled, `ODD` or `MORE`;
    `record` a loan; `end`, when there are no more.
    """

    def __init__(
        self, places: Places, asked: Asked, means: Means, made: Made, units: tuple[int, int]
    ) -> None:
        self.places, self.asked, self.means, self.made = places, asked, means, made
        self.units = units
        self.why = ODD
        self._scratch = Scratch(_SCRATCH_ROWS)
        self._taken = Taken()
        # By cell and pattern of tags. The slots of these lines are accounts.
        self._lines: dict[tuple[int, int], Lines] = {}
        # By cell: the last key that was read, and its segment.
        self._read_last: dict[int, tuple[int, int]] = {}
        self._row = self._cell = self._pattern = 0
        # Whose debts stand in `Means.owed`, and to whom.
        self._borrower = -1
        self._owed_to: list[Numbers] = []

    def sweep(self, row: int) -> list[Columns] | None:
        """The accounts that fill a request, and what each gives; None: it cannot be filled."""
        asked = self.asked
        self._row = row
        self._cell, self._pattern = int(asked.cells[row]), int(asked.patterns[row])
        self._scratch.begin()
        self._taken.begin(len(self.means.given))
        self.why = ODD
        if len(asked.borrowers) and asked.borrowers[row] != self._borrower:
            self.end()
            self._borrower = int(asked.borrowers[row])
            self._owe_from_before()
        missing = int(asked.amounts[row])
        found = along(self._behind, missing, self.units, self._taken, self._scratch)
        # `why` was said when the places ended.
        return None if found is None or found[1] else found[0]

    def record(self, row: int, notes: slice, pieces: list[Columns]) -> None:
        """Write a loan's notes, and count them."""
        asked, means, made = self.asked, self.means, self.made
        keys, accounts, lenders, amounts = (
            np.concatenate(column) for column in zip(*pieces, strict=True)
        )
        rates_of(keys, out=made.rates[notes])
        made.lenders[notes], made.amounts[notes] = lenders, amounts
        # An account is the number of the first row that its offer has.
        self.places.slots.take(accounts, out=made.slots[notes])
        made.ends[row] = notes.stop
        np.subtract.at(means.left, accounts, amounts)
        if len(means.in_all):
            np.subtract.at(means.in_all, lenders, amounts)
        if len(means.in_grade):
            np.subtract.at(means.in_grade[asked.grades[row]], lenders, amounts)
        if len(means.per_borrower):
            made.previous[row] = made.latest[self._borrower]
            made.latest[self._borrower] = row
            self._owe(lenders, amounts)

    def end(self) -> None:
        """Leave the scratch space all zero."""
        for lenders in self._owed_to:
            self.means.owed[lenders] = 0
        self._owed_to.clear()
        self._borrower = -1

    def _owe(self, lenders: Numbers, amounts: Amounts) -> None:
        np.add.at(self.means.owed, lenders, amounts)
        self._owed_to.append(lenders)

    def _owe_from_before(self) -> None:
        """What the borrower owes: from before the run, and by its loans of this run."""
        means, made = self.means, self.made
        known = slice(*means.owed_from[self._borrower : self._borrower + 2].tolist())
        self._owe(means.owed_lenders[known], means.owed_amounts[known])
        loan = int(made.latest[self._borrower])
        while loan >= 0:
            notes = slice(int(made.ends[loan - 1]) if loan else 0, int(made.ends[loan]))
            self._owe(made.lenders[notes], made.amounts[notes])
            loan = int(made.previous[loan])

    def _behind(self, key: int) -> tuple[Found, int] | None:
        """The next line behind a key with places that may take part, and where it ends."""
        lines = self._lines.get((self._cell, self._pattern))
        if lines is None:
            lines = self._lines[self._cell, self._pattern] = Lines()
        while (step := lines.after(key, self._read)) is not None:
            line, key = step
            if line.first_key >= self.asked.bounds[self._row]:
                return None
            found = self._taking_part(lines, line) if line.count else None
            if found is not None:
                return found, key
        self.why = ODD if self.places.complete[self._cell] else MORE
        return None

    def _read(self, key: int, segments: int) -> tuple[Line, int] | None:
        """The places with money behind a key, in the next few segments."""
        places, means, least = self.places, self.means, self.units[1]
        segment = self._first_behind(key)
        if segment < 0:
            return None
        start, stop, last = stretch(places, segment, segments)
        end = int(places.keys[stop - 1])
        self._read_last[self._cell] = end, last
        fits = places.money(means.left, slice(start, stop)) >= least
        if len(places.tags):
            fits &= means.fits[self._pattern].take(places.tags[start:stop])
        rows = start + fits.nonzero()[0]
        keys = places.keys.take(rows)
        line = Line(
            keys,
            (rows if places.alone else places.accounts.take(rows)).astype(np.int32),
            places.lenders.take(rows),
            # Nobody looks at them where there are none; but they have to be so many.
            places.caps.take(rows) if len(places.caps) else keys,
        )
        return line, end

    def _first_behind(self, key: int) -> int:
        """The first segment with a key above this one; -1: none. Used up ones are taken out."""
        places, left, least = self.places, self.means.left, self.units[1]
        segment = int(places.first[self._cell])
        # Most often it is the next behind what was read last; otherwise, from the front. That is
        # far behind what was read last where many requests were filled at once since then.
        known, last = self._read_last.get(self._cell, (-1, -1))
        before = -1
        if 0 <= known <= key and segment >= 0 and places.keys[places.starts[segment]] <= key:
            before, segment = last, int(places.following[last])
        while segment >= 0:
            following = int(places.following[segment])
            rows = slice(int(places.starts[segment]), int(places.stops[segment]))
            if places.keys[rows.stop - 1] <= key:
                before = segment
            elif following < 0 or (places.money(left, rows) >= least).any():
                break
            elif before < 0:
                places.first[self._cell] = following
            else:
                places.following[before] = following
            segment = following
        return segment

    def _taking_part(self, lines: Lines, line: Line) -> Found | None:
        """The places of a line; None if none of them may take part."""
        asked, row = self.asked, self._row
        increment, least = self.units
        line, room = lines.money(line, self.means.left, least, self._scratch)
        if not line.count:
            return None
        if len(self.places.caps):
            np.minimum(room, line.caps, out=room)
        if increment > 1:
            room -= room % increment
        if least > 1:
            room *= room >= least
        if line.last_key >= asked.bounds[row]:
            room[int(line.keys.searchsorted(asked.bounds[row])) :] = 0
        if asked.barred[row] >= 0:
            room *= line.lenders != asked.barred[row]
        joint = _joint_rooms(self.means, line.lender_rows, int(asked.grades[row]), increment)
        return line, room, joint


def _joint_rooms(means: Means, lenders: Amounts, grade: int, increment: int) -> Amounts | None:
    """What each row's lender may give by its limits, before this loan; None: there are none."""
    rooms: list[Amounts] = []
    if len(means.per_loan):
        rooms.append(means.per_loan.take(lenders))
    if len(means.in_all):
        rooms.append(means.in_all.take(lenders))
    if len(means.in_grade):
        rooms.append(means.in_grade[grade].take(lenders))
    if len(means.per_borrower):
        rooms.append(means.per_borrower.take(lenders) - means.owed.take(lenders))
    if not rooms:
        return None
    joint = rooms[0]
    for room in rooms[1:]:
        np.minimum(joint, room, out=joint)
    np.maximum(joint, 0, out=joint)
    if increment > 1:
        joint -= joint % increment
    return joint


def stretch(places: Places, segment: int, most: int) -> tuple[int, int, int]:
    """The rows of up to `most` segments that lie side by side; and the last of these segments."""
    some = slice(segment, segment + most)
    starts, stops, following = (
        column[some].tolist() for column in (places.starts, places.stops, places.following)
    )
    last = 0
    while last + 1 < len(starts) and (
        (following[last], stops[last]) == (segment + last + 1, starts[last + 1])
    ):
        last += 1
    return starts[0], stops[last], segment + last
