"""Many requests filled one after the other: arrays in, arrays out.

What a run of requests reads and writes is a few tuples of arrays, so that the same work can be
done by vector passes (here) or by a compiled loop (`fill_loop`); the two give the same arrays, bit
for bit. Both do the plain case alone: each offer in order of arrival at its own rate, the request
filled whole, no share of a loan. A request that needs more than that ends the run; whoever called
fills it the general way and goes on behind it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from p2pmatch.line import ByLender

__all__ = ["DONE", "FULL", "MORE", "ODD", "Asked", "Fill", "Made", "Means", "Places", "fill"]

#: Why a run ends: all requests are filled; the next one's cell has more places than were loaded;
#: the next one is not for this; there is no space for its notes.
DONE: Final = 0
MORE: Final = 1
ODD: Final = 2
FULL: Final = 3

# Places without money that a part of a segment keeps before they are left out.
_DEAD_ROWS: Final = 64
# So many requests are tried at once at first, and at most.
_FEWEST: Final = 32
_MOST: Final = 1024

Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Places(NamedTuple):
    """Cells' places in rank order, in segments: rows `starts[s]` to `stops[s]` of the columns.

    accounts : where each place's money stands in `Means.left`: an offer's places share one.
    tags, caps : of length 0 where no place has any.
    following : the segment after each one in its cell, or -1; first : each cell's first, or -1.
    complete : whether the segments are all that the cell has.

    A segment whose places have no money left is taken out of its cell, unless it is the last.
    """

    keys: Amounts
    slots: Numbers
    lenders: Numbers
    accounts: Amounts
    tags: Numbers
    caps: Amounts
    starts: Amounts
    stops: Amounts
    following: Amounts
    first: Amounts
    complete: Flags


class Asked(NamedTuple):
    """The requests, row by row.

    bounds : the key up to which the request's rate reaches; cells, grades : numbers.
    barred : the lender that is the borrower itself, or -1; patterns : a row of `Means.fits`.
    borrowers : numbers; of length 0 where no limit is per borrower.
    odd : whether the request is not for the kernels.
    """

    amounts: Amounts
    bounds: Amounts
    cells: Numbers
    grades: Numbers
    barred: Numbers
    patterns: Numbers
    borrowers: Numbers
    odd: Flags


class Means(NamedTuple):
    """What offers and lenders have to give, minor units.

    left : by account, the money that is left.
    fits : bool, by pattern of tags and tag rule.
    per_loan, in_all, per_borrower : by lender, what it may give to a loan, in all, to a borrower;
        in_grade : by grade and lender. Of length 0 where nobody has such a limit.
    owed_from : by borrower, where its entries in `owed_lenders`, `owed_amounts` begin: what it owes
        from before.
    given, owed : by lender, scratch space, all zero.
    """

    left: Amounts
    fits: Flags
    per_loan: Amounts
    in_all: Amounts
    in_grade: Amounts
    per_borrower: Amounts
    owed_from: Amounts
    owed_lenders: Numbers
    owed_amounts: Amounts
    given: Amounts
    owed: Amounts


class Made(NamedTuple):
    """The notes made, and by request where they end.

    accounts : where the notes' money came from, for the use of the kernel alone.
    previous : by request, the same borrower's request before it that got a loan, or -1;
    latest : by borrower, its last one, or -1.
    """

    keys: Amounts
    slots: Numbers
    lenders: Numbers
    amounts: Amounts
    accounts: Amounts
    ends: Amounts
    previous: Amounts
    latest: Amounts


#: (places, asked, means, made, (increment, smallest note), row, notes) -> (row, notes, why it
#: ends): the requests from `row` on are filled, and `notes` notes stand before theirs.
Fill = Callable[
    [Places, Asked, Means, Made, tuple[int, int], int, int],
    tuple[int, int, int],
]


def fill(
    places: Places,
    asked: Asked,
    means: Means,
    made: Made,
    units: tuple[int, int],
    row: int,
    notes: int,
) -> tuple[int, int, int]:
    """Fill requests by vector passes over the segments. See `Fill`."""
    batch = _FEWEST
    unlimited = _nothing_limits(places, means, units)
    parts: dict[tuple[int, int], _Part] = {}
    while row < len(asked.amounts):
        if unlimited:
            # As many as could be filled at once the last time, and then some.
            stop = min(row + batch, len(asked.amounts))
            filled, notes = _fill_at_once(places, asked, means, made, units, row, stop, notes)
            batch = min(2 * batch, _MOST) if filled == stop else _FEWEST
            if filled > row:
                row = filled
                continue
        if asked.odd[row]:
            return row, notes, ODD
        _remember(asked, means, made, row)
        why, pieces = _search(places, asked, means, units, row, parts)
        count = sum(len(amounts) for _, amounts in pieces)
        if why == DONE and notes + count > len(made.slots):
            why = FULL
        if why == DONE:
            _record(places, asked, means, made, row, notes, pieces)
            notes += count
        _forget(asked, means, made, row, pieces, places)
        if why != DONE:
            return row, notes, why
        row += 1
    return row, notes, DONE


def _nothing_limits(places: Places, means: Means, units: tuple[int, int]) -> bool:
    """Whether every whole increment at every place may go to every request."""
    increment, least = units
    limits = (means.per_loan, means.in_all, means.in_grade, means.per_borrower)
    return increment == least and not any(
        len(column) for column in (places.tags, places.caps, *limits)
    )


def _fill_at_once(
    places: Places,
    asked: Asked,
    means: Means,
    made: Made,
    units: tuple[int, int],
    row: int,
    stop: int,
    notes: int,
) -> tuple[int, int]:
    """Fill requests of one cell from `row` on, up to `stop`, as far as that is easy.

    The money of the places and the money asked for are laid out along one line each; a note ends
    wherever one of the places or one of the requests does.

    Returns
    -------
    The first request that is not filled, and how many notes there are.
    """
    cell = int(asked.cells[row])
    asked_rows = slice(row, stop)
    others = (asked.cells[asked_rows] != cell) | (asked.barred[asked_rows] >= 0)
    others |= asked.odd[asked_rows]
    count = int(others.argmax()) if others.any() else stop - row
    if not count:
        return row, notes
    demand = asked.amounts[row : row + count].cumsum()
    standing, rooms = _supply(places, means, units[0], cell, int(demand[-1]))
    supply = rooms.cumsum()
    if not len(supply):
        return row, notes
    demand = demand[: demand.searchsorted(supply[-1], side="right")]
    # The place at which each request ends, which its rate must reach.
    ends = supply.searchsorted(demand)
    dear = places.keys[standing[ends]] >= asked.bounds[row : row + len(demand)]
    if dear.any():
        demand, ends = demand[: dear.argmax()], ends[: dear.argmax()]
    if not len(demand):
        return row, notes
    cuts, met, lasts = _cut(supply, demand, ends)
    rest = notes + len(cuts)
    if rest > len(made.slots):
        return row, notes
    which = standing.take(met)
    made.keys[notes:rest] = places.keys.take(which)
    made.slots[notes:rest] = places.slots.take(which)
    made.lenders[notes:rest] = places.lenders.take(which)
    amounts = made.amounts[notes:rest]
    amounts[0] = cuts[0]
    np.subtract(cuts[1:], cuts[:-1], out=amounts[1:])
    made.ends[row : row + len(demand)] = notes + lasts + 1
    end = int(ends[-1])
    accounts = places.accounts[standing[: end + 1]]
    rooms[end] -= int(supply[end] - demand[-1])
    means.left[accounts] -= rooms[: end + 1]
    _leave(places, cell, int(standing[end]))
    return row + len(demand), rest


def _supply(
    places: Places, means: Means, increment: int, cell: int, need: int
) -> tuple[npt.NDArray[np.intp], Amounts]:
    """The cell's places with money, as far as `need`, and the whole increments at each."""
    rows: list[npt.NDArray[np.intp]] = []
    rooms: list[Amounts] = []
    segment, step = int(places.first[cell]), 1
    while segment >= 0 and need > 0:
        # Up to one, two, four segments at a time, because each time costs as much as many rows.
        start, stop, segment = _stretch(places, segment, step)
        step *= 2
        room = means.left.take(places.accounts[start:stop])
        if increment > 1:
            room -= room % increment
        used = room.nonzero()[0]
        room = room.take(used)
        used += start
        rows.append(used)
        rooms.append(room)
        need -= int(room.sum())
    if not rows:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int64)
    return np.concatenate(rows), np.concatenate(rooms)


