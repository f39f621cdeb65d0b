"""Many requests matched one after the other, in runs: what `fill` can do at once, it does.

Where nobody waits and nothing but arrival, limits and tags decides, requests are filled in a run;
the loans of a run are one event. A request that is not so plain is matched by itself; where most
are, no more runs are tried than pay.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Final

import numpy as np

from p2pmatch.allocation import Fifo
from p2pmatch.arrays import Flags, Numbers
from p2pmatch.coded import coded
from p2pmatch.conditions import tags_fit
from p2pmatch.events import Event, LoanMade, LoansMade
from p2pmatch.fill_forms import FULL, MORE, Asked, Made, Means
from p2pmatch.keys import key_bounds
from p2pmatch.limits import LIMIT_NAMES
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.mechanisms.immediate import match_now
from p2pmatch.mechanisms.loaded import Loaded
from p2pmatch.pricing import PayAsOffered
from p2pmatch.request_columns import RequestColumns
from p2pmatch.state import State

__all__ = ["may_run", "submit_run"]

# For fewer requests it is not worth while to lay out the arrays.
_FEW: Final = 8
# Of so many requests one may be of a declared group. It is matched by itself, which costs half as
# much again within a run as without.
_ONE_OF: Final = 3
# A run of so many is worth while: to begin one, and its event, costs as much as three requests do.
_LONG: Final = 4
# At most so many requests come by themselves before a run is tried again.
_SINGLY: Final = 64
# Space for so many notes a request, at first, and at most for so many notes in all.
_NOTES_EACH: Final = 256
_NOTES: Final = 2**20


def may_run(state: State, requests: RequestColumns) -> bool:
    """Whether these requests may be filled in runs. O(1), or O(n) where groups are declared."""
    rules = state.rules
    return (
        len(requests) >= _FEW
        and rules.matching == "immediate"
        and isinstance(state.allocation, Fifo)
        and isinstance(rules.pricing_rule, PayAsOffered)
        and not state.waiting
        and not state.any_share
        and not state.parts
        and rules.borrower_limits.total is None
        and not state.borrower_caps.own
        and _ONE_OF * int(_of_groups(state, requests).sum()) <= len(requests)
    )


def _of_groups(state: State, requests: RequestColumns) -> Flags:
    """By request, whether its borrower has a declared group."""
    found = np.zeros(len(requests), dtype=np.bool_)
    if state.groups:
        found[:] = [borrower in state.groups for borrower in requests.borrower_ids]
    return found


def submit_run(state: State, requests: RequestColumns, now: int) -> Iterator[list[Event]]:
    """The events, step by step; each must be applied before the next is asked for."""
    run = _Run(state, requests)
    row, singly = 0, 1
    while row < len(requests):
        first = row
        row, notes = run.fill(first)
        if row > first:
            yield [LoansMade(now=now, loans=run.loans(first, row, notes))]
        # Where runs are short, more and more requests come by themselves before the next is tried.
        singly = 1 if row - first >= _LONG else min(2 * singly, _SINGLY)
        first, row = row, min(row + singly, len(requests))
        for single in range(first, row):
            events = match_now(state, requests[single], now)
            yield events
            made = [event.loan for event in events if isinstance(event, LoanMade)]
            run.skip(single, made[0] if made else None)


class _Run:
    """The arrays of one call, laid out once and added to as the run goes on."""

    def __init__(self, state: State, requests: RequestColumns) -> None:
        self.state = state
        self.requests = requests
        self._fill = state.kernel.begin()
        self.units = state.rules.increment, state.least
        self.asked, borrowers = self._asked()
        self.places = Loaded(state, requests.cells, len(requests))
        self.means = self._means(borrowers)
        rows = len(requests)
        space = min(max(rows * _NOTES_EACH, 1024), _NOTES)
        self.made = Made(
            np.empty(space, dtype=np.int64),
            np.empty(space, dtype=np.int32),
            np.empty(space, dtype=np.int32),
            np.empty(space, dtype=np.int64),
            np.empty(space, dtype=np.int64),
            np.zeros(rows, dtype=np.int64),
            np.empty(rows, dtype=np.int64),
            np.full(len(borrowers), -1, dtype=np.int64),
        )
        self.notes = 0

    def fill(self, row: int) -> tuple[int, slice]:
        """Fill requests from `row` on; the first that is not filled, and the notes made."""
        first = self.notes
        while True:
            row, self.notes, why = self._fill(
                self.places.places(),
                self.asked,
                self.means,
                self.made,
                self.units,
                row,
                self.notes,
            )
            if why == MORE:
                self.places.load(int(self.asked.cells[row]))
            elif why == FULL:
                self._more_space()
            else:
                return row, slice(first, self.notes)

    def loans(self, row: int, stop: int, notes: slice) -> Loans:
        """The loans of the requests from `row` to `stop`."""
        state, made = self.state, self.made
        columns = Notes(
            made.amounts[notes],
            made.rates[notes],
            made.slots[notes],
            made.lenders[notes],
            state.offer_names,
            state.lender_names,
        )
        return Loans(self.requests[row:stop], made.ends[row:stop] - notes.start, columns)

    def skip(self, row: int, loan: Loan | None) -> None:
        """Take note of a request that was matched by itself."""
        means, made = self.means, self.made
        if loan is not None:
            lenders, amounts = loan.notes.lenders, loan.notes.amounts
            self.places.spend(loan.notes.offers, amounts)
            while self.notes + len(amounts) > len(self.made.amounts):
                self._more_space()
            made = self.made
            notes = slice(self.notes, self.notes + len(amounts))
            made.lenders[notes], made.amounts[notes] = lenders, amounts
            self.notes = notes.stop
            if len(means.in_all):
                np.subtract.at(means.in_all, lenders, amounts)
            if len(means.in_grade):
                np.subtract.at(means.in_grade[self.asked.grades[row]], lenders, amounts)
            if len(means.per_borrower):
                borrower = self.asked.borrowers[row]
                made.previous[row] = made.latest[borrower]
                made.latest[borrower] = row
        made.ends[row] = self.notes

    def _more_space(self) -> None:
        """Four times as much: who found too little begins its request anew."""
        made = self.made
        larger = {}
        for name in ("rates", "slots", "lenders", "amounts", "accounts"):
            column = getattr(made, name)
            larger[name] = np.empty(4 * len(column), dtype=column.dtype)
            larger[name][: self.notes] = column[: self.notes]
        self.made = made._replace(**larger)

    def _asked(self) -> tuple[Asked, list[str]]:
        """The requests as numbers; and the distinct borrowers, where they are needed."""
        state, requests = self.state, self.requests
        rules = state.rules
        cells = _numbers(state.cell_of[cell] for cell in requests.cells)
        grades = _numbers(rules.grades.index(grade) for grade, _ in requests.cells)
        needed = "per_borrower" in state.lender_caps.in_force
        borrowers, numbers = coded(requests.borrower_ids if needed else [])
        asked = Asked(
            requests.amounts,
            key_bounds(requests.max_rates),
            cells[requests.cell_codes],
            grades[requests.cell_codes],
            _as_lenders(state, requests.borrower_ids),
            requests.tag_codes,
            numbers,
            _of_groups(state, requests),
        )
        return asked, borrowers

    def _means(self, borrowers: list[str]) -> Means:
        state = self.state
        count = len(state.lender_names)
        limited = bool(state.lender_caps.in_force)
        everybody = np.arange(count if limited else 0, dtype=np.int32)
        limits = {name: np.empty(0, dtype=np.int64) for name in LIMIT_NAMES}
        for name in state.lender_caps.in_force:
            caps = state.lender_caps.of(name, everybody, count)
            limits[name] = np.full(count, caps) if isinstance(caps, int) else caps
        in_grade = np.empty((0, 0), dtype=np.int64)
        if len(limits["per_grade"]):
            in_grade = np.array(
                [
                    limits["per_grade"] - state.exposure.in_grade(grade, count)[:count]
                    for grade in state.rules.grades
                ]
            )
        if len(limits["total"]):
            limits["total"] = limits["total"] - state.exposure.in_total(count)[:count]
        owed = [state.exposure.lent_to(borrower) for borrower in borrowers]
        fits = [[tags_fit(rule, tags) for rule in state.tag_rules] for tags in self.requests.tags]
        return Means(
            self.places.left,
            np.array(fits, dtype=np.bool_),
            limits["per_loan"],
            limits["total"],
            in_grade,
            limits["per_borrower"],
            np.array([0, *(len(lenders) for lenders, _ in owed)], dtype=np.int64).cumsum(),
            np.concatenate([np.empty(0, dtype=np.int32), *(lenders for lenders, _ in owed)]),
            np.concatenate([np.empty(0, dtype=np.int64), *(amounts for _, amounts in owed)]),
            np.zeros(count if limited else 0, dtype=np.int64),
            np.zeros(count if limits["per_borrower"].size else 0, dtype=np.int64),
        )


def _as_lenders(state: State, borrower_ids: Sequence[str]) -> Numbers:
    """The borrowers' numbers as lenders, -1 for those who lend nothing. O(n)."""
    if state.lenders.keys().isdisjoint(borrower_ids):
        return np.full(len(borrower_ids), -1, dtype=np.int32)
    return _numbers(map(state.lenders.get, borrower_ids, repeat(-1)))


def _numbers(numbers: Iterable[int]) -> Numbers:
    return np.fromiter(numbers, dtype=np.int32)
