"""Folds the events of a marketplace into the auditor's own book, and checks each on the way."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from p2pmatch import events as e
from p2pmatch.apportion import apportion
from p2pmatch.audit.book import AuditRules, Book, NoteRecord, OfferRecord, Part, RequestRecord
from p2pmatch.audit.checker import Outcome, check_outcome
from p2pmatch.audit.report import Findings, Report
from p2pmatch.limits import Limits
from p2pmatch.orders import Offer, Request
from p2pmatch.rules import Rules
from p2pmatch.units import format_amount

__all__ = ["Auditor", "audit_events"]


def audit_events(rules: Rules, events: Iterable[e.Event]) -> Report:
    """Check a whole history of events.

    Parameters
    ----------
    rules : the marketplace's rules.
    events : every event since the marketplace was new, in order.

    Examples
    --------
    >>> from p2pmatch import Marketplace, Offer, Request, Rules
    >>> rules = Rules(grades=["A"], terms=[12])
    >>> market = Marketplace(rules)
    >>> events = []
    >>> market.subscribe(events.append)
    >>> offer = Offer(offer_id="o", lender_id="ann", amount=500, min_rate=50_000)
    >>> request = Request(request_id="r", borrower_id="bob", amount=300, max_rate=90_000,
    ...                   grade="A", term=12)
    >>> market.post(offer, now=0)
    >>> result = market.submit(request, now=1)
    >>> str(audit_events(rules, events))
    'no breach: 2 events, 1 requests, 1 notes'
    """
    auditor = Auditor(rules)
    for event in events:
        auditor.see(event)
    return auditor.report()


class Auditor:
    """Sees one event after the other; `report` says what was found so far.

    Parameters
    ----------
    rules : the marketplace's rules.
    """

    def __init__(self, rules: Rules) -> None:
        self._book = Book(_audit_rules(rules))
        self._default = rules.lender_limits
        self._findings = Findings()
        self._checked = {"events": 0, "requests": 0, "notes": 0}
        self._now: int | None = None
        # A loan whose request may still turn out to be funded in part only.
        self._pending: tuple[e.LoanMade, str] | None = None

    def see(self, event: e.Event) -> None:
        """Check one event and remember it."""
        self._checked["events"] += 1
        where = f"event {self._checked['events']} ({type(event).__name__})"
        if not isinstance(event, e.RequestUnfunded):
            self._settle()
        if self._now is not None and event.now < self._now:
            self._findings.add("time_backwards", where)
        if not isinstance(event, e.Rejected):
            self._now = event.now
            self._FOLDS[type(event)](self, event, where)

    def report(self) -> Report:
        """What was found in all events so far."""
        self._settle()
        return Report(tuple(self._findings.breaches), dict(self._checked))

    # What each event does

    def _posted(self, event: e.OfferPosted, where: str) -> None:
        self._post(event.offer, where)

    def _posted_many(self, event: e.OffersPosted, where: str) -> None:
        for offer in event.offers:
            self._post(offer, where)

    def _post(self, offer: Offer, where: str) -> None:
        if offer.offer_id in self._book.parts:
            self._findings.add("unknown_offer", where, f"{offer.offer_id} is posted twice")
        self._book.post(_offer_record(offer))

    def _amended(self, event: e.OfferAmended, where: str) -> None:
        book = self._book
        after = _offer_record(event.offer)
        parts = book.parts[after.offer_id]
        before = parts[0].offer
        cells = book.cells(before)
        rates = {cell: before.rate_for(cell[0]) for cell in cells}
        change = after.amount - before.amount
        if -change > book.remaining(after.offer_id):
            self._findings.add(
                "overdrawn", where, f"{after.offer_id} is lowered below what is lent"
            )
        for part in parts:
            book.leave(part)
            part.offer = after
        _take_out(parts, max(-change, 0))
        for part in parts:
            for cell in book.cells(after):
                if rates.get(cell) != after.rate_for(cell[0]):
                    part.moved[cell] = book.next_arrival()
        if change > 0:
            least = book.rules.min_note
            dust = [part for part in parts if part.remaining < least]
            money = change + sum(part.remaining for part in dust)
            for part in dust:
                part.remaining = 0
            parts.append(Part(after, money, book.next_arrival()))
        for part in parts:
            if part.remaining >= book.rules.min_note:
                book.stand(part)

    def _left(self, event: e.OfferCancelled | e.OfferExpired, where: str) -> None:
        if event.offer_id not in self._book.parts or event.offer_id in self._book.closed:
            self._findings.add("unknown_offer", where, event.offer_id)
            return
        remaining = self._book.remaining(event.offer_id)
        if event.amount != remaining:
            message = f"{event.offer_id}: {format_amount(event.amount)}, expected "
            self._findings.add("released", where, message + format_amount(remaining))
        self._book.close(event.offer_id)

    def _loan(self, event: e.LoanMade, where: str) -> None:
        self._pending = event, where

    def _unfunded(self, event: e.RequestUnfunded, where: str) -> None:
        pending, self._pending = self._pending, None
        loan = None
        if pending is not None:
            loan = pending[0]
            if loan.loan.request_id != event.request.request_id:
                self._pending = pending
                self._settle()
                loan = None
        self._check(event.request, loan, event.amount, where, event.now)

    def _settle(self) -> None:
        """A loan not followed by unfunded money is the whole of its request."""
        if self._pending is not None:
            event, where = self._pending
            self._pending = None
            self._check(event.loan.request, event, 0, where, event.now)

    def _check(
        self, request: Request, event: e.LoanMade | None, unfunded: int, where: str, now: int
    ) -> None:
        notes: list[NoteRecord] = []
        principal, rate, marginal_rate = 0, None, None
        if event is not None:
            loan = event.loan
            principal, rate, marginal_rate = loan.principal, loan.rate, loan.marginal_rate
            notes = [
                NoteRecord(note.offer_id, note.lender_id, note.amount, note.rate)
                for note in loan.notes
            ]
        self._checked["requests"] += 1
        self._checked["notes"] += len(notes)
        check_outcome(
            self._book,
            _request_record(request),
            Outcome(principal, notes, unfunded, rate, marginal_rate),
            now=now,
            where=f"{where} {request.request_id}",
            findings=self._findings,
        )

    def _lender_limits(self, event: e.LenderLimitsSet, _: str) -> None:
        limits = event.limits.over(self._default)
        self._book.lender_limits[event.lender_id] = _limits(limits)

    def _borrower_limits(self, event: e.BorrowerLimitsSet, _: str) -> None:
        self._book.borrower_totals.pop(event.borrower_id, None)
        if event.limits.total is not None:
            self._book.borrower_totals[event.borrower_id] = event.limits.total

    def _group(self, event: e.GroupDeclared, _: str) -> None:
        self._book.groups[event.borrower_id] = event.members

    def _repaid(self, event: e.LoanRepaid, where: str) -> None:
        debt = self._book.debts.get(event.request_id)
        left = [] if debt is None else [amount for _, amount in debt.left]
        if event.amount > sum(left):
            message = f"{event.request_id}: {format_amount(event.amount)}"
            self._findings.add("repaid", where, message)
            return
        self._book.repay(event.request_id, apportion(event.amount, left))

    def _time(self, event: e.TimeAdvanced, where: str) -> None:
        """Time alone changes nothing; offers that expire have events of their own."""

    #: What to do with each kind of event; `Rejected` changes nothing.
    _FOLDS: ClassVar[Mapping[type[e.Event], Callable[..., None]]] = MappingProxyType(
        {
            e.OfferPosted: _posted,
            e.OffersPosted: _posted_many,
            e.OfferAmended: _amended,
            e.OfferCancelled: _left,
            e.OfferExpired: _left,
            e.LoanMade: _loan,
            e.RequestUnfunded: _unfunded,
            e.LenderLimitsSet: _lender_limits,
            e.BorrowerLimitsSet: _borrower_limits,
            e.GroupDeclared: _group,
            e.LoanRepaid: _repaid,
            e.TimeAdvanced: _time,
        }
    )


def _take_out(parts: list[Part], amount: int) -> None:
    """Money leaves an offer from the back."""
    for part in reversed(parts):
        taken = min(amount, part.remaining)
        part.remaining -= taken
        amount -= taken


def _limits(limits: Limits) -> Mapping[str, int | None]:
    return attrs.asdict(limits)


def _audit_rules(rules: Rules) -> AuditRules:
    return AuditRules(
        grades=rules.grades,
        terms=rules.terms,
        increment=rules.increment,
        min_note=rules.increment if rules.min_note is None else rules.min_note,
        max_share=rules.max_share,
        allocation=rules.allocation,
        pricing=rules.pricing,
        lender_limits=_limits(rules.lender_limits),
        borrower_total=rules.borrower_limits.total,
    )


def _offer_record(offer: Offer) -> OfferRecord:
    return OfferRecord(
        offer_id=offer.offer_id,
        lender_id=offer.lender_id,
        amount=offer.amount,
        rate=offer.min_rate,
        grades=offer.grades,
        terms=offer.terms,
        max_per_loan=offer.max_per_loan,
        max_share=offer.max_share,
        requires=offer.requires,
        refuses=offer.refuses,
        expires_at=offer.expires_at,
    )


def _request_record(request: Request) -> RequestRecord:
    return RequestRecord(
        request_id=request.request_id,
        borrower_id=request.borrower_id,
        amount=request.amount,
        max_rate=request.max_rate,
        grade=request.grade,
        term=request.term,
        least_amount=request.amount if request.min_amount is None else request.min_amount,
        tags=request.tags,
    )