def _cut(
    supply: Amounts, demand: Amounts, ends: npt.NDArray[np.intp]
) -> tuple[Amounts, Amounts, Amounts]:
    """Cut the line wherever a place or a request ends. O(n).

    Parameters
    ----------
    supply, demand : the money of the places, and that asked for, added up; demand is met.
    ends : by request, the place at which it ends.

    Returns
    -------
    By note, where it ends and which place it is from; by request, which note is its last.

    Examples
    --------
    >>> supply, demand = np.array([3, 5, 9]), np.array([4, 5, 7])
    >>> [column.tolist() for column in _cut(supply, demand, supply.searchsorted(demand))]
    [[3, 4, 5, 7], [0, 1, 1, 2], [1, 2, 3]]
    """
    # A place that has more is where the next request begins.
    goes_on = demand < supply[ends]
    lasts = ends + goes_on.cumsum() - goes_on
    notes = int(lasts[-1]) + 1
    # Such a place has the note before this one as well.
    again = np.zeros(notes + 1, dtype=np.int64)
    again[lasts + 1] = goes_on
    met = np.arange(notes) - again[:-1].cumsum()
    cuts = supply.take(met)
    cuts[lasts] = demand
    return cuts, met, lasts


def _stretch(places: Places, segment: int, most: int) -> tuple[int, int, int]:
    """The rows of up to `most` segments that lie side by side; and the segment behind them."""
    start, stop = int(places.starts[segment]), int(places.stops[segment])
    segment = int(places.following[segment])
    while segment >= 0 and most > 1 and places.starts[segment] == stop:
        stop = int(places.stops[segment])
        segment = int(places.following[segment])
        most -= 1
    return start, stop, segment


