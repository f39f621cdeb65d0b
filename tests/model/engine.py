"""The twin's marketplace: the same calls, refused or answered from the rules alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import attrs

from tests.model.book import Debt, Owed, Part, Standing
from tests.model.sweep import Lender, Place, floor_to, sweep

LIMITS = ("per_loan", "per_borrower", "per_grade", "total")


class Refusal(Exception):
    """The twin refuses: `code` is what the engine must say as well."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Outcome:
    """What became of a request: notes are (offer_id, lender_id, amount, rate)."""

    notes: list[tuple[str, str, int, int]] = field(default_factory=list)
    principal: int = 0
    unfunded: int = 0
    reason: str | None = None
    rate: int | None = None


class Model:
    """An order book in plain Python."""

    def __init__(self, rules: Any) -> None:
        self.rules = rules
        self.increment = rules.increment
        self.least = rules.increment if rules.min_note is None else rules.min_note
        self.now: int | None = None
        self.arrivals = 0
        self.book: dict[str, Standing] = {}
        self.debts: dict[str, Debt] = {}
        self.request_ids: set[str] = set()
        self.lender_limits: dict[str, Any] = {}
        self.borrower_limits: dict[str, Any] = {}
        self.groups: dict[str, frozenset[str]] = {}

    # Commands

    def post(self, offer: Any, now: int) -> None:
        self._check_time(now)
        self._check_cells(offer)
        if offer.expires_at is not None and offer.expires_at <= now:
            raise Refusal("already_expired")
        if offer.offer_id in self.book:
            raise Refusal("duplicate_id")
        self._expire(now)
        part = Part(offer.amount, offer.amount, self._next_arrival())
        self.book[offer.offer_id] = Standing(offer, [part])

    def amend(self, offer_id: str, changes: dict[str, Any], now: int) -> None:
        self._check_time(now)
        old = self._standing(offer_id, now)
        before = attrs.evolve(old.record, amount=old.amount())
        try:
            after = attrs.evolve(before, **changes)
        except ValueError as wrong:
            raise Refusal(getattr(wrong, "code", "")) from None
        if after == before:
            raise Refusal("nothing_to_change")
        self._check_cells(after)
        late = after.expires_at is not None and after.expires_at <= now
        if late and after.expires_at != before.expires_at:
            raise Refusal("already_expired")
        if after.amount < before.amount - old.remaining():
            raise Refusal("below_lent")
        self._expire(now)
        cells_before = {cell: old.rate(cell[0]) for cell in self._cells(old)}
        old.record = after
        less = before.amount - after.amount
        for part in reversed(old.parts):
            taken = min(max(less, 0), part.remaining)
            part.amount -= taken
            part.remaining -= taken
            less -= taken
        for part in old.parts:
            for cell in self._cells(old):
                if cells_before.get(cell) != old.rate(cell[0]):
                    part.moved[cell] = self._next_arrival()
        if less < 0:
            money = -less
            for part in old.parts:
                if part.remaining < self.least:
                    money += part.remaining
                    part.amount -= part.remaining
                    part.remaining = 0
            old.parts.append(Part(money, money, self._next_arrival()))

    def cancel(self, offer_id: str, now: int) -> None:
        self._check_time(now)
        self._standing(offer_id, now)
        self._expire(now)
        self._close(offer_id, "cancelled")

    def submit(self, request: Any, now: int) -> Outcome:
        outcome, parts = self._match(request, now)
        self._expire(now)
        self.request_ids.add(request.request_id)
        notes = []
        for (offer_id, lender_id, amount, rate), part in zip(outcome.notes, parts, strict=True):
            self.book[offer_id].parts[part].remaining -= amount
            notes.append(Owed(offer_id, lender_id, amount, rate, amount))
        if notes:
            self.debts[request.request_id] = Debt(request.borrower_id, request.grade, notes)
        return outcome

    def quote(self, request: Any, now: int) -> Outcome:
        return self._match(request, now)[0]

    def advance(self, now: int) -> None:
        self._check_time(now)
        self._expire(now)

    def set_lender_limits(self, lender_id: str, limits: Any, now: int) -> None:
        self._check_time(now)
        for name in LIMITS:
            value = getattr(limits, name)
            if value is not None and value < self.least:
                raise Refusal("contradiction")
        self._expire(now)
        self.lender_limits[lender_id] = limits

    def set_borrower_limits(self, borrower_id: str, limits: Any, now: int) -> None:
        self._check_time(now)
        self._expire(now)
        self.borrower_limits[borrower_id] = limits

    def declare_group(self, borrower_id: str, members: Any, now: int) -> None:
        self._check_time(now)
        self._expire(now)
        self.groups[borrower_id] = frozenset(members)

    def repay(self, request_id: str, amount: int, now: int) -> None:
        self._check_time(now)
        debt = self.debts.get(request_id)
        if debt is None:
            raise Refusal("unknown_request")
        if debt.left() == 0:
            raise Refusal("loan_repaid")
        if amount > debt.left():
            raise Refusal("above_outstanding")
        self._expire(now)
        # Largest remainder, one unit at a time.
        whole = debt.left()
        exact = [Fraction(amount * note.left, whole) for note in debt.notes]
        parts = [share.numerator // share.denominator for share in exact]
        while sum(parts) < amount:
            lacking = [share - part for share, part in zip(exact, parts, strict=True)]
            parts[lacking.index(max(lacking))] += 1
        for note, part in zip(debt.notes, parts, strict=True):
            note.left -= part

    # What can be read

    def offers(self) -> list[tuple[Any, ...]]:
        """(id, lender, amount, remaining, lent, cancelled, state), in the order of posting."""
        return [
            (
                offer_id,
                offer.record.lender_id,
                offer.amount(),
                offer.remaining(),
                offer.amount() - offer.remaining() - offer.cancelled,
                offer.cancelled,
                offer.state,
            )
            for offer_id, offer in self.book.items()
        ]

    def queue(self, grade: str, term: int) -> list[tuple[str, str, int, int]]:
        """(offer, lender, rate, remaining) in rank order, where there is money for a note."""
        return [
            (place.offer_id, place.lender_id, place.rate, place.remaining)
            for place in self._ranking((grade, term))
        ]

    def ladder(self, grade: str, term: int) -> list[tuple[int, int]]:
        """(rate, money at or below it)."""
        depth: dict[int, int] = {}
        total = 0
        for _, _, rate, remaining in self.queue(grade, term):
            total += floor_to(remaining, self.increment)
            depth[rate] = total
        return sorted(depth.items())

    def exposure(self, lender_id: str) -> tuple[int, dict[str, int], dict[str, int]]:
        """What a lender has outstanding: total, by grade, by borrower."""
        by_grade: dict[str, int] = {}
        by_borrower: dict[str, int] = {}
        for debt, note in self._notes_of(lender_id):
            if note.left:
                by_grade[debt.grade] = by_grade.get(debt.grade, 0) + note.left
                by_borrower[debt.borrower_id] = by_borrower.get(debt.borrower_id, 0) + note.left
        return sum(by_grade.values()), by_grade, by_borrower

    def borrower_outstanding(self, borrower_id: str) -> int:
        return sum(d.left() for d in self.debts.values() if d.borrower_id == borrower_id)

    # Matching

    def _match(self, request: Any, now: int) -> tuple[Outcome, list[int]]:
        self._check_time(now)
        if request.grade not in self.rules.grades:
            raise Refusal("unknown_grade")
        if request.term not in self.rules.terms:
            raise Refusal("unknown_term")
        if request.amount % self.increment:
            raise Refusal("not_multiple")
        if request.request_id in self.request_ids:
            raise Refusal("duplicate_id")
        least_amount = request.amount if request.min_amount is None else request.min_amount
        start = self._borrower_room(request)
        standing = [
            place
            for place in self._ranking((request.grade, request.term))
            if not self._due(self.book[place.offer_id], now)
        ]
        eligible = [place for place in standing if self._eligible(place, request)]
        lenders = {place.lender_id: self._lender(place.lender_id, request) for place in eligible}
        found = []
        if start >= least_amount:
            found = sweep(eligible, lenders, start, least_amount, self.increment, self.least)
        notes = [(place.offer_id, place.lender_id, part, place.rate) for place, part in found]
        principal = sum(note[2] for note in notes)
        outcome = Outcome(notes, principal, request.amount - principal)
        if notes:
            mean = Fraction(sum(note[2] * note[3] for note in notes), principal)
            outcome.rate = math.floor(mean + Fraction(1, 2))
        if start < least_amount or (notes and principal == start < request.amount):
            outcome.reason = "borrower_limit"
        elif notes:
            outcome.reason = None if principal == request.amount else "not_enough_room"
        elif not standing:
            outcome.reason = "empty_book"
        else:
            outcome.reason = "below_min_amount" if eligible else "no_eligible_offer"
        return outcome, [place.part for place, _ in found]

    def _ranking(self, cell: tuple[str, int]) -> list[Place]:
        """All parts that stand in a cell with money for a note: by rate, then by arrival."""
        rows = []
        for offer_id, offer in self.book.items():
            if cell not in self._cells(offer):
                continue
            for number, part in enumerate(offer.parts):
                if part.remaining >= self.least:
                    arrival = part.moved.get(cell, part.arrival)
                    rows.append((offer.rate(cell[0]), arrival, offer_id, number))
        places = []
        for rate, _, offer_id, number in sorted(rows):
            offer = self.book[offer_id]
            record = offer.record
            places.append(
                Place(
                    offer_id,
                    number,
                    record.lender_id,
                    rate,
                    offer.parts[number].remaining,
                    record.max_per_loan,
                    record.max_share,
                )
            )
        return places

    def _eligible(self, place: Place, request: Any) -> bool:
        """Step 1, but for the time."""
        record = self.book[place.offer_id].record
        barred = {request.borrower_id} | self.groups.get(request.borrower_id, frozenset())
        return (
            place.rate <= request.max_rate
            and record.requires <= request.tags
            and not record.refuses & request.tags
            and place.lender_id not in barred
        )

    def _lender(self, lender_id: str, request: Any) -> Lender:
        """Step 2: the lender's joint room, and the shares that bind it."""
        outstanding = {"per_loan": 0, "per_borrower": 0, "per_grade": 0, "total": 0}
        for debt, note in self._notes_of(lender_id):
            outstanding["total"] += note.left
            if debt.grade == request.grade:
                outstanding["per_grade"] += note.left
            if debt.borrower_id == request.borrower_id:
                outstanding["per_borrower"] += note.left
        rooms = []
        for name in LIMITS:
            limit = self._limit(lender_id, name)
            if limit is not None:
                rooms.append(max(floor_to(limit - outstanding[name], self.increment), 0))
        shares = [self.rules.max_share, self._limit(lender_id, "max_share")]
        return Lender(
            min(rooms) if rooms else None, [share for share in shares if share is not None]
        )

    def _limit(self, lender_id: str, name: str) -> int | None:
        own = self.lender_limits.get(lender_id)
        value = None if own is None else getattr(own, name)
        return getattr(self.rules.lender_limits, name) if value is None else value

    def _borrower_room(self, request: Any) -> int:
        own = self.borrower_limits.get(request.borrower_id)
        limit = None if own is None else own.total
        if limit is None:
            limit = self.rules.borrower_limits.total
        if limit is None:
            return request.amount
        room = max(limit - self.borrower_outstanding(request.borrower_id), 0)
        return min(request.amount, floor_to(room, self.increment))

    def _notes_of(self, lender_id: str) -> Iterator[tuple[Debt, Owed]]:
        for debt in self.debts.values():
            for note in debt.notes:
                if note.lender_id == lender_id:
                    yield debt, note

    # Time, guards

    def _check_time(self, now: int) -> None:
        if self.now is not None and now < self.now:
            raise Refusal("time_backwards")

    def _check_cells(self, offer: Any) -> None:
        if any(grade not in self.rules.grades for grade in offer.grades or ()):
            raise Refusal("unknown_grade")
        if any(term not in self.rules.terms for term in offer.terms or ()):
            raise Refusal("unknown_term")

    def _standing(self, offer_id: str, now: int) -> Standing:
        offer = self.book.get(offer_id)
        if offer is None:
            raise Refusal("unknown_offer")
        if offer.state != "standing" or self._due(offer, now):
            raise Refusal("offer_closed")
        return offer

    def _due(self, offer: Standing, now: int) -> bool:
        return offer.record.expires_at is not None and offer.record.expires_at <= now

    def _expire(self, now: int) -> None:
        """The clock moves: what is due leaves the book."""
        self.now = now
        for offer_id, offer in self.book.items():
            if offer.state == "standing" and self._due(offer, now):
                self._close(offer_id, "expired")

    def _close(self, offer_id: str, state: str) -> None:
        offer = self.book[offer_id]
        offer.cancelled += offer.remaining()
        for part in offer.parts:
            part.remaining = 0
        offer.state = state

    def _cells(self, offer: Standing) -> list[tuple[str, int]]:
        grades, terms = offer.record.grades, offer.record.terms
        return [
            (grade, term)
            for grade in self.rules.grades
            for term in self.rules.terms
            if (grades is None or grade in grades) and (terms is None or term in terms)
        ]

    def _next_arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals
