"""One request and what came of it, held against every rule; the first that fails is named."""

from collections import Counter

import attrs

from p2pmatch.audit.book import Book, NoteRecord, OfferRecord, Part, RequestRecord
from p2pmatch.audit.expected import Rooms, expected_notes, largest_start
from p2pmatch.audit.report import Findings
from p2pmatch.units import format_amount, format_rate

__all__ = ["Outcome", "check_outcome"]


@attrs.frozen
class Outcome:
    """What was recorded for a request; rates are None where nothing was recorded."""

    principal: int
    notes: list[NoteRecord]
    unfunded: int
    rate: int | None
    marginal_rate: int | None


def check_outcome(
    book: Book,
    request: RequestRecord,
    outcome: Outcome,
    *,
    now: int,
    where: str,
    findings: Findings,
) -> None:
    """Check one outcome against the book as it stood, then book it.

    Parameters
    ----------
    now : the time of the request.
    where : the place to name in a breach.
    """
    before = len(findings.breaches)
    check = _Check(
        book,
        request,
        outcome,
        now,
        where,
        findings,
        Rooms(book, request),
        book.barred(request.borrower_id),
    )
    check.arithmetic()
    check.notes()
    check.limits()
    parts = None
    if len(findings.breaches) == before:
        parts = check.priority()
    if outcome.notes:
        book.lend(request, outcome.notes, parts)


@attrs.define(eq=False)
class _Check:
    book: Book
    request: RequestRecord
    outcome: Outcome
    now: int
    where: str
    findings: Findings
    rooms: Rooms
    barred: frozenset[str]

    def breach(self, code: str, message: str) -> None:
        self.findings.add(code, self.where, message)

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
            interest = sum(note.amount * note.rate for note in outcome.notes)
            mean = (2 * interest + lent) // (2 * lent)
            if mean != outcome.rate:
                self.breach("blended_rate", _rates_differ(outcome.rate, mean))
        if outcome.marginal_rate is not None and outcome.notes:
            highest = max(note.rate for note in outcome.notes)
            if highest != outcome.marginal_rate:
                self.breach("marginal_rate", _rates_differ(outcome.marginal_rate, highest))

    def notes(self) -> None:
        """Each note by itself, and that an offer gives no more than it has."""
        rules = self.book.rules
        drawn: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for note in self.outcome.notes:
            parts = self.book.parts.get(note.offer_id)
            if parts is None or note.offer_id in self.book.closed:
                self.breach("unknown_offer", note.offer_id)
                continue
            offer = parts[0].offer
            drawn[note.offer_id] += note.amount
            times[note.offer_id] += 1
            if times[note.offer_id] > len(parts):
                self.breach("duplicate_note", note.offer_id)
            if note.lender_id != offer.lender_id:
                self.breach("wrong_lender", f"{note.offer_id}: {note.lender_id}")
            if note.amount % rules.increment:
                self.breach("not_multiple", f"{note.offer_id}: {format_amount(note.amount)}")
            if note.amount < rules.min_note:
                self.breach("below_min_note", f"{note.offer_id}: {format_amount(note.amount)}")
            for code in self._barriers(offer):
                self.breach(code, offer.offer_id)
            self._rate(note, offer)
        for offer_id, amount in drawn.items():
            if amount > self.book.remaining(offer_id):
                had = self.book.remaining(offer_id)
                self.breach("overdrawn", f"{offer_id}: {_differ(amount, had)}")

    def _barriers(self, offer: OfferRecord) -> list[str]:
        """Why an offer may not take part, as codes; none if it may."""
        request = self.request
        codes = []
        if not offer.stands_in((request.grade, request.term)):
            codes.append("wrong_cell")
        asked = offer.rate_for(request.grade)
        if asked is not None and asked > request.max_rate:
            codes.append("above_max_rate")
        if offer.expires_at is not None and offer.expires_at <= self.now:
            codes.append("expired")
        if not offer.requires <= request.tags or offer.refuses & request.tags:
            codes.append("tags")
        if offer.lender_id in self.barred:
            codes.append("same_party")
        return codes

    def _rate(self, note: NoteRecord, offer: OfferRecord) -> None:
        asked = offer.rate_for(self.request.grade)
        if asked is None:
            return
        if note.rate > self.request.max_rate:
            self.breach("above_max_rate", f"{note.offer_id}: {format_rate(note.rate)}")
        exact = self.book.rules.pricing == "pay_as_offered"
        if note.rate < asked or (exact and note.rate != asked):
            self.breach("rate", f"{note.offer_id}: {_rates_differ(note.rate, asked)}")

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
        """The notes are those that the ranking and the limits give, in that order."""
        if self.book.rules.allocation != "fifo":
            return None
        request = self.request
        start = largest_start(self.book, request)
        expected: list[tuple[Part, int]] = []
        if start >= request.least_amount:
            ranking = self.book.ranking((request.grade, request.term), request.max_rate)
            eligible = (part for part in ranking if not self._barriers(part.offer))
            expected = expected_notes(self.rooms, eligible, start, request.least_amount)
        wanted = [(part.offer.offer_id, amount) for part, amount in expected]
        got = [(note.offer_id, note.amount) for note in self.outcome.notes]
        if wanted == got:
            return [part for part, _ in expected]
        size = sum(amount for _, amount in wanted)
        if size != self.outcome.principal:
            self.breach("size", _differ(self.outcome.principal, size))
        elif sorted(wanted) == sorted(got):
            self.breach("order", "the same notes in another order")
        else:
            self.breach("priority", _first_difference(wanted, got))
        return None


def _first_difference(wanted: list[tuple[str, int]], got: list[tuple[str, int]]) -> str:
    """Where two lists of notes of the same sum part."""
    at = next(i for i, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other)
    (offer_id, amount), (instead, given) = wanted[at], got[at]
    return (
        f"note {at + 1} should be {format_amount(amount)} of {offer_id}, "
        f"is {format_amount(given)} of {instead}"
    )


def _differ(found: int, expected: int) -> str:
    return f"{format_amount(found)}, expected {format_amount(expected)}"


def _rates_differ(found: int, expected: int) -> str:
    return f"{format_rate(found)}, expected {format_rate(expected)}"
