"""The auditor's own book: what stands, who owes whom, rebuilt from what is recorded."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch.audit.sharing import AuditAllocation
from p2pmatch.rules import Rules
from p2pmatch.units import MAX_RATE

__all__ = ["AuditRules", "Book", "Debt", "NoteRecord", "OfferRecord", "Part", "RequestRecord"]

Cell = tuple[str, int]


@attrs.frozen(kw_only=True)
class AuditRules:
    """The rules as the auditor needs them; amounts in minor units, shares in ppm.

    `pricing` is the name of a rule, "posted", or "other"; a rule of the user's own is held to less.
    """

    grades: tuple[str, ...]
    terms: tuple[int, ...]
    increment: int
    min_note: int
    max_share: int | None
    allocation: AuditAllocation
    pricing: str
    posted: Mapping[Cell, int] | None
    call: bool
    clearing_point: Fraction
    lender_limits: Mapping[str, int | None]
    borrower_total: int | None

    @classmethod
    def of(cls, rules: Rules) -> "AuditRules":
        """What there is to know of a marketplace's rules."""
        return cls(
            grades=rules.grades,
            terms=rules.terms,
            increment=rules.increment,
            min_note=rules.increment if rules.min_note is None else rules.min_note,
            max_share=rules.max_share,
            allocation=AuditAllocation.of(rules.allocation),
            pricing=_pricing(rules.pricing),
            posted=rules.posted_rates,
            call=rules.matching == "call",
            clearing_point=rules.clearing_point,
            lender_limits=attrs.asdict(rules.lender_limits),
            borrower_total=rules.borrower_limits.total,
        )


def _pricing(rule: object) -> str:
    """The name of a rule given by name or as an object."""
    return rule if isinstance(rule, str) else _PRICING.get(type(rule).__name__, "other")


_PRICING: Mapping[str, str] = MappingProxyType(
    {
        "PayAsOffered": "pay_as_offered",
        "UniformMarginal": "uniform_marginal",
        "UniformFirstRejected": "uniform_first_rejected",
        "Midpoint": "midpoint",
        "Posted": "posted",
    }
)


@attrs.define(kw_only=True)
class OfferRecord:
    """An offer as it was recorded; rate is one rate or one a grade."""

    offer_id: str
    lender_id: str
    amount: int
    rate: int | Mapping[str, int]
    grades: frozenset[str] | None
    terms: frozenset[int] | None
    max_per_loan: int | None
    max_share: int | None
    requires: frozenset[str]
    refuses: frozenset[str]
    expires_at: int | None

    def rate_for(self, grade: str) -> int | None:
        """What it asks in a grade; None where it asks nothing there."""
        return self.rate.get(grade) if isinstance(self.rate, Mapping) else self.rate

    def stands_in(self, cell: Cell) -> bool:
        """Whether it stands in a cell."""
        grade, term = cell
        return (self.grades is None or grade in self.grades) and (
            self.terms is None or term in self.terms
        )


@attrs.frozen(kw_only=True)
class RequestRecord:
    """A request as it was recorded.

    own_id : by which lots are drawn for it; in a folder several requests may share a `request_id`.
    """

    request_id: str
    own_id: str
    borrower_id: str
    amount: int
    max_rate: int
    grade: str
    term: int
    least_amount: int
    tags: frozenset[str]


@attrs.frozen
class NoteRecord:
    """A note as it was recorded, and where."""

    offer_id: str
    lender_id: str
    amount: int
    rate: int
    place: str


@attrs.define(eq=False)
class Part:
    """Money of one offer at one place in the queues; `moved` has the cells where it went back."""

    offer: OfferRecord
    remaining: int
    arrival: int
    moved: dict[Cell, int] = attrs.field(factory=dict)

    def place(self, cell: Cell, lowest: int = 0) -> tuple[int, int]:
        """Its rank in a cell: rate, then arrival; rates up to `lowest` tie."""
        rate = max(self.offer.rate_for(cell[0]) or 0, lowest)
        return rate, self.moved.get(cell, self.arrival)


@attrs.define(eq=False)
class Debt:
    """A loan: who owes it, and what of each note is outstanding (offer's lender, amount left)."""

    borrower_id: str
    grade: str
    left: list[tuple[str, int]]


class Book:
    """Offers in parts and the ranking of each cell, loans and what is outstanding."""

    def __init__(self, rules: AuditRules) -> None:
        self.rules = rules
        self.arrivals = 0
        self.parts: dict[str, list[Part]] = {}
        self.closed: set[str] = set()
        self.debts: dict[str, Debt] = {}
        self.in_total: defaultdict[str, int] = defaultdict(int)
        self.in_grade: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.to_borrower: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.owed: defaultdict[str, int] = defaultdict(int)
        self.lender_limits: dict[str, Mapping[str, int | None]] = {}
        self.borrower_totals: dict[str, int] = {}
        self.groups: dict[str, frozenset[str]] = {}
        self._rankings: dict[Cell, list[tuple[tuple[int, int], Part]]] = {
            (grade, term): [] for grade in rules.grades for term in rules.terms
        }

    # Parties

    def limits_of(self, lender: str) -> Mapping[str, int | None]:
        """A lender's limits: its own, or the marketplace's."""
        return self.lender_limits.get(lender, self.rules.lender_limits)

    def borrower_total(self, borrower: str) -> int | None:
        """The most a borrower may owe: its own limit, or the marketplace's."""
        return self.borrower_totals.get(borrower, self.rules.borrower_total)

    def barred(self, borrower: str) -> frozenset[str]:
        """The parties that must not lend to a borrower."""
        return self.groups.get(borrower, frozenset()) | {borrower}

    def strangers(self, grades: Iterable[str], terms: Iterable[int]) -> list[object]:
        """The grades and terms that the rules do not have."""
        unknown_grades = sorted(set(grades) - set(self.rules.grades))
        return [*unknown_grades, *sorted(set(terms) - set(self.rules.terms))]

    # Offers

    def post(self, offer: OfferRecord) -> None:
        """A new offer at the back of its cells."""
        part = Part(offer, offer.amount, self.next_arrival())
        self.parts[offer.offer_id] = [part]
        self.stand(part)

    def amend(self, after: OfferRecord) -> None:
        """An offer is what `after` says from now on.

        Money taken out comes from the back. Places at a changed rate and in new cells go to the
        back; money put in is a new part behind them, and takes along what is left in parts too
        small for a note.
        """
        parts = self.parts[after.offer_id]
        before = parts[0].offer
        rates = {cell: before.rate_for(cell[0]) for cell in self.cells(before)}
        change = after.amount - before.amount
        for part in parts:
            self.leave(part)
            part.offer = after
        _take_out(parts, max(-change, 0))
        for part in parts:
            for cell in self.cells(after):
                if rates.get(cell) != after.rate_for(cell[0]):
                    part.moved[cell] = self.next_arrival()
        if change > 0:
            dust = [part for part in parts if part.remaining < self.rules.min_note]
            money = change + sum(part.remaining for part in dust)
            for part in dust:
                part.remaining = 0
            parts.append(Part(after, money, self.next_arrival()))
        for part in parts:
            if part.remaining >= self.rules.min_note:
                self.stand(part)

    def next_arrival(self) -> int:
        """The next arrival number."""
        self.arrivals += 1
        return self.arrivals

    def cells(self, offer: OfferRecord) -> list[Cell]:
        """The cells an offer stands in, by grade, then term."""
        return [cell for cell in self._rankings if offer.stands_in(cell)]

    def stand(self, part: Part) -> None:
        """Put a part into the ranking of its cells."""
        for cell in self.cells(part.offer):
            insort(self._rankings[cell], (self.place(part, cell), part), key=_place)

    def leave(self, part: Part) -> None:
        """Take a part out of the rankings."""
        for cell in self.cells(part.offer):
            ranking = self._rankings[cell]
            at = bisect_left(ranking, self.place(part, cell), key=_place)
            if at < len(ranking) and ranking[at][1] is part:
                del ranking[at]

    def place(self, part: Part, cell: Cell) -> tuple[int, int]:
        """A part's rank in a cell, where offers up to a posted rate tie."""
        return part.place(cell, (self.rules.posted or {}).get(cell, 0))

    def reach(self, request: RequestRecord) -> int:
        """The highest rate of the ranking that a request reaches; -1: it reaches none."""
        if self.rules.posted is None:
            return request.max_rate
        rate = self.rules.posted.get((request.grade, request.term), MAX_RATE + 1)
        return rate if rate <= request.max_rate else -1

    def ranking(self, cell: Cell, highest: int) -> Iterator[Part]:
        """The parts with money for a note that ask at most `highest`, best first."""
        for (rate, _), part in self._rankings[cell]:
            if rate > highest:
                return
            if part.remaining >= self.rules.min_note:
                yield part

    def remaining(self, offer_id: str) -> int:
        """What of an offer's budget is left."""
        return sum(part.remaining for part in self.parts[offer_id])

    def close(self, offer_id: str) -> None:
        """An offer leaves the book."""
        for part in self.parts[offer_id]:
            self.leave(part)
            part.remaining = 0
        self.closed.add(offer_id)

    # Loans

    def lend(
        self, request: RequestRecord, notes: list[NoteRecord], parts: list[Part] | None
    ) -> list[tuple[Part, int]]:
        """Book a loan as it was recorded, right or wrong; `parts` the notes come from, if known.

        Returns
        -------
        What is drawn from which part.
        """
        debt = Debt(request.borrower_id, request.grade, [])
        draws: list[tuple[Part, int]] = []
        for i, note in enumerate(notes):
            debt.left.append((note.lender_id, note.amount))
            self._owe(debt, note.lender_id, note.amount)
            some = self.parts.get(note.offer_id, []) if parts is None else [parts[i]]
            draws += self._draw(note, some)
        self.debts[request.request_id] = debt
        return draws

    def commit(self, request: RequestRecord, part: Part, amount: int) -> None:
        """Money of a part is promised to a request; negative: it comes back."""
        debt = Debt(request.borrower_id, request.grade, [])
        self._owe(debt, part.offer.lender_id, amount)
        if amount > 0:
            part.remaining -= amount
            if part.remaining < self.rules.min_note:
                self.leave(part)
        elif part.offer.offer_id not in self.closed:
            self.leave(part)
            part.remaining -= amount
            if part.remaining >= self.rules.min_note:
                self.stand(part)

    def book_loan(self, request: RequestRecord, notes: list[NoteRecord]) -> None:
        """A loan of money that was committed."""
        left = [(note.lender_id, note.amount) for note in notes]
        self.debts[request.request_id] = Debt(request.borrower_id, request.grade, left)

    def repay(self, request_id: str, parts: list[int]) -> None:
        """Principal is paid back, one part a note."""
        debt = self.debts[request_id]
        for i, part in enumerate(parts):
            lender, left = debt.left[i]
            debt.left[i] = lender, left - part
            self._owe(debt, lender, -part)

    def _owe(self, debt: Debt, lender: str, amount: int) -> None:
        self.in_total[lender] += amount
        self.in_grade[lender, debt.grade] += amount
        self.to_borrower[lender, debt.borrower_id] += amount
        self.owed[debt.borrower_id] += amount

    def _draw(self, note: NoteRecord, parts: list[Part]) -> Iterator[tuple[Part, int]]:
        """Take a note's money from these parts of its offer, in order."""
        missing = note.amount
        for part in parts:
            taken = min(part.remaining, missing)
            part.remaining -= taken
            missing -= taken
            if part.remaining < self.rules.min_note:
                self.leave(part)
            yield part, taken


def _take_out(parts: list[Part], amount: int) -> None:
    """Money leaves an offer from the back."""
    for part in reversed(parts):
        taken = min(amount, part.remaining)
        part.remaining -= taken
        amount -= taken


def _place(entry: tuple[tuple[int, int], Any]) -> tuple[int, int]:
    return entry[0]
