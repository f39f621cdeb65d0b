"""Who owes whom, and how much room every lender's limits leave.

Lending appends; sums are made when somebody asks for them. A loan of two hundred notes costs one
append, and a marketplace without limits never pays for the sums.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from p2pmatch.apportion import apportion
from p2pmatch.columns import NO_CAP, NO_SHARE
from p2pmatch.errors import InvariantError
from p2pmatch.ladder import CHUNK
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan

__all__ = ["LIMIT_NAMES", "BorrowerCaps", "Exposure", "LenderCaps", "OpenLoan", "Taken"]

#: The limits in money a lender can have, as `Limits` names them.
LIMIT_NAMES: Final = ("per_loan", "per_borrower", "per_grade", "total")

Amounts = npt.NDArray[np.int64]
Lenders = npt.NDArray[np.int32]


def grown(column: npt.NDArray[np.int64], rows: int, fill: int = 0) -> npt.NDArray[np.int64]:
    """The column, made longer with `fill` if it has fewer than `rows` rows."""
    if len(column) >= rows:
        return column
    longer = np.full(max(rows, len(column) * 5 // 4), fill, dtype=np.int64)
    longer[: len(column)] = column
    return longer


class OpenLoan:
    """A loan and what of it is not yet paid back: `left` by note, and `total`."""

    __slots__ = ("left", "loan", "total")

    def __init__(self, loan: Loan) -> None:
        self.loan = loan
        self.left: Amounts = loan.notes.amounts
        self.total = loan.principal


class _Entries:
    """What lenders lent to one borrower and got back, entry by entry; now and then summed up."""

    __slots__ = ("_amounts", "_lenders", "_most", "_new")

    def __init__(self) -> None:
        self._lenders: Lenders = np.zeros(0, dtype=np.int32)
        self._amounts: Amounts = np.zeros(0, dtype=np.int64)
        self._new: list[tuple[Lenders, Amounts]] = []
        self._most = 1024

    def add(self, lenders: Lenders, amounts: Amounts) -> None:
        """Append entries; negative amounts were paid back."""
        self._new.append((lenders, amounts))

    def columns(self) -> tuple[Lenders, Amounts]:
        """All entries; a lender may have several."""
        if self._new:
            lenders, amounts = zip(*self._new, strict=True)
            self._lenders = np.concatenate((self._lenders, *lenders))
            self._amounts = np.concatenate((self._amounts, *amounts))
            self._new.clear()
        if len(self._lenders) > self._most:
            self._sum_up()
        return self._lenders, self._amounts

    def _sum_up(self) -> None:
        """One entry a lender, and none for who has nothing left."""
        lenders, places = np.unique(self._lenders, return_inverse=True)
        sums = np.zeros(len(lenders), dtype=np.int64)
        np.add.at(sums, places, self._amounts)
        self._lenders, self._amounts = lenders[sums != 0], sums[sums != 0]
        self._most = 2 * len(self._lenders) + 1024


class Exposure:
    """What is outstanding between lenders and borrowers.

    Methods: `lend`, `repay`; `in_grade`, `in_total`, `to_borrower` give a sum per lender, int64
    minor units; `owed_by` one borrower's sum.
    """

    def __init__(self, grades: tuple[str, ...]) -> None:
        self.loans: dict[str, OpenLoan] = {}
        self._by_grade: dict[str, Amounts] = {g: np.zeros(0, dtype=np.int64) for g in grades}
        self._total: Amounts = np.zeros(0, dtype=np.int64)
        self._pending: list[tuple[str, Lenders, Amounts]] = []
        self._borrowed: dict[str, _Entries] = {}
        self._to_borrower: Amounts = np.zeros(0, dtype=np.int64)
        self._touched: Lenders = np.zeros(0, dtype=np.int32)
        self._owed: dict[str, int] = {}

    def lend(self, loan: Loan) -> None:
        """Count a new loan."""
        opened = OpenLoan(loan)
        borrower = loan.borrower_id
        self.loans[loan.request_id] = opened
        if borrower not in self._borrowed:
            self._borrowed[borrower] = _Entries()
        self._borrowed[borrower].add(loan.notes.lenders, loan.notes.amounts)
        self._owed[borrower] = self._owed.get(borrower, 0) + loan.principal
        self._pending.append((loan.grade, loan.notes.lenders, loan.notes.amounts))

    def repay(self, request_id: str, paid: int) -> None:
        """Count principal paid back: it is shared among the notes by what each has outstanding."""
        opened = self.loans[request_id]
        parts = np.array(apportion(paid, opened.left.tolist()), dtype=np.int64)
        opened.left = opened.left - parts
        opened.total -= paid
        borrower = opened.loan.borrower_id
        self._owed[borrower] -= paid
        self._borrowed[borrower].add(opened.loan.notes.lenders, -parts)
        self._pending.append((opened.loan.grade, opened.loan.notes.lenders, -parts))

    def owed_by(self, borrower_id: str) -> int:
        """What a borrower has outstanding, minor units. O(1)."""
        return self._owed.get(borrower_id, 0)

    def in_grade(self, grade: str, lenders: int) -> Amounts:
        """What each of the first `lenders` lenders has outstanding in a grade."""
        self._settle(lenders)
        return self._by_grade[grade]

    def in_total(self, lenders: int) -> Amounts:
        """What each of the first `lenders` lenders has outstanding in all."""
        self._settle(lenders)
        return self._total

    def to_borrower(self, borrower_id: str, lenders: int) -> Amounts | None:
        """What each lender has outstanding to a borrower; None: the borrower never borrowed.

        The array holds until the next call. O(the borrower's notes).
        """
        entries = self._borrowed.get(borrower_id)
        if entries is None:
            return None
        self._to_borrower[self._touched] = 0
        self._to_borrower = grown(self._to_borrower, lenders)
        self._touched, amounts = entries.columns()
        np.add.at(self._to_borrower, self._touched, amounts)
        return self._to_borrower

    def borrowers_of(self, lender: int) -> dict[str, int]:
        """What one lender has outstanding to each borrower, zeros left out. O(notes)."""
        owed: dict[str, int] = {}
        for opened in self.loans.values():
            part = int(opened.left[opened.loan.notes.lenders == lender].sum())
            if part:
                borrower = opened.loan.borrower_id
                owed[borrower] = owed.get(borrower, 0) + part
        return owed

    def _settle(self, lenders: int) -> None:
        """Add what was appended since the last time, grade by grade."""
        self._total = grown(self._total, lenders)
        for grade, sums in self._by_grade.items():
            self._by_grade[grade] = grown(sums, lenders)
        by_grade: dict[str, list[tuple[Lenders, Amounts]]] = {}
        for grade, who, amounts in self._pending:
            by_grade.setdefault(grade, []).append((who, amounts))
        self._pending.clear()
        for grade, entries in by_grade.items():
            who = np.concatenate([entry[0] for entry in entries])
            amounts = np.concatenate([entry[1] for entry in entries])
            np.add.at(self._by_grade[grade], who, amounts)
            np.add.at(self._total, who, amounts)

    def check(self, lenders: int) -> None:
        """Raise InvariantError unless all sums agree with the loans. O(notes)."""
        self._settle(lenders)
        total = np.zeros(len(self._total), dtype=np.int64)
        owed: dict[str, int] = {}
        for opened in self.loans.values():
            np.add.at(total, opened.loan.notes.lenders, opened.left)
            borrower = opened.loan.borrower_id
            owed[borrower] = owed.get(borrower, 0) + opened.total
            if int(opened.left.sum()) != opened.total or (opened.left < 0).any():
                raise InvariantError("what is left of a loan is the sum over its notes")
        by_grade = sum(self._by_grade.values(), np.zeros(len(total), dtype=np.int64))
        if not np.array_equal(total, self._total) or not np.array_equal(total, by_grade):
            raise InvariantError("what lenders have outstanding is the sum over the loans")
        if owed != self._owed:
            raise InvariantError("what borrowers owe is the sum over their loans")


class LenderCaps:
    """The limits in force: the marketplace's defaults, and each lender's own.

    Until somebody has limits of its own a limit is one number, and nothing is looked up per lender.
    """

    def __init__(self, default: Limits) -> None:
        self.default = default
        self.own: dict[int, Limits] = {}
        self._columns: dict[str, Amounts] = {}
        #: The limits that anybody has.
        self.in_force = [
            name for name in (*LIMIT_NAMES, "max_share") if getattr(default, name) is not None
        ]

    def set(self, lender: int, limits: Limits) -> None:
        """Give a lender limits of its own; limits without any value take them away again."""
        if limits == Limits():
            self.own.pop(lender, None)
        else:
            self.own[lender] = limits
        effective = limits.over(self.default)
        for name in (*LIMIT_NAMES, "max_share"):
            own, default = getattr(effective, name), getattr(self.default, name)
            if own != default or name in self._columns:
                column = self._column(name, lender + 1)
                column[lender] = _absent(name) if own is None else own

    def of(self, name: str, lenders: Lenders, count: int) -> Amounts | int:
        """A limit in force for these lenders of `count`: one number for all, or one each."""
        if name in self._columns:
            return self._column(name, count).take(lenders)
        limit: int = getattr(self.default, name)
        return limit

    def _column(self, name: str, count: int) -> Amounts:
        default: int | None = getattr(self.default, name)
        column = self._columns.get(name, np.zeros(0, dtype=np.int64))
        if name not in self.in_force:
            self.in_force.append(name)
        self._columns[name] = grown(column, count, _absent(name) if default is None else default)
        return self._columns[name]


def _absent(name: str) -> int:
    """What stands in a column of limits for no limit: more than anything it is compared with."""
    return NO_SHARE if name == "max_share" else NO_CAP


class BorrowerCaps:
    """The most each borrower may owe: the marketplace's default, and borrowers' own."""

    def __init__(self, default: BorrowerLimits) -> None:
        self.default = default
        self.own: dict[str, BorrowerLimits] = {}

    def set(self, borrower_id: str, limits: BorrowerLimits) -> None:
        """Give a borrower limits of its own; limits without any value take them away again."""
        if limits == BorrowerLimits():
            self.own.pop(borrower_id, None)
        else:
            self.own[borrower_id] = limits

    def total(self, borrower_id: str) -> int | None:
        """The most a borrower may owe, minor units; None: no limit."""
        return self.own.get(borrower_id, BorrowerLimits()).over(self.default).total


_ROW_NUMBERS: Final = np.arange(CHUNK)
_ROW_NUMBERS.setflags(write=False)


class Taken:
    """What one loan takes from each lender while the book is read: reusable scratch space."""

    def __init__(self) -> None:
        self._taken: Amounts = np.zeros(0, dtype=np.int64)
        self._last: Amounts = np.zeros(0, dtype=np.int64)
        self._marked: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._touched: list[Lenders] = []

    def begin(self, lenders: int) -> None:
        """Start with nothing taken from any of `lenders` lenders."""
        for touched in self._touched:
            self._taken[touched] = 0
        self._touched.clear()
        self._taken = grown(self._taken, lenders)
        self._last = grown(self._last, lenders)
        self._marked = grown(self._marked, lenders)

    def add(self, lenders: Lenders, amounts: Amounts) -> None:
        """Count these amounts as taken."""
        np.add.at(self._taken, lenders, amounts)
        # A copy: the chunk these lenders may be a view of is rewritten as rows come and go.
        self._touched.append(lenders.copy())

    def room(self, lenders: Lenders, own: Amounts, cap: Amounts | int, least: int) -> Amounts:
        """What each row could give when its lender may give `cap` in all.

        O(n), or O(n log n) where a lender has several rows. Rows come in rank order; a row counts
        what the lender's rows before it give, which is nothing where that would be below `least`.
        """
        left = cap - self._taken.take(lenders)
        room: Amounts = np.minimum(own, np.maximum(left, 0))
        repeated = self._repeated(lenders)
        if repeated is None:
            return room
        rows = repeated[lenders[repeated].argsort(kind="stable")]
        starts = np.flatnonzero(np.diff(lenders[rows], prepend=-1))
        sizes = np.diff(starts, append=len(rows))
        use = np.where(own[rows] >= least, own[rows], 0)
        before = use.cumsum() - use
        before -= np.repeat(before[starts], sizes)
        still = np.maximum(left[rows] - before, 0)
        # Once less than `least` is left nothing more is given, so that much stays left.
        dust = np.maximum.reduceat(np.where(still < least, still, 0), starts)
        still = np.where(still < least, np.repeat(dust, sizes), still)
        room[rows] = np.minimum(own[rows], still)
        return room

    def _repeated(self, lenders: Lenders) -> npt.NDArray[np.intp] | None:
        """The rows whose lender has more than one row here; None where all differ."""
        order = _ROW_NUMBERS[: len(lenders)]
        self._last[lenders] = order
        again = self._last.take(lenders) != order
        if not again.any():
            return None
        self._marked[lenders[again]] = 1
        rows = np.flatnonzero(self._marked.take(lenders))
        self._marked[lenders[again]] = 0
        return rows
