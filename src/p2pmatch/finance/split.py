"""Every payment of a loan shared among its notes, to the cent, at every payment.

A note's exact share of all principal paid so far is its part of the loan; of all interest, its part
of amount times rate. After every payment a note has received the whole cents of its exact share, or
one more. So nobody is ever a cent or more away from it, and what is over goes to nobody twice.

Who gets the one more? The j-th cent of a note may be given once its exact share is above j - 1, and
is due when the share reaches j. The exact shares themselves place every cent inside these bounds,
in fractions; flows with whole bounds have whole solutions, so one in whole cents exists, and giving
the cents that are due first (earliest deadline) finds it. This is the just-in-time sequencing of
Steiner and Yeomans, "Level schedules for mixed-model, just-in-time processes" (1993).

Interest and principal could still err the same way together. So they are chosen together: a note
whose two fractions add up to less than one cent gets at most one more of the two, a note above one
cent at least one. That keeps the payments within one cent as well. Where notes get no cent of
principal in some payments, such a choice may be missed (three orders of choosing are tried; one in
some thousand loans of notes under 0.40 was seen to fail them all). Then each of the two is shared
by itself, and the payments keep within two cents.
"""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from operator import mul
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.arrays import SAME, Amounts
from p2pmatch.errors import InvalidValue
from p2pmatch.finance.amortise import half_up, period_growth

__all__ = ["HasNotes", "Split", "share_out"]


class HasNotes(Protocol):
    """Notes as columns: amounts in minor units, rates in ppm, and whose they are."""

    @property
    def amounts(self) -> Amounts:
        """Minor units, shape (n,)."""
        ...

    @property
    def rates(self) -> Amounts:
        """Ppm a year, shape (n,)."""
        ...

    @property
    def lender_ids(self) -> npt.NDArray[np.str_]:
        """Names, shape (n,)."""
        ...


@attrs.frozen(repr=False)
class Split:
    """Each note's part of each payment: one row a note, one column a payment.

    Parameters
    ----------
    lender_ids : whose each note is, shape (n,).
    payments, interest, principal : int64, shape (n, payments), minor units; every column adds up to
        the borrower's.
    balance : int64, shape (n, payments): what each note has outstanding after each payment.
    fees : int64, shape (n, payments): what each lender pays the platform for servicing.

    The columns are read-only.
    """

    lender_ids: npt.NDArray[np.str_] = attrs.field(eq=SAME)
    payments: Amounts = attrs.field(eq=SAME)
    interest: Amounts = attrs.field(eq=SAME)
    principal: Amounts = attrs.field(eq=SAME)
    balance: Amounts = attrs.field(eq=SAME)
    fees: Amounts = attrs.field(eq=SAME)

    def __len__(self) -> int:
        return len(self.payments)

    def __repr__(self) -> str:
        notes, payments = self.payments.shape
        return f"<{notes} notes, {payments} payments, {int(self.payments.sum())} minor units>"

    @property
    def net(self) -> Amounts:
        """What each lender keeps of each payment: payments less fees, shape (n, payments)."""
        return self.payments - self.fees

    def by_lender(self) -> dict[str, Amounts]:
        """Each lender's payments over all its notes, shape (payments,) each; by first note.

        Examples
        --------
        >>> from p2pmatch import Note, Notes
        >>> from p2pmatch.finance import schedule
        >>> notes = Notes.of([Note("o1", "ann", 60, 0), Note("o2", "ben", 30, 0),
        ...                   Note("o3", "ann", 10, 0)])
        >>> split = schedule(principal=100, rate=0, term=2).split(notes)
        >>> {lender: payments.tolist() for lender, payments in split.by_lender().items()}
        {'ann': [35, 35], 'ben': [15, 15]}
        """
        totals: dict[str, Amounts] = {}
        for lender, row in zip(self.lender_ids.tolist(), self.payments, strict=True):
            totals[lender] = totals[lender] + row if lender in totals else row
        return totals


