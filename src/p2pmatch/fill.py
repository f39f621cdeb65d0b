"""Fill a run of requests by vector passes: many at once, or one by one where limits bind."""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.fill_forms import DONE, FULL, ODD, Asked, Kernel, Made, Means, Places
from p2pmatch.fill_sweeps import Sweeps, stretch
from p2pmatch.keys import rates_of

__all__ = ["PASSES", "Passes"]

# So many requests are tried at once at first, and at most.
_FEWEST: Final = 32
_MOST: Final = 1024

# Some rows: side by side, or wherever they are.
Rows = slice | npt.NDArray[np.intp]


class Passes:
    """The `Fill` of one run: what it reads one request after the other it keeps for the next."""

    def __init__(self) -> None:
        self._sweeps: Sweeps | None = None

    def __call__(
        self,
        places: Places,
        asked: Asked,
        means: Means,
        made: Made,
        units: tuple[int, int],
        row: int,
        notes: int,
    ) -> tuple[int, int, int]:
        """Fill requests by vector passes over the segments. See `p2pmatch.fill_forms.Fill`."""
        batch = _FEWEST
        unlimited = _nothing_limits(places, means, units)
        if self._sweeps is None:
            self._sweeps = Sweeps(places, asked, means, made, units)
        sweeps = self._sweeps
        sweeps.made = made
        why = DONE
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
                why = ODD
                break
            pieces = sweeps.sweep(row)
            if pieces is None:
                why = sweeps.why
                break
            stop = notes + sum(len(piece[0]) for piece in pieces)
            if stop > len(made.slots):
                why = FULL
                break
            sweeps.record(row, slice(notes, stop), pieces)
            notes = stop
            row += 1
        sweeps.end()
        return row, notes, why


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
    keys = places.keys[standing]
    demand = demand[: demand.searchsorted(supply[-1], side="right")]
    # The place at which each request ends, which its rate must reach.
    ends = supply.searchsorted(demand)
    dear = keys.take(ends) >= asked.bounds[row : row + len(demand)]
    if dear.any():
        demand, ends = demand[: dear.argmax()], ends[: dear.argmax()]
    if not len(demand):
        return row, notes
    cuts, met, lasts = _cut(supply, demand, ends)
    rest = notes + len(cuts)
    if rest > len(made.slots):
        return row, notes
    rates = made.rates[notes:rest]
    keys.take(met, out=rates, mode="clip")
    rates_of(rates, out=rates)
    places.slots[standing].take(met, out=made.slots[notes:rest], mode="clip")
    places.lenders[standing].take(met, out=made.lenders[notes:rest], mode="clip")
    amounts = made.amounts[notes:rest]
    amounts[0] = cuts[0]
    np.subtract(cuts[1:], cuts[:-1], out=amounts[1:])
    made.ends[row : row + len(demand)] = notes + lasts + 1
    _spend(places, means, cell, standing, rooms, int(ends[-1]), int(supply[ends[-1]] - demand[-1]))
    return row + len(demand), rest


def _supply(
    places: Places, means: Means, increment: int, cell: int, need: int
) -> tuple[Rows, Amounts]:
    """The cell's places with money, as far as `need`, and the whole increments at each."""
    pieces: list[slice] = []
    rooms: list[Amounts] = []
    segment, step = int(places.first[cell]), 1
    while segment >= 0 and need > 0:
        # Up to one, two, four segments at a time, because each time costs as much as many rows.
        start, stop, last = stretch(places, segment, step)
        segment = int(places.following[last])
        step *= 2
        rows = slice(start, stop)
        room = places.money(means.left, rows)
        if increment > 1:
            room = room - room % increment
        pieces.append(rows)
        rooms.append(room)
        need -= int(room.sum())
    if not pieces:
        return slice(0, 0), np.empty(0, dtype=np.int64)
    if all(one.stop == other.start for one, other in pairwise(pieces)):
        rows = slice(pieces[0].start, pieces[-1].stop)
        # The money itself, where that is what there is to give.
        itself = places.alone and increment == 1
        joined = means.left[rows] if itself else np.concatenate(rooms)
        if np.count_nonzero(joined) == len(joined):
            return rows, joined
    else:
        joined = np.concatenate(rooms)
    used = joined.nonzero()[0]
    every = np.concatenate([np.arange(piece.start, piece.stop) for piece in pieces])
    return every.take(used), joined.take(used)


def _spend(
    places: Places,
    means: Means,
    cell: int,
    standing: Rows,
    rooms: Amounts,
    end: int,
    rest: int,
) -> None:
    """Take the rooms up to place `end`, which keeps `rest` of its own, off the places' money."""
    if isinstance(standing, slice):
        last = standing.start + end
        standing = slice(standing.start, last + 1)
    else:
        standing = standing[: end + 1]
        last = int(standing[end])
    means.left[standing if places.alone else places.accounts[standing]] -= rooms[: end + 1]
    means.left[last if places.alone else places.accounts[last]] += rest
    _leave(places, cell, last)


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
    # Such a place has the next note as well.
    steps = np.ones(int(lasts[-1]) + 2, dtype=np.int64)
    steps[0] = 0
    steps[lasts + 1] -= goes_on
    met = steps[:-1].cumsum()
    cuts = supply.take(met)
    cuts[lasts] = demand
    return cuts, met, lasts


def _leave(places: Places, cell: int, row: int) -> None:
    """Leave behind the cell's places before `row`, which have no money any more."""
    segment = int(places.first[cell])
    while places.stops[segment] <= row:
        segment = int(places.following[segment])
    places.first[cell] = segment
    places.starts[segment] = row


def _read(money: Amounts, slots: Numbers, into: Amounts) -> None:
    """What stands at the slots. See `p2pmatch.fill_forms.Kernel`."""
    # Every slot is there; of what lies far apart this reads more at a time: 0.8 of "clip"'s time.
    money.take(slots, out=into, mode="wrap")


#: Runs by vector passes.
PASSES: Final = Kernel(begin=Passes, read=_read, spend=np.subtract.at)