def _leave(places: Places, cell: int, row: int) -> None:
    """Leave behind the cell's places before `row`, which have no money any more."""
    segment = int(places.first[cell])
    while places.stops[segment] <= row:
        segment = int(places.following[segment])
    places.first[cell] = segment
    places.starts[segment] = row


Pieces = list[tuple[npt.NDArray[np.intp], Amounts]]


class _Part(ByLender):
    """The places of a segment whose tag rules fit, but for most of those without money.

    rows : positions in the columns; accounts, lenders : of these rows. `lender_rows` is lenders as
    what numpy looks rows up by.
    """

    __slots__ = ("_looked", "accounts", "lender_rows", "rows")

    def __init__(self, places: Places, rows: npt.NDArray[np.intp]) -> None:
        super().__init__(places.lenders.take(rows))
        self.rows = rows
        self.accounts = places.accounts.take(rows)
        self.lender_rows = self.lenders.astype(np.int64)
        self._looked = False

    def is_last_of(self, places: Places, means: Means, least: int, segment: int) -> bool:
        """Whether neither it nor any other place of its segment has money; looked up once."""
        if len(self.rows) or self._looked:
            return False
        self._looked = True
        rows = slice(int(places.starts[segment]), int(places.stops[segment]))
        return not (means.left.take(places.accounts[rows]) >= least).any()


def _search(
    places: Places,
    asked: Asked,
    means: Means,
    units: tuple[int, int],
    row: int,
    parts: dict[tuple[int, int], _Part],
) -> tuple[int, Pieces]:
    """The places that fill a request, and what each gives. `parts`: by segment and pattern."""
    least = units[1]
    missing = int(asked.amounts[row])
    cell = int(asked.cells[row])
    pieces: Pieces = []
    before, segment = -1, int(places.first[cell])
    while segment >= 0:
        if places.keys[places.starts[segment]] >= asked.bounds[row]:
            return ODD, pieces
        part = _part(places, asked, means, least, row, segment, parts)
        following = int(places.following[segment])
        if following >= 0 and part.is_last_of(places, means, least, segment):
            if before < 0:
                places.first[cell] = following
            else:
                places.following[before] = following
        else:
            before = segment
        segment = following
        if not len(part.rows):
            continue
        own = _own_rooms(places, asked, means, units, row, part)
        joint = _joint_rooms(means, part.lender_rows, int(asked.grades[row]), units[0])
        raw = own if joint is None else _within_joint(part, own, joint, means.given, least)
        given = raw * (raw >= least)
        already = given.cumsum() - given
        meets = already + raw >= missing
        end = int(meets.argmax())
        if meets[end]:
            rest = missing - int(already[end])
            if rest < least:
                return ODD, pieces
            given = given[: end + 1]
            given[end] = rest
            pieces.append(_positive(part.rows, given))
            return DONE, pieces
        missing -= int(given.sum())
        pieces.append(_positive(part.rows, given))
        if joint is not None:
            np.add.at(means.given, part.lender_rows, given)
    return ODD if places.complete[cell] else MORE, pieces