def share_out(
    notes: HasNotes, interest: Amounts, principal: Amounts, fee_ppm: int, parts: Sequence[Fraction]
) -> Split:
    """Share a borrower's columns among notes. See `Schedule.split`.

    Raises
    ------
    InvalidValue : for what is no notes in columns, and unless they add up to the principal.
    """
    amounts: list[int] = _column_of(notes, "amounts", "iu").tolist()
    rates: list[int] = _column_of(notes, "rates", "iu").tolist()
    lender_ids = _column_of(notes, "lender_ids", "UO")
    lent = int(principal.sum())
    if sum(amounts) != lent:
        raise InvalidValue("contradiction", "notes", sum(amounts), f"notes that add up to {lent}")
    earning = [amount * rate for amount, rate in zip(amounts, rates, strict=True)]
    owed = _Column.of(principal, amounts)
    due = _Column.of(interest, earning if any(earning) else amounts)
    attempts = (_together(due, owed, order) for order in ("first", "payments", "last"))
    shared = next(filter(None, attempts), None) or (_alone(due), _alone(owed))
    # Everything received so far, one row a note.
    interests, principals = (np.array(rows, dtype=np.int64).T for rows in shared)
    received, repaid = (_steps(rows) for rows in (interests, principals))
    columns = (
        received + repaid,
        received,
        repaid,
        np.array(amounts, dtype=np.int64)[:, None] - principals,
        _fees(amounts, principal, fee_ppm, parts),
    )
    for column in columns:
        column.flags.writeable = False
    return Split(lender_ids, *columns)


def _column_of(notes: object, name: str, kinds: str) -> npt.NDArray[Any]:
    """A column of notes, if it is one and of one of these kinds, as numpy calls them."""
    column = getattr(notes, name, None)
    if not isinstance(column, np.ndarray) or column.dtype.kind not in kinds:
        accepted = "notes as columns, such as loan.notes or Notes.of([Note(...), ...])"
        raise InvalidValue("wrong_type", "notes", notes, accepted)
    return column


def _fees(
    amounts: Sequence[int], principal: Amounts, fee_ppm: int, parts: Sequence[Fraction]
) -> Amounts:
    """Each note's fee on what it had outstanding, from the rounding of all fees so far."""
    lent = sum(amounts)
    balances = [lent, *(lent - paid for paid in accumulate(principal.tolist()))]
    growth, whole = period_growth(Fraction(fee_ppm), parts)
    so_far = list(accumulate(map(mul, balances, growth)))
    rows = [[half_up(amount * fee, lent * whole) for fee in so_far] for amount in amounts]
    return _steps(np.array(rows, dtype=np.int64))


def _steps(so_far: Amounts) -> Amounts:
    """What each column adds to the one before it."""
    steps = so_far.copy()
    steps[:, 1:] -= so_far[:, :-1]
    return steps


