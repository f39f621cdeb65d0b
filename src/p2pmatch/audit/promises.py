"""What is promised and not yet lent: the commitments to requests that rest, and loans held.

Each commitment is checked when it is made: its offer, the limits, and that the ranking and the
rules give it and nothing else. What comes back must have been promised.
"""

from collections import defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush

import attrs

from p2pmatch import events as e
from p2pmatch.audit.book import Book, NoteRecord, Part, RequestRecord
from p2pmatch.audit.checker import barriers, caps_exceeded
from p2pmatch.audit.expected import (
    Candidates,
    Notes,
    Rooms,
    expected_notes,
    largest_start,
    walk,
)
from p2pmatch.audit.report import Findings
from p2pmatch.time_in_force import Auction, Immediate, TimeInForce
from p2pmatch.units import format_amount

__all__ = ["HeldLoan", "Promise", "Promises"]

# Ranks in a cell, and the money there.
Places = list[tuple[tuple[int, int], int]]


@attrs.define(eq=False)
class Entry:
    """Money of one part of an offer; `place` is its rank when it was promised."""

    part: Part
    place: tuple[int, int]
    amount: int
    ask: int


@attrs.define(eq=False)
class Promise:
    """A request that rests, and what is committed to it, by the key the events give it.

    at_close : what was committed when it began to close: places and amounts.
    """

    request: RequestRecord
    time_in_force: TimeInForce
    expires_at: int | None
    hold_for: int | None
    entries: dict[int, Entry] = attrs.field(factory=dict)
    at_close: list[tuple[Entry, int]] | None = None

    @property
    def deadline(self) -> int | None:
        """The time at which it ends."""
        if isinstance(self.time_in_force, Immediate):
            return self.expires_at
        return self.time_in_force.closes_at

    @property
    def total(self) -> int:
        """The money committed."""
        return sum(entry.amount for entry in self.entries.values())

    def ranked(self) -> list[Entry]:
        """The commitments in rank order."""
        return sorted(self.entries.values(), key=lambda entry: entry.place)

    def closes(self, now: int) -> bool:
        """Whether its time is up, so that what is committed becomes a loan or goes back."""
        resting = not isinstance(self.time_in_force, Immediate)
        return resting and self.deadline is not None and self.deadline <= now

    def committed(self) -> list[tuple[Entry, int]]:
        """The commitments in rank order, with what each comes to now."""
        return [(entry, entry.amount) for entry in self.ranked()]

    def by_lender(self) -> dict[str, int]:
        """The sums by lender."""
        sums: defaultdict[str, int] = defaultdict(int)
        for entry in self.entries.values():
            sums[entry.part.offer.lender_id] += entry.amount
        return sums


@attrs.frozen(eq=False)
class HeldLoan:
    """A loan that waits for its borrower's yes, and the parts its money is of."""

    event: e.LoanHeld
    request: RequestRecord
    draws: list[tuple[Part, int]]


def _key(place: tuple[int, int]) -> int:
    """How a commitment names the place its money comes from: rate, then arrivals before it."""
    rate, arrival = place
    return rate << 39 | arrival - 1


class _Shares(Rooms):
    """Rooms where only shares of the loan still bind."""

    def joint(self, lender: str) -> None:
        """Limits in money were met when the money was committed."""


