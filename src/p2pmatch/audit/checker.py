"""One request and what came of it, held against every rule; those that fail are named."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from fractions import Fraction
from itertools import zip_longest

import attrs

from p2pmatch.audit.book import Book, NoteRecord, OfferRecord, Part, RequestRecord
from p2pmatch.audit.expected import (
    Candidates,
    Notes,
    Rooms,
    expected_notes,
    rate_left_out,
    walk,
)
from p2pmatch.audit.report import BREACHES, Findings
from p2pmatch.units import MAX_RATE, format_amount, format_rate, round_half_up

__all__ = [
    "Outcome",
    "barriers",
    "caps_exceeded",
    "check_outcome",
    "check_promised",
    "expected_size",
]


@attrs.frozen
class Outcome:
    """What was recorded for a request; None where nothing was recorded."""

    principal: int
    notes: list[NoteRecord]
    unfunded: int
    reason: str | None
    rate: int | None
    marginal_rate: int | None
    exact_rate: Fraction | None = None


def check_outcome(
    book: Book,
    request: RequestRecord,
    outcome: Outcome,
    *,
    now: int,
    where: str,
    findings: Findings,
    expected: Notes | None = None,
) -> list[tuple[Part, int]]:
    """Check one outcome against the book as it stood, then book it.

    Parameters
    ----------
    now : the time of the request.
    where : the place to name in a breach.
    expected : the notes, for a loan of a call auction: it comes out of the supply that was matched,
        not out of the whole book.

    Returns
    -------
    What its notes draw from which parts of their offers.
    """
    before = len(findings.breaches)
    check = _Check(book, request, outcome, now, where, findings, Rooms(book, request))
    check.demand()
    check.arithmetic()
    check.notes()
    check.limits()
    check.rates(check.asks())
    parts = None
    if len(findings.breaches) == before:
        if expected is not None:
            parts = check.agreed(expected)
        elif not book.rules.call:
            parts = check.priority()
    return book.lend(request, outcome.notes, parts) if outcome.notes else []


def check_promised(
    book: Book,
    request: RequestRecord,
    outcome: Outcome,
    asks: list[int],
    where: str,
    findings: Findings,
) -> None:
    """Check the loan of a request that rested: sums, rates for these asks, shares of the loan."""
    by_lender: Counter[str] = Counter()
    for note in outcome.notes:
        by_lender[note.lender_id] += note.amount
    check = _Check(book, request, outcome, 0, where, findings, Rooms(book, request, by_lender))
    check.arithmetic()
    check.rates([*asks])
    for lender, amount in by_lender.items():
        # A loan of the whole amount is of the size by which each commitment was judged.
        share = check.rooms.share(lender, outcome.principal)
        if outcome.unfunded and share is not None and amount > share:
            check.breach("max_share", f"{lender}: {_differ(amount, share)}")


def caps_exceeded(
    rooms: Rooms,
    notes: list[tuple[OfferRecord, int]],
    size: int,
    touched: AbstractSet[str],
) -> Iterator[tuple[str, str]]:
    """The caps exceeded by notes in a loan of `size`, of the offers touched and their lenders."""
    by_offer: Counter[str] = Counter()
    by_lender: Counter[str] = Counter()
    offers = {offer.offer_id: offer for offer, _ in notes}
    for offer, amount in notes:
        by_offer[offer.offer_id] += amount
        by_lender[offer.lender_id] += amount
    for offer_id, amount in by_offer.items():
        offer = offers[offer_id]
        if offer_id not in touched:
            continue
        if offer.max_per_loan is not None and amount > offer.max_per_loan:
            yield "offer_max_per_loan", f"{offer_id}: {format_amount(amount)}"
        share = rooms.offer_share(offer, size)
        if share is not None and amount > share:
            yield "offer_max_share", f"{offer_id}: {format_amount(amount)}"
    for lender in sorted({offers[offer_id].lender_id for offer_id in touched}):
        for name, room in rooms.by_limit(lender):
            if by_lender[lender] > room:
                yield name, f"{lender}: {format_amount(by_lender[lender])}"
        share = rooms.share(lender, size)
        if share is not None and by_lender[lender] > share:
            yield "max_share", f"{lender}: {format_amount(by_lender[lender])}"


def expected_size(book: Book, request: RequestRecord, now: int) -> int:
    """The principal that the book as it stands gives a request."""
    expected, _ = expected_notes(_candidates(Rooms(book, request), now))
    return sum(amount for _, amount in expected)


@attrs.define(eq=False)
class _Check:
    book: Book
    request: RequestRecord
    outcome: Outcome
    now: int
    where: str
    findings: Findings
    rooms: Rooms

    def breach(self, code: str, message: str) -> None:
        self.findings.add(code, self.where, message)

    def demand(self) -> None:
        """The request is one that the rules take."""
        request = self.request
        strangers = self.book.strangers([request.grade], [request.term])
        if strangers:
            self.breach("unknown_cell", f"{strangers}")
        if request.amount % self.book.rules.increment:
            self.breach("not_multiple", format_amount(request.amount))

    def arithmetic(self) -> None:
        """Everything adds up, and the rates shown are those of the notes."""
        outcome, request = self.outcome, self.request
        lent = sum(note.amount for note in outcome.notes)
        if lent != outcome.principal:
            self.breach("principal", _differ(outcome.principal, lent))
        if outcome.principal + outcome.unfunded != request.amount:
            expected = request.amount - outcome.principal
            self.breach("unfunded", _differ(outcome.unfunded, expected))
        if outcome.notes and 0 < outcome.principal < request.least_amount:
            least = format_amount(request.least_amount)
            self.breach("below_min_amount", f"{format_amount(lent)}, accepted from {least}")
        if outcome.rate is not None and lent:
            exact = Fraction(sum(note.amount * note.rate for note in outcome.notes), lent)
            if outcome.rate != round_half_up(exact):
                self.breach("blended_rate", _rates_differ(outcome.rate, round_half_up(exact)))
            if outcome.exact_rate not in {None, exact}:
                self.breach("blended_rate", f"{outcome.exact_rate} ppm, expected {exact} ppm")
        if outcome.marginal_rate is not None and outcome.notes:
            highest = max(note.rate for note in outcome.notes)
            if highest != outcome.marginal_rate:
                self.breach("marginal_rate", _rates_differ(outcome.marginal_rate, highest))

    def notes(self) -> None:
        """Each note by itself, and that an offer gives no more than it has."""
        drawn: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for note in self.outcome.notes:
            parts = self.book.parts.get(note.offer_id)
            if parts is None or note.offer_id in self.book.closed:
                self._note_breach("unknown_offer", note, "no such offer stands in the book")
                continue
            drawn[note.offer_id] += note.amount
            times[note.offer_id] += 1
            if times[note.offer_id] > len(parts):
                self._note_breach("duplicate_note", note, "a note too many")
            self._note(note, parts[0].offer)
        for offer_id, amount in drawn.items():
            if amount > self.book.remaining(offer_id):
                had = format_amount(self.book.remaining(offer_id))
                self.breach("overdrawn", f"{offer_id}: {format_amount(amount)}, had {had}")

    def _note(self, note: NoteRecord, offer: OfferRecord) -> None:
        """One note and the offer it is of."""
        rules = self.book.rules
        if note.lender_id != offer.lender_id:
            self._note_breach("wrong_lender", note, f"{note.lender_id}, is {offer.lender_id}'s")
        if note.amount % rules.increment:
            self._note_breach("not_multiple", note, format_amount(note.amount))
        if note.amount < rules.min_note:
            self._note_breach("below_min_note", note, format_amount(note.amount))
        barred = self.book.barred(self.request.borrower_id)
        for code in barriers(offer, self.request, self.now, barred):
            self._note_breach(code, note, BREACHES[code])
        asked = offer.rate_for(self.request.grade)
        if note.rate > self.request.max_rate:
            self._note_breach("above_max_rate", note, format_rate(note.rate))
        if asked is not None and note.rate < asked:
            self._note_breach("rate", note, _rates_differ(note.rate, asked))

    def asks(self) -> list[int | None]:
        """What each note's offer asks; None where that is not known."""
        parts = (self.book.parts.get(note.offer_id) for note in self.outcome.notes)
        grade = self.request.grade
        return [None if found is None else found[0].offer.rate_for(grade) for found in parts]

    def rates(self, asks: list[int | None]) -> None:
        """Each note bears the rate that the pricing rule gives it for these asks."""
        known = [ask for ask in asks if ask is not None]
        if not known:
            return
        rules, request = self.book.rules, self.request
        first = self.outcome.notes[0].rate
        for note, ask in zip(self.outcome.notes, asks, strict=True):
            expected: int | None = None
            if rules.call:
                expected = first
            elif rules.pricing == "pay_as_offered":
                expected = ask
            elif rules.pricing == "uniform_marginal":
                expected = max(known)
            elif rules.pricing == "midpoint":
                expected = None if ask is None else (ask + request.max_rate) // 2
            elif rules.pricing == "posted":
                expected = (rules.posted or {}).get((request.grade, request.term))
            elif rules.pricing == "uniform_first_rejected":
                # One rate, above all accepted; which, is asked when the notes are the right ones.
                expected = max(first, *known)
            if expected is not None and note.rate != expected:
                self._note_breach("rate", note, _rates_differ(note.rate, expected))

    def _note_breach(self, code: str, note: NoteRecord, message: str) -> None:
        where = f"{self.where}, {note.place}"
        self.findings.add(code, where, f"{note.offer_id}: {message}")

    def limits(self) -> None:
        """No cap of an offer, a lender or the borrower is exceeded by the loan really made."""
        outcome, request, book = self.outcome, self.request, self.book
        by_offer: Counter[str] = Counter()
        by_lender: Counter[str] = Counter()
        for note in outcome.notes:
            by_offer[note.offer_id] += note.amount
            by_lender[note.lender_id] += note.amount
        for offer_id, amount in by_offer.items():
            if offer_id in book.parts:
                offer = book.parts[offer_id][0].offer
                self._cap("offer_max_per_loan", offer_id, amount, offer.max_per_loan)
                share = self.rooms.offer_share(offer, outcome.principal)
                self._cap("offer_max_share", offer_id, amount, share)
        for lender, amount in by_lender.items():
            limits = book.limits_of(lender)
            to_borrower = book.to_borrower[lender, request.borrower_id] + amount
            in_grade = book.in_grade[lender, request.grade] + amount
            self._cap("per_loan", lender, amount, limits.get("per_loan"))
            self._cap("per_borrower", lender, to_borrower, limits.get("per_borrower"))
            self._cap("per_grade", lender, in_grade, limits.get("per_grade"))
            self._cap("total", lender, book.in_total[lender] + amount, limits.get("total"))
            share = self.rooms.share(lender, outcome.principal)
            self._cap("max_share", lender, amount, share)
        if outcome.notes:
            owed = book.owed[request.borrower_id] + outcome.principal
            self._cap(
                "borrower_total",
                request.borrower_id,
                owed,
                book.borrower_total(request.borrower_id),
            )

    def _cap(self, code: str, who: str, amount: int, cap: int | None) -> None:
        if cap is not None and amount > cap:
            message = f"{who}: {format_amount(amount)}, at most {format_amount(cap)}"
            self.breach(code, message)

    def priority(self) -> list[Part] | None:
        """The notes are those that the ranking and the limits give, in that order.

        Returns
        -------
        The part of its offer that each note uses; None where that is not certain.
        """
        candidates = _candidates(self.rooms, self.now)
        if self.book.rules.allocation.name == "other":
            self._better_rates(candidates)
            return None
        expected, reason = expected_notes(candidates)
        parts = self.agreed(expected)
        if parts is not None:
            self._reason(reason)
            if expected and self.book.rules.pricing == "uniform_first_rejected":
                self._first_rejected(candidates, expected)
        return parts

    def _first_rejected(self, candidates: Candidates, expected: Notes) -> None:
        """The rate is that of the best room left out, but no less than any that was accepted."""
        left = rate_left_out(candidates, expected)
        asks = [self._ask(note) for note in self.outcome.notes]
        rate = self.request.max_rate if left is None else max(left, *asks)
        for note in self.outcome.notes:
            if note.rate != rate:
                self._note_breach("rate", note, _rates_differ(note.rate, rate))

    def agreed(self, expected: Notes) -> list[Part] | None:
        """The notes are these, in this order; the part that each uses, None if they are not."""
        wanted = [(part.offer.offer_id, amount) for part, amount in expected]
        got = [(note.offer_id, note.amount) for note in self.outcome.notes]
        size = sum(amount for _, amount in wanted)
        if size != self.outcome.principal:
            self.breach("size", _differ(self.outcome.principal, size))
        elif sorted(wanted) != sorted(got):
            self.breach("priority", _first_difference(wanted, got))
        elif wanted != got:
            self.breach("order", "the same notes in another order")
        else:
            return [part for part, _ in expected]
        return None

    def _better_rates(self, candidates: Candidates) -> None:
        """At rates below the dearest, where no rule has a choice, all room is used."""
        asks = [self._ask(note) for note in self.outcome.notes]
        if not asks:
            return
        grade = self.request.grade
        _, expected = walk(candidates, self.outcome.principal)
        wanted = [
            (part.offer.offer_id, amount)
            for part, amount in expected
            if (part.offer.rate_for(grade) or 0) < max(asks)
        ]
        got = [
            (note.offer_id, note.amount)
            for note, ask in zip(self.outcome.notes, asks, strict=True)
            if ask < max(asks)
        ]
        if wanted != got:
            self.breach("priority", _first_difference(wanted, got))

    def _ask(self, note: NoteRecord) -> int:
        return self.book.parts[note.offer_id][0].offer.rate_for(self.request.grade) or 0

    def _reason(self, expected: str | None) -> None:
        """The reason given for unfunded money is the first that applies."""
        posted = self.book.rules.posted
        if posted is not None and expected == "no_eligible_offer" and self._unposted():
            rate = posted.get((self.request.grade, self.request.term))
            expected = "no_posted_rate" if rate is None else "below_posted_rate"
        if expected == "no_eligible_offer" and not self._any_stands():
            expected = "empty_book"
        if self.outcome.reason != expected:
            self.breach("reason", f"{self.outcome.reason}, expected {expected}")

    def _unposted(self) -> bool:
        """Whether the posted rate, or the want of one, keeps everybody out."""
        return self.book.reach(self.request) < 0

    def _any_stands(self) -> bool:
        """Whether any offer stands in the request's cell."""
        ranking = self.book.ranking((self.request.grade, self.request.term), MAX_RATE)
        return any(
            part.offer.expires_at is None or part.offer.expires_at > self.now for part in ranking
        )