@attrs.frozen
class _Column:
    """What the borrower has paid so far, row by row, and the weights by which notes share it."""

    totals: list[int]
    weights: list[int]
    whole: int

    @classmethod
    def of(cls, paid: Amounts, weights: list[int]) -> "_Column":
        return cls(paid.cumsum().tolist(), weights, sum(weights))

    def due(self, note: int, cents: int) -> int:
        """The first row in which a note's exact share reaches so many cents."""
        return bisect_left(self.totals, -(-cents * self.whole // self.weights[note]))


class _Row:
    """One column after one payment: whole cents of each exact share, and who may get one more."""

    def __init__(self, column: _Column, row: int, given: Sequence[int], ties: int = 1) -> None:
        exact = [divmod(column.totals[row] * w, column.whole) for w in column.weights]
        self.floors = [floor for floor, _ in exact]
        self.rests = [rest for _, rest in exact]
        #: Notes that have had the one more already.
        self.ahead = {note for note, floor in enumerate(self.floors) if given[note] > floor}
        #: How many notes get one more, those ahead included.
        self.extras = column.totals[row] - sum(self.floors)
        #: Who else may get it, the earliest due first.
        self.free = sorted(
            (note for note, rest in enumerate(self.rests) if rest and note not in self.ahead),
            key=lambda note: (column.due(note, self.floors[note] + 1), ties * note),
        )

    def with_extras(self, notes: set[int]) -> list[int]:
        """What each note has received, if these get one more."""
        return [floor + (note in notes) for note, floor in enumerate(self.floors)]


def _alone(column: _Column) -> list[list[int]]:
    """One column's cumulative parts, a list of notes for every row: earliest deadline first."""
    given = [0] * len(column.weights)
    rows = []
    for at in range(len(column.totals)):
        row = _Row(column, at, given)
        given = row.with_extras(row.ahead | set(row.free[: row.extras - len(row.ahead)]))
        rows.append(given)
    return rows


def _together(
    due: _Column, owed: _Column, order: str
) -> tuple[list[list[int]], list[list[int]]] | None:
    """Both columns' cumulative parts with the payments within one cent too.

    Among notes due in the same row the first comes first, or the last; or interest goes by when the
    payments are due. None where that leaves a row that cannot be served: seen only where notes get
    no cent of principal in some payments, and hardly ever for all three orders.
    """
    ties = -1 if order == "last" else 1
    given_due = given_owed = [0] * len(due.weights)
    rows_due, rows_owed = [], []
    for at in range(len(due.totals)):
        interest, principal = _Row(due, at, given_due, ties), _Row(owed, at, given_owed, ties)
        if order == "payments":
            _sort_by_payment(interest, principal, due, owed)
        chosen = _choose(interest, principal, due.whole, owed.whole)
        if chosen is None:
            return None
        given_due = interest.with_extras(chosen[0])
        given_owed = principal.with_extras(chosen[1])
        rows_due.append(given_due)
        rows_owed.append(given_owed)
    return rows_due, rows_owed


def _sort_by_payment(interest: _Row, principal: _Row, due: _Column, owed: _Column) -> None:
    """Put first who needs a cent of interest before its share of the payments is one more cent."""

    def urgency(note: int) -> int:
        earns, owns = due.weights[note] * owed.whole, owed.weights[note] * due.whole
        cents = interest.floors[note] + principal.floors[note] + (note in principal.ahead) + 1
        payment = bisect_left(
            range(len(due.totals)),
            cents * due.whole * owed.whole,
            key=lambda row: due.totals[row] * earns + owed.totals[row] * owns,
        )
        return min(due.due(note, interest.floors[note] + 1), payment)

    interest.free.sort(key=urgency)


def _choose(
    interest: _Row, principal: _Row, whole_due: int, whole_owed: int
) -> tuple[set[int], set[int]] | None:
    """Who gets one more cent of interest, and who of principal."""
    over = [
        rest_due * whole_owed + rest_owed * whole_due - whole_due * whole_owed
        for rest_due, rest_owed in zip(interest.rests, principal.rests, strict=True)
    ]
    light = {note for note, fractions in enumerate(over) if fractions < 0}
    heavy = {note for note, fractions in enumerate(over) if fractions > 0}
    free = [note for note in interest.free if not (note in light and note in principal.ahead)]
    count = interest.extras - len(interest.ahead)
    if not 0 <= count <= len(free):
        return None
    chosen, spare = free[:count], free[count:]
    while True:
        takes = interest.ahead.union(chosen)
        must = principal.ahead | (heavy - takes)
        barred = must | (light & takes)
        may = [note for note in principal.free if note not in barred]
        wanted = principal.extras - len(must)
        if 0 <= wanted <= len(may):
            return takes, must.union(may[:wanted])
        # A cent of interest moved from a light note to a heavy one eases both bounds.
        giver = next((note for note in reversed(chosen) if note in light), None)
        taker = next((note for note in spare if note in heavy), None)
        if giver is None or taker is None:
            return None
        chosen[chosen.index(giver)] = taker
        spare.remove(taker)