def _part(
    places: Places,
    asked: Asked,
    means: Means,
    least: int,
    row: int,
    segment: int,
    parts: dict[tuple[int, int], _Part],
) -> _Part:
    """The part of a segment that a request's tags fit; empty if it has no money."""
    name = segment, int(asked.patterns[row])
    part = parts.get(name)
    if part is None:
        rows = np.arange(places.starts[segment], places.stops[segment])
        if len(places.tags):
            rows = rows[means.fits[asked.patterns[row]].take(places.tags[rows])]
        part = parts[name] = _Part(places, rows)
    if len(part.rows):
        alive = means.left.take(part.accounts) >= least
        count = int(np.count_nonzero(alive))
        if not count or len(alive) - count >= _DEAD_ROWS:
            part = parts[name] = _Part(places, part.rows[alive])
    return part


def _positive(rows: npt.NDArray[np.intp], given: Amounts) -> tuple[npt.NDArray[np.intp], Amounts]:
    used = given.nonzero()[0]
    return rows[used], given[used]


def _own_rooms(
    places: Places, asked: Asked, means: Means, units: tuple[int, int], row: int, part: _Part
) -> Amounts:
    """What each place could give; 0 where it may not take part."""
    increment, least = units
    room = means.left.take(part.accounts)
    if len(places.caps):
        np.minimum(room, places.caps.take(part.rows), out=room)
    if increment > 1:
        room -= room % increment
    room *= room >= least
    if places.keys[part.rows[-1]] >= asked.bounds[row]:
        room *= places.keys.take(part.rows) < asked.bounds[row]
    if asked.barred[row] >= 0:
        room *= part.lenders != asked.barred[row]
    return room


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


def _within_joint(part: _Part, own: Amounts, joint: Amounts, given: Amounts, least: int) -> Amounts:
    """What the lenders' joint rooms leave of the rows' own, row after row."""
    left = joint - given.take(part.lender_rows)
    raw: Amounts = np.minimum(own, left)
    # They are few, so one by one.
    for rows in () if part.repeats is None else part.repeats.turns:
        still: int = left.item(rows[0])
        for at in rows:
            raw[at] = room = min(own.item(at), still)
            still -= room if room >= least else 0
    return raw


def _record(
    places: Places,
    asked: Asked,
    means: Means,
    made: Made,
    row: int,
    notes: int,
    pieces: Pieces,
) -> None:
    """Write a loan's notes, and count them."""
    rows = np.concatenate([rows for rows, _ in pieces])
    amounts = np.concatenate([amounts for _, amounts in pieces])
    stop = notes + len(rows)
    lenders = places.lenders[rows]
    made.keys[notes:stop] = places.keys[rows]
    made.slots[notes:stop] = places.slots[rows]
    made.lenders[notes:stop] = lenders
    made.amounts[notes:stop] = amounts
    made.ends[row] = stop
    means.left[places.accounts[rows]] -= amounts
    if len(means.in_all):
        np.subtract.at(means.in_all, lenders, amounts)
    if len(means.in_grade):
        np.subtract.at(means.in_grade[asked.grades[row]], lenders, amounts)
    if len(means.per_borrower):
        made.previous[row] = made.latest[asked.borrowers[row]]
        made.latest[asked.borrowers[row]] = row


def _owed(asked: Asked, means: Means, made: Made, row: int) -> list[tuple[Numbers, Amounts]]:
    """What the request's borrower owes: from before, and by its loans of this run."""
    if not len(means.per_borrower):
        return []
    borrower = int(asked.borrowers[row])
    known = slice(int(means.owed_from[borrower]), int(means.owed_from[borrower + 1]))
    found = [(means.owed_lenders[known], means.owed_amounts[known])]
    loan = int(made.latest[borrower])
    while loan >= 0:
        notes = slice(int(made.ends[loan - 1]) if loan else 0, int(made.ends[loan]))
        found.append((made.lenders[notes], made.amounts[notes]))
        loan = int(made.previous[loan])
    return found


def _remember(asked: Asked, means: Means, made: Made, row: int) -> None:
    for lenders, amounts in _owed(asked, means, made, row):
        np.add.at(means.owed, lenders, amounts)


def _forget(
    asked: Asked, means: Means, made: Made, row: int, pieces: Pieces, places: Places
) -> None:
    """Leave the scratch space all zero."""
    if len(means.given):
        for rows, _ in pieces:
            means.given[places.lenders[rows]] = 0
    for lenders, _ in _owed(asked, means, made, row):
        means.owed[lenders] = 0
