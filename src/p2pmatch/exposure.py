"""Who owes whom.

Lending appends; sums are made when somebody asks for them. A loan of two hundred notes costs one
append, and a marketplace without limits never pays for the sums.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from p2pmatch.apportion import apportion
from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.commitments import NO_COMMITMENTS
from p2pmatch.errors import InvariantError
from p2pmatch.loans import Loan, Loans
from p2pmatch.orders import Request
from p2pmatch.request_columns import borrowers_of, cells_of, ids_of
from p2pmatch.table import grown

__all__ = ["Exposure", "OpenLoan"]

# To sum up so many entries costs as much as to read them for some ten loans.
_MANY: Final = 4096


class OpenLoan:
    """A loan and what of it is not yet paid back: `left` by note, and `total`."""

    __slots__ = ("left", "loan", "total")

    def __init__(self, loan: Loan) -> None:
        self.loan = loan
        self.left: Amounts = loan.notes.amounts
        self.total = loan.principal


class _Entries:
    """What lenders lent to one borrower and got back, loan by loan; now and then summed up."""

    __slots__ = ("_most", "_rows", "parts")

    def __init__(self) -> None:
        #: Only ever added to; another list once they were summed up.
        self.parts: list[tuple[Numbers, Amounts]] = []
        self._rows = 0
        self._most = _MANY

    def add(self, lenders: Numbers, amounts: Amounts) -> None:
        """Append entries; negative amounts were paid back."""
        self.parts.append((lenders, amounts))
        self._rows += len(lenders)

    @property
    def are_many(self) -> bool:
        """Whether it is time to sum them up."""
        return self._rows > self._most

    def sum_up(self) -> None:
        """Have one entry a lender, and none for who has nothing left."""
        every, amounts = self.columns()
        lenders, places = np.unique(every, return_inverse=True)
        sums = np.zeros(len(lenders), dtype=np.int64)
        np.add.at(sums, places, amounts)
        self.parts = [(lenders[sums != 0], sums[sums != 0])]
        self._rows = len(self.parts[0][0])
        self._most = 2 * self._rows + _MANY

    def columns(self) -> tuple[Numbers, Amounts]:
        """All entries; a lender may have several."""
        none = NO_COMMITMENTS
        return (
            np.concatenate([none.lenders, *(who for who, _ in self.parts)]),
            np.concatenate([none.amounts, *(some for _, some in self.parts)]),
        )


class Exposure:
    """What is outstanding between lenders and borrowers, and what is committed and not yet a loan.

    Methods: `count` what is committed or taken back, `book` a loan of what is counted, `book_many`
    made together, `reopen` one as it was, `find` one, `all`; all as they were `made`, or the
    `latest` first; `repay`; `in_grade`, `in_total`, `to_borrower` give a sum per lender, int64
    minor units; `owed_by` one borrower's sum.
    """

    def __init__(self, grades: tuple[str, ...]) -> None:
        # Until somebody asks for it a loan is as it was made; one made with others is a number.
        self._loans: dict[str, OpenLoan | Loan | int] = {}
        # Loans made together, and the number of the first of each of them.
        self._together: list[Loans] = []
        self._firsts: list[int] = []
        self._numbered = 0
        # What is not counted yet by borrower: of one, with the sum, or of loans made together.
        self._uncounted: list[tuple[str, Numbers, Amounts, int] | Loans] = []
        self._by_grade: dict[str, Amounts] = {g: np.zeros(0, dtype=np.int64) for g in grades}
        self._total: Amounts = np.zeros(0, dtype=np.int64)
        self._pending: list[tuple[str, Numbers, Amounts]] = []
        self._borrowed: dict[str, _Entries] = {}
        # What stands in `_to_borrower`: the first so many of one borrower's parts.
        self._to_borrower: Amounts = np.zeros(0, dtype=np.int64)
        self._shown: list[tuple[Numbers, Amounts]] = []
        self._shown_parts = 0
        self._owed: dict[str, int] = {}

    def count(self, request: Request, lenders: Numbers, amounts: Amounts, total: int) -> None:
        """Count amounts towards a request, and their sum; negative ones are taken back."""
        self._uncounted.append((request.borrower_id, lenders, amounts, total))
        self._pending.append((request.grade, lenders, amounts))

    def book(self, loan: Loan) -> None:
        """Remember a loan whose amounts are counted."""
        self._loans[loan.request_id] = loan

    def reopen(self, loan: Loan, left: Amounts) -> None:
        """Count and remember a loan of which so much is left, by note."""
        opened = OpenLoan(loan)
        opened.left, opened.total = left, int(left.sum())
        self._loans[loan.request_id] = opened
        self.count(loan.request, loan.notes.lenders, left, opened.total)

    def book_many(self, loans: Loans) -> None:
        """Count and remember loans that were made together. O(loans)."""
        # Numbers, because so many tuples would wake the garbage collector.
        numbers = range(self._numbered, self._numbered + len(loans))
        self._loans.update(zip(ids_of(loans.requests), numbers, strict=True))
        self._together.append(loans)
        self._firsts.append(self._numbered)
        self._numbered = numbers.stop
        self._uncounted.append(loans)
        notes = loans.notes
        cells, codes = cells_of(loans.requests)
        grades = [grade for grade, _ in cells]
        sizes = np.diff(loans.ends, prepend=0)
        for grade in dict.fromkeys(grades):
            of_grade = np.array([other == grade for other in grades])[codes]
            if of_grade.all():
                self._pending.append((grade, notes.lenders, notes.amounts))
            else:
                rows = of_grade.repeat(sizes)
                self._pending.append((grade, notes.lenders[rows], notes.amounts[rows]))

    def find(self, request_id: str) -> OpenLoan | None:
        """The loan made under a request's id; None: there is none. O(log n)."""
        found = self._loans.get(request_id)
        if found is not None and not isinstance(found, OpenLoan):
            found = self._loans[request_id] = OpenLoan(self._as_made(found))
        return found

    def _as_made(self, found: OpenLoan | Loan | int) -> Loan:
        if isinstance(found, OpenLoan):
            return found.loan
        if isinstance(found, Loan):
            return found
        at = bisect_right(self._firsts, found) - 1
        return self._together[at][found - self._firsts[at]]

    def all(self) -> Iterator[OpenLoan]:
        """All loans, in the order in which they were made."""
        yield from filter(None, map(self.find, list(self._loans)))

    def made(self) -> Iterator[Loan]:
        """All loans as they were made, in that order. O(log bulk calls) each."""
        yield from map(self._as_made, list(self._loans.values()))

    def latest(self) -> Iterator[Loan]:
        """All loans, the latest first. O(log bulk calls) each."""
        yield from map(self._as_made, reversed(self._loans.values()))

    def __len__(self) -> int:
        return len(self._loans)

    def _count_borrower(
        self, borrower: str, lenders: Numbers, amounts: Amounts, total: int
    ) -> None:
        if borrower not in self._borrowed:
            self._borrowed[borrower] = _Entries()
        self._borrowed[borrower].add(lenders, amounts)
        self._owed[borrower] = self._owed.get(borrower, 0) + total

    def _count_borrowers(self) -> None:
        """Count by borrower what is not yet."""
        for uncounted in self._uncounted:
            if isinstance(uncounted, tuple):
                self._count_borrower(*uncounted)
                continue
            loans, notes = uncounted, uncounted.notes
            ends = loans.ends.tolist()
            for borrower, first, stop in zip(
                borrowers_of(loans.requests), [0, *ends], ends, strict=False
            ):
                lenders, amounts = notes.lenders[first:stop], notes.amounts[first:stop]
                self._count_borrower(borrower, lenders, amounts, int(amounts.sum()))
        self._uncounted.clear()

    def repay(self, request_id: str, paid: int) -> None:
        """Count principal paid back: it is shared among the notes by what each has outstanding."""
        opened = self.find(request_id)
        if opened is None:
            raise InvariantError(f"{request_id} has no loan")
        parts = np.array(apportion(paid, opened.left.tolist()), dtype=np.int64)
        opened.left = opened.left - parts
        opened.total -= paid
        self.count(opened.loan.request, opened.loan.notes.lenders, -parts, -paid)

    def owed_by(self, borrower_id: str) -> int:
        """What a borrower has outstanding, minor units. O(1)."""
        self._count_borrowers()
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

        The array holds until the next call. O(the borrower's notes), or only the new ones where it
        is asked for the same borrower again.
        """
        self._count_borrowers()
        entries = self._borrowed.get(borrower_id)
        if entries is None:
            return None
        if entries.are_many:
            entries.sum_up()
        if self._shown is not entries.parts:
            for who, _ in self._shown[: self._shown_parts]:
                self._to_borrower[who] = 0
            self._shown, self._shown_parts = entries.parts, 0
        self._to_borrower = grown(self._to_borrower, lenders)
        for who, amounts in entries.parts[self._shown_parts :]:
            np.add.at(self._to_borrower, who, amounts)
        self._shown_parts = len(entries.parts)
        return self._to_borrower

    def borrowers_of(self, lender: int) -> dict[str, int]:
        """What one lender has outstanding to each borrower, zeros left out. O(notes)."""
        owed: dict[str, int] = {}
        for opened in self.all():
            part = int(opened.left[opened.loan.notes.lenders == lender].sum())
            if part:
                borrower = opened.loan.borrower_id
                owed[borrower] = owed.get(borrower, 0) + part
        return owed

    def lent_to(self, borrower_id: str) -> tuple[Numbers, Amounts]:
        """What lenders lent to a borrower and got back, entry by entry. O(the borrower's notes)."""
        self._count_borrowers()
        entries = self._borrowed.get(borrower_id)
        return (_Entries() if entries is None else entries).columns()

    def _settle(self, lenders: int) -> None:
        """Add what was appended since the last time, grade by grade."""
        self._total = grown(self._total, lenders)
        for grade, sums in self._by_grade.items():
            self._by_grade[grade] = grown(sums, lenders)
        by_grade: dict[str, list[tuple[Numbers, Amounts]]] = {}
        for grade, who, amounts in self._pending:
            by_grade.setdefault(grade, []).append((who, amounts))
        self._pending.clear()
        for grade, entries in by_grade.items():
            who = np.concatenate([entry[0] for entry in entries])
            amounts = np.concatenate([entry[1] for entry in entries])
            np.add.at(self._by_grade[grade], who, amounts)
            np.add.at(self._total, who, amounts)

    def check(
        self, lenders: int, committed: Iterable[tuple[Request, object, Numbers, Amounts]]
    ) -> None:
        """Raise InvariantError unless all sums agree with loans and commitments. O(notes)."""
        self._settle(lenders)
        self._count_borrowers()
        total = np.zeros(len(self._total), dtype=np.int64)
        owed: dict[str, int] = {}
        for opened in self.all():
            np.add.at(total, opened.loan.notes.lenders, opened.left)
            borrower = opened.loan.borrower_id
            owed[borrower] = owed.get(borrower, 0) + opened.total
            if int(opened.left.sum()) != opened.total or (opened.left < 0).any():
                raise InvariantError("what is left of a loan is the sum over its notes")
        for request, _, who, amounts in committed:
            np.add.at(total, who, amounts)
            owed[request.borrower_id] = owed.get(request.borrower_id, 0) + int(amounts.sum())
        by_grade = sum(self._by_grade.values(), np.zeros(len(total), dtype=np.int64))
        if not np.array_equal(total, self._total) or not np.array_equal(total, by_grade):
            raise InvariantError("what lenders have outstanding is the sum over the loans")
        if any(owed.get(borrower, 0) != sums for borrower, sums in self._owed.items()):
            raise InvariantError("what borrowers owe is the sum over their loans")