def barriers(
    offer: OfferRecord, request: RequestRecord, now: int, barred: AbstractSet[str]
) -> list[str]:
    """Why an offer may not take part, as codes; none if it may."""
    codes = []
    if not offer.stands_in((request.grade, request.term)):
        codes.append("wrong_cell")
    asked = offer.rate_for(request.grade)
    if asked is not None and asked > request.max_rate:
        codes.append("above_max_rate")
    if offer.expires_at is not None and offer.expires_at <= now:
        codes.append("expired")
    if not offer.requires <= request.tags or offer.refuses & request.tags:
        codes.append("tags")
    if offer.lender_id in barred:
        codes.append("same_party")
    return codes


def _candidates(rooms: Rooms, now: int) -> Candidates:
    """The places that may take part in a loan to a request."""
    book, request = rooms.book, rooms.request
    barred = book.barred(request.borrower_id)
    ranking = book.ranking((request.grade, request.term), book.reach(request))
    return Candidates(
        rooms, (part for part in ranking if not barriers(part.offer, request, now, barred))
    )


def _first_difference(wanted: list[tuple[str, int]], got: list[tuple[str, int]]) -> str:
    """Where two lists of notes part."""
    pairs = enumerate(zip_longest(wanted, got), 1)
    return next(
        f"note {number} should be {_shown(one)}, is {_shown(other)}"
        for number, (one, other) in pairs
        if one != other
    )


def _shown(note: tuple[str, int] | None) -> str:
    return "none" if note is None else f"{format_amount(note[1])} of {note[0]}"


def _differ(found: int, expected: int) -> str:
    return f"{format_amount(found)}, expected {format_amount(expected)}"


def _rates_differ(found: int, expected: int) -> str:
    return f"{format_rate(found)}, expected {format_rate(expected)}"