class Promises:
    """All that is promised."""

    def __init__(self, book: Book, findings: Findings) -> None:
        self.book = book
        self.findings = findings
        self.resting: dict[str, Promise] = {}
        self.held: dict[str, HeldLoan] = {}
        # The principals of loans held that were given back, until they are said to be unfunded.
        self.given_back: dict[str, int] = {}
        self._deadlines: list[tuple[int, str]] = []
        # What an auction should hold once better offers are in the place of those displaced.
        self._best_of: dict[str, Places] = {}

    def rest(self, request_id: str, promise: Promise) -> None:
        """A request rests."""
        self.resting[request_id] = promise
        if promise.deadline is not None:
            heappush(self._deadlines, (promise.deadline, request_id))

    def hold(self, request_id: str, held: HeldLoan) -> None:
        """A loan waits for the borrower's yes."""
        self.held[request_id] = held
        heappush(self._deadlines, (held.event.until, request_id))

    def overdue(self, now: int) -> Iterator[str]:
        """The requests and loans that still wait although their time is up; each is told once."""
        while self._deadlines and self._deadlines[0][0] <= now:
            time, request_id = heappop(self._deadlines)
            promise, held = self.resting.get(request_id), self.held.get(request_id)
            # One that rested to that time may be held to another, or be neither.
            if (promise and promise.deadline == time) or (held and held.event.until == time):
                yield request_id

    # Commitments

    def commit(self, event: e.MoneyCommitted, where: str) -> None:
        """Money is committed."""
        promise = self.resting.get(event.request_id)
        if promise is None:
            self.findings.add("unknown_request", where, event.request_id)
            return
        before = len(self.findings.breaches)
        expected, best = None, self._best_of.pop(event.request_id, None)
        if not isinstance(promise.time_in_force, Auction):
            expected = self._expected_more(promise, event.now)
        elif best is None:
            best = self._best(promise, event.now)
        touched = []
        for number, (note, key) in enumerate(zip(event.notes, event.keys.tolist(), strict=True), 1):
            record = NoteRecord(
                note.offer_id, note.lender_id, note.amount, note.rate, f"note {number}"
            )
            entry = self._entry(promise, record, key, event.now, where)
            if entry is not None:
                self.book.commit(promise.request, entry.part, note.amount)
                entry.amount += note.amount
                touched.append(entry)
        self._check_entries(promise, touched, where)
        if len(self.findings.breaches) == before:
            self._check_priority(promise, event, expected, best, where)

    def _entry(
        self, promise: Promise, note: NoteRecord, key: int, now: int, where: str
    ) -> Entry | None:
        """Whose money a note is; None, and a breach, if it cannot be."""
        book, request = self.book, promise.request
        cell = request.grade, request.term
        where = f"{where}, {note.place}"
        parts = book.parts.get(note.offer_id, [])
        if not parts or note.offer_id in book.closed:
            self.findings.add("unknown_offer", where, note.offer_id)
            return None
        if note.lender_id != parts[0].offer.lender_id:
            self.findings.add("wrong_lender", where, f"{note.offer_id}: {note.lender_id}")
        for code in barriers(parts[0].offer, request, now, book.barred(request.borrower_id)):
            self.findings.add(code, where, note.offer_id)
        there = [
            part
            for part in parts
            if part.remaining >= note.amount and book.place(part, cell)[0] == note.rate
        ]
        entry = promise.entries.get(key)
        if entry is not None and entry.part in there:
            return entry
        if not there:
            self.findings.add("overdrawn", where, f"{note.offer_id}: {format_amount(note.amount)}")
            return None
        taken = [other.part for other in promise.entries.values()]
        free = [part for part in there if all(part is not other for other in taken)]
        named = [part for part in there if _key(book.place(part, cell)) == key]
        part = [*named, *free, *there][0]
        promise.entries[key] = entry = Entry(part, book.place(part, cell), 0, note.rate)
        return entry

    def _check_entries(self, promise: Promise, touched: list[Entry], where: str) -> None:
        """Whole notes, and no cap exceeded by what is committed now."""
        rules, request = self.book.rules, promise.request
        for entry in touched:
            if entry.amount % rules.increment:
                self.findings.add("not_multiple", where, format_amount(entry.amount))
            if entry.amount < rules.min_note:
                self.findings.add("below_min_note", where, format_amount(entry.amount))
        notes = [(entry.part.offer, entry.amount) for entry in promise.entries.values()]
        offers = {entry.part.offer.offer_id for entry in touched}
        rooms = Rooms(self.book, request, promise.by_lender())
        for code, message in caps_exceeded(rooms, notes, request.amount, offers):
            self.findings.add(code, where, message)
        if promise.total > largest_start(self.book, request, promise.total):
            self.findings.add("borrower_total", where, request.borrower_id)

    def _expected_more(self, promise: Promise, now: int) -> Notes:
        """What a listing should take of the book as it stands."""
        book, request = self.book, promise.request
        fixed = [(entry.part, entry.amount) for entry in promise.ranked()]
        rooms = Rooms(book, request, promise.by_lender())
        largest = largest_start(book, request, promise.total)
        candidates = Candidates(rooms, self._free(promise, now))
        _, notes = walk(candidates, largest - promise.total, largest, fixed)
        return notes[len(fixed) :]

    def _free(self, promise: Promise, now: int) -> list[Part]:
        book, request = self.book, promise.request
        barred = book.barred(request.borrower_id)
        ranking = book.ranking((request.grade, request.term), book.reach(request))
        return [part for part in ranking if not barriers(part.offer, request, now, barred)]

    def _check_priority(
        self,
        promise: Promise,
        event: e.MoneyCommitted,
        expected: Notes | None,
        best: Places | None,
        where: str,
    ) -> None:
        """A listing takes what the ranking gives; an auction holds the best of the whole."""
        if self.book.rules.allocation.name == "other":
            return
        held = [(entry.place, entry.amount) for entry in promise.entries.values()]
        if best is not None and sorted(best) != sorted(held):
            self.findings.add("priority", where, event.request_id)
        if expected is not None:
            wanted = sorted((part.offer.offer_id, amount) for part, amount in expected if amount)
            if wanted != sorted((note.offer_id, note.amount) for note in event.notes):
                self.findings.add("priority", where, event.request_id)

    def _best(self, promise: Promise, now: int) -> Places:
        """What an auction should hold: what it would if nothing were committed to it yet."""
        book, request = self.book, promise.request
        cell = request.grade, request.term
        free = {book.place(part, cell): part for part in self._free(promise, now)}
        together = dict(free)
        barred = book.barred(request.borrower_id)
        for entry in promise.entries.values():
            offer = entry.part.offer
            still = (
                offer.offer_id not in book.closed
                and book.place(entry.part, cell) == entry.place
                and not barriers(offer, request, now, barred)
            )
            money = entry.amount + (entry.part.remaining if still else 0)
            rate, arrival = entry.place
            moved = {cell: arrival}
            together[entry.place] = Part(attrs.evolve(offer, rate=rate), money, arrival, moved)
        rooms = Rooms(book, request, promise.by_lender())
        ranked = [together[place] for place in sorted(together)]
        size = largest_start(book, request, promise.total)
        _, notes = walk(Candidates(rooms, ranked), size)
        return [(book.place(part, cell), amount) for part, amount in notes if amount]

    def release(self, event: e.MoneyReleased | e.CommitmentsDisplaced, where: str) -> None:
        """Committed money comes back."""
        held = self.held.pop(event.request_id, None)
        if held is not None:
            self._release_loan(held, event, where)
            return
        promise = self.resting.get(event.request_id)
        if promise is None:
            self.findings.add("unknown_request", where, event.request_id)
            return
        if isinstance(event, e.CommitmentsDisplaced):
            # Before the displaced money goes: an offer that has left the book takes it along.
            self._best_of[event.request_id] = self._best(promise, event.now)
        elif promise.at_close is None and promise.closes(event.now):
            promise.at_close = promise.committed()
        for note, key in zip(event.notes, event.keys.tolist(), strict=True):
            entry = promise.entries.get(key)
            had = 0 if entry is None or entry.part.offer.offer_id != note.offer_id else entry.amount
            if entry is None or had < note.amount:
                message = f"{note.offer_id}: {format_amount(note.amount)} of {format_amount(had)}"
                self.findings.add("released", where, message)
                continue
            if note.lender_id != entry.part.offer.lender_id:
                self.findings.add("wrong_lender", where, f"{note.offer_id}: {note.lender_id}")
            entry.amount -= note.amount
            self.book.commit(promise.request, entry.part, -note.amount)
            if not entry.amount:
                del promise.entries[key]

    def at_close(self, promise: Promise) -> Places:
        """What becomes a loan when a request closes: the most that shares of the loan allow."""
        request = promise.request
        cell = request.grade, request.term
        before = promise.committed() if promise.at_close is None else promise.at_close
        parts = []
        for entry, amount in before:
            rate, arrival = entry.place
            offer = attrs.evolve(entry.part.offer, rate=rate, max_per_loan=None)
            parts.append(Part(offer, amount, arrival, {cell: arrival}))
        candidates = Candidates(_Shares(self.book, request), parts)
        notes, _ = expected_notes(candidates, sum(amount for _, amount in before))
        return sorted((part.place(cell), amount) for part, amount in notes)

    def _release_loan(
        self, held: HeldLoan, event: e.MoneyReleased | e.CommitmentsDisplaced, where: str
    ) -> None:
        got = [(note.offer_id, note.lender_id, note.amount) for note in event.notes]
        notes = held.event.loan.notes
        if got != [(note.offer_id, note.lender_id, note.amount) for note in notes]:
            self.findings.add("released", where, event.request_id)
        self.given_back[event.request_id] = held.event.loan.principal
        for part, amount in held.draws:
            self.book.commit(held.request, part, -amount)
        self.book.debts.pop(event.request_id, None)
