"""Folds the events of a marketplace into the auditor's own book, and checks each on the way."""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from types import MappingProxyType
from typing import ClassVar

import attrs

from p2pmatch import events as e
from p2pmatch.audit.book import (
    AuditRules,
    Book,
    NoteRecord,
    OfferRecord,
    Part,
    RequestRecord,
)
from p2pmatch.audit.checker import Outcome, check_outcome, check_promised
from p2pmatch.audit.crossing import Clearing
from p2pmatch.audit.expected import Notes
from p2pmatch.audit.promises import HeldLoan, Promise, Promises
from p2pmatch.audit.report import Findings, Report
from p2pmatch.limits import Limits
from p2pmatch.loans import Loan
from p2pmatch.orders import Offer, Request
from p2pmatch.rules import Rules
from p2pmatch.time_in_force import Auction, Immediate
from p2pmatch.units import format_amount

__all__ = ["Auditor", "audit_events"]

# The events by which what waits comes to its end.
_CLOSING = (e.RequestUnfunded, e.MoneyReleased, e.LoanMade, e.LoansMade, e.LoanHeld)
# Why the money of a loan that was held is unfunded after all.
_AFTER_A_HELD_LOAN = ("declined", "lapsed")


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
    >>> end = market.subscribe(events.append)
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
        self._book = Book(AuditRules.of(rules))
        self._default = rules.lender_limits
        self._findings = Findings()
        self._checked = {"events": 0, "requests": 0, "notes": 0}
        self._now: int | None = None
        # A loan whose request may still turn out to be funded in part only.
        self._pending: tuple[e.LoanMade | e.LoanHeld, str] | None = None
        self._promises = Promises(self._book, self._findings)
        # A call auction that is not yet said to be over, and its loans so far.
        self._clearing: Clearing | None = None
        self._cleared: list[Loan] = []
        self._requests: set[str] = set()
        self._expiries: list[tuple[int, str]] = []

    def see(self, event: e.Event) -> None:
        """Check one event and remember it."""
        self._checked["events"] += 1
        where = f"event {self._checked['events']} ({type(event).__name__})"
        # A refusal changes nothing, not even the time.
        if isinstance(event, e.Rejected):
            return
        if not isinstance(event, e.RequestUnfunded):
            self._settle()
        self._pass_time(event, where)
        fold = self._FOLDS.get(type(event))
        if fold is None:
            self._findings.add("unknown_event", where)
        else:
            fold(self, event, where)

    def report(self) -> Report:
        """What was found in all events so far."""
        self._settle()
        return Report(tuple(self._findings.breaches), dict(self._checked))

    def _pass_time(self, event: e.Event, where: str) -> None:
        """Time goes on, and no offer outlives its own."""
        if self._now is not None and event.now < self._now:
            self._findings.add("time_backwards", where, f"{event.now} after {self._now}")
        self._now = event.now
        if isinstance(event, e.OfferExpired):
            return
        if not isinstance(event, _CLOSING):
            for request_id in self._promises.overdue(event.now):
                self._findings.add("overdue", where, request_id)
        while self._expiries and self._expiries[0][0] <= event.now:
            time, offer_id = heappop(self._expiries)
            if self._standing(offer_id) and self._offer(offer_id).expires_at == time:
                self._findings.add("expiry", where, f"{offer_id} still stands after {time}")
                self._book.close(offer_id)

    @property
    def _rules_known(self) -> bool:
        """Whether the allocation rule is one that can be worked out again."""
        return self._book.rules.allocation.name != "other"

    def _standing(self, offer_id: str) -> bool:
        return offer_id in self._book.parts and offer_id not in self._book.closed

    def _offer(self, offer_id: str) -> OfferRecord:
        return self._book.parts[offer_id][0].offer

    # What each event does

    def _posted(self, event: e.OfferPosted, where: str) -> None:
        self._post(event.offer, where)

    def _posted_many(self, event: e.OffersPosted, where: str) -> None:
        for offer in event.offers:
            self._post(offer, where)

    def _post(self, offer: Offer, where: str) -> None:
        if offer.offer_id in self._book.parts:
            self._findings.add("duplicate_offer", where, offer.offer_id)
            return
        self._take_terms(offer, where)
        self._book.post(_offer_record(offer))

    def _take_terms(self, offer: Offer, where: str) -> None:
        """Check what an offer says, and watch its time."""
        strangers = self._book.strangers(offer.grades or (), offer.terms or ())
        if strangers:
            self._findings.add("unknown_cell", where, f"{offer.offer_id}: {strangers}")
        if offer.expires_at is not None:
            heappush(self._expiries, (offer.expires_at, offer.offer_id))

    def _amended(self, event: e.OfferAmended, where: str) -> None:
        book = self._book
        after = _offer_record(event.offer)
        if not self._standing(after.offer_id):
            self._findings.add("unknown_offer", where, after.offer_id)
            return
        self._take_terms(event.offer, where)
        parts = book.parts[after.offer_id]
        if after.lender_id != parts[0].offer.lender_id:
            message = f"{after.offer_id}: {after.lender_id}, was {parts[0].offer.lender_id}'s"
            self._findings.add("wrong_lender", where, message)
        lowered = parts[0].offer.amount - after.amount
        if lowered > book.remaining(after.offer_id):
            self._findings.add(
                "overdrawn", where, f"{after.offer_id} is lowered below what is lent"
            )
        book.amend(after)

    def _left(self, event: e.OfferCancelled | e.OfferExpired, where: str) -> None:
        if not self._standing(event.offer_id):
            self._findings.add("unknown_offer", where, event.offer_id)
            return
        time = self._offer(event.offer_id).expires_at
        if isinstance(event, e.OfferExpired) and (time is None or time > event.now):
            self._findings.add("expiry", where, f"{event.offer_id} stands until {time}")
        remaining = self._book.remaining(event.offer_id)
        if event.amount != remaining:
            message = f"{event.offer_id}: {format_amount(event.amount)}, expected "
            self._findings.add("released", where, message + format_amount(remaining))
        self._book.close(event.offer_id)

    def _loan(self, event: e.LoanMade | e.LoanHeld, where: str) -> None:
        held = self._promises.held.pop(event.loan.request_id, None)
        if held is None:
            self._pending = event, where
        elif (
            isinstance(event, e.LoanHeld)
            or event.now >= held.event.until
            or event.loan != held.event.loan
        ):
            self._findings.add("not_as_held", where, event.loan.request_id)

    def _loans(self, event: e.LoansMade, where: str) -> None:
        for loan in event.loans:
            self._settle()
            self._loan(e.LoanMade(now=event.now, loan=loan), where)

    def _unfunded(self, event: e.RequestUnfunded, where: str) -> None:
        pending, self._pending = self._pending, None
        loan = None
        if pending is not None:
            loan = pending[0]
            if loan.loan.request != event.request:
                self._pending = pending
                self._settle()
                loan = None
        promise = self._promises.resting.get(event.request.request_id)
        if loan is None and promise is not None:
            self._ended(promise, event, where)
        elif loan is None and event.reason in _AFTER_A_HELD_LOAN:
            self._lapsed(event, where)
        else:
            self._check(event.request, loan, event, where, event.now)

    def _ended(self, promise: Promise, event: e.RequestUnfunded, where: str) -> None:
        """A request rests no more and has no loan: nothing may be left with it."""
        where = f"{where} {event.request.request_id}"
        self._checked["requests"] += 1
        if promise.entries:
            self._findings.add("released", where, format_amount(promise.total))
        if event.amount != event.request.amount:
            self._findings.add("unfunded", where, format_amount(event.amount))
        if promise.closes(event.now) and self._rules_known and self._promises.at_close(promise):
            self._findings.add("not_as_promised", where, "a loan could be made")
        del self._promises.resting[event.request.request_id]

    def _lapsed(self, event: e.RequestUnfunded, where: str) -> None:
        """A loan that was held is not made: its money has been given back."""
        request_id = event.request.request_id
        principal = self._promises.given_back.pop(request_id, None)
        if request_id not in self._requests:
            self._findings.add("unknown_request", where, request_id)
        elif principal is None:
            self._findings.add("released", where, f"{request_id}: no loan was given back")
        elif event.amount != principal:
            self._findings.add("unfunded", where, format_amount(event.amount))

    def _rests(self, event: e.RequestRests, where: str) -> None:
        request = event.request
        if request.request_id in self._requests:
            self._findings.add("duplicate_request", where, request.request_id)
        self._requests.add(request.request_id)
        strangers = self._book.strangers([request.grade], [request.term])
        if strangers:
            self._findings.add("unknown_cell", where, f"{request.request_id}: {strangers}")
        self._promises.rest(
            request.request_id,
            Promise(
                _request_record(request), event.time_in_force, request.expires_at, event.hold_for
            ),
        )

    def _committed(self, event: e.MoneyCommitted, where: str) -> None:
        self._promises.commit(event, f"{where} {event.request_id}")

    def _given_back(self, event: e.MoneyReleased | e.CommitmentsDisplaced, where: str) -> None:
        self._promises.release(event, f"{where} {event.request_id}")

    def _uncrossed(self, event: e.CellUncrossed, where: str) -> None:
        """What is said of an auction is what came of it, and what the book gave."""
        cell = event.grade, event.term
        if self._book.strangers([event.grade], [event.term]):
            self._findings.add("unknown_cell", where, f"{event.grade} {event.term}")
            return
        clearing = self._clearing or self._clear(cell, event.now)
        lent = {loan.request_id: loan.principal for loan in self._cleared}
        rates = {int(rate) for loan in self._cleared for rate in loan.notes.rates}
        left = {name: part - lent.get(name, 0) for name, part in clearing.matched.items()}
        said = {
            "rate": (event.rate, clearing.rate if lent else None),
            "rates": (rates, {event.rate} if lent else set()),
            "volume": (event.volume, sum(lent.values())),
            "matched": (event.matched, clearing.volume),
            "supply": (event.supply, clearing.supply),
            "demand": (event.demand, clearing.demand),
            "at_margin": (event.at_margin, clearing.at_margin),
            "turned_away": (
                [(name, amount) for name, amount, _ in event.turned_away],
                [(name, amount) for name, amount in left.items() if amount],
            ),
        }
        for what, (found, expected) in said.items():
            if found != expected:
                self._findings.add("clearing", where, f"{what} {found}, expected {expected}")
        self._loan_of(clearing, None, where)
        self._clearing, self._cleared = None, []

    def _clear(self, cell: tuple[str, int], now: int) -> Clearing:
        """The auction of a cell, of the requests that rest in it by rank."""
        resting = (promise.request for promise in self._promises.resting.values())
        asked = [request for request in resting if (request.grade, request.term) == cell]
        asked.sort(key=lambda request: -request.max_rate)
        return Clearing(self._book, cell, asked, now)

    def _loan_of(self, clearing: Clearing, request_id: str | None, where: str) -> Notes | None:
        """What the next loan of an auction should be; None: the user's own rule says."""
        if not self._rules_known:
            return None
        missed, expected = clearing.loan_of(request_id)
        for name in missed:
            self._findings.add("clearing", where, f"{name} has no loan")
        return expected

    def _settle(self) -> None:
        """A loan not followed by unfunded money is the whole of its request."""
        if self._pending is not None:
            event, where = self._pending
            self._pending = None
            self._check(event.loan.request, event, None, where, event.now)

    def _check(
        self,
        request: Request,
        made: e.LoanMade | e.LoanHeld | None,
        rest: e.RequestUnfunded | None,
        where: str,
        now: int,
    ) -> None:
        outcome = _outcome(made, rest)
        where = f"{where} {request.request_id}"
        self._checked["requests"] += 1
        self._checked["notes"] += len(outcome.notes)
        expected = None
        if self._book.rules.call and made is not None:
            if self._clearing is None:
                self._clearing = self._clear((request.grade, request.term), now)
            self._cleared.append(made.loan)
            expected = self._loan_of(self._clearing, request.request_id, where)
        promise = self._promises.resting.pop(request.request_id, None)
        if promise is None and request.request_id in self._requests:
            self._findings.add("duplicate_request", where)
        self._requests.add(request.request_id)
        if made is not None and not outcome.notes:
            self._findings.add("principal", where, "a loan without notes")
        record = _request_record(request)
        if promise is not None and made is not None:
            until = made.until if isinstance(made, e.LoanHeld) else None
            if until != (None if promise.hold_for is None else now + promise.hold_for):
                self._findings.add("not_as_promised", where, f"held until {until}")
        if promise is not None and not isinstance(promise.time_in_force, Immediate):
            draws = self._keep(promise, outcome, where, now)
        else:
            draws = check_outcome(
                self._book,
                record,
                outcome,
                now=now,
                where=where,
                findings=self._findings,
                expected=expected,
            )
        if isinstance(made, e.LoanHeld):
            self._promises.hold(request.request_id, HeldLoan(made, record, draws))

    def _keep(
        self, promise: Promise, outcome: Outcome, where: str, now: int
    ) -> list[tuple[Part, int]]:
        """The loan of a request that rested is what was committed to it."""
        entries = promise.ranked()
        promised = [(entry.part.offer.offer_id, entry.amount) for entry in entries]
        early = isinstance(promise.time_in_force, Auction) or outcome.unfunded
        deadline = promise.deadline
        if sorted(promised) != sorted((note.offer_id, note.amount) for note in outcome.notes):
            self._findings.add("not_as_promised", where, "the notes are not what was committed")
        elif early and deadline is not None and now < deadline:
            self._findings.add("not_as_promised", where, f"before it closes at {deadline}")
        elif (
            promise.closes(now)
            and self._rules_known
            and self._promises.at_close(promise)
            != [(entry.place, entry.amount) for entry in entries]
        ):
            self._findings.add("not_as_promised", where, "not the largest loan that shares allow")
        else:
            asks = [entry.ask for entry in entries]
            check_promised(self._book, promise.request, outcome, asks, where, self._findings)
        self._book.book_loan(promise.request, outcome.notes)
        return [(entry.part, entry.amount) for entry in entries]

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
        self._book.repay(event.request_id, _shared(event.amount, left))

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
            e.LoansMade: _loans,
            e.LoanHeld: _loan,
            e.RequestRests: _rests,
            e.MoneyCommitted: _committed,
            e.MoneyReleased: _given_back,
            e.CommitmentsDisplaced: _given_back,
            e.CellUncrossed: _uncrossed,
            e.RequestUnfunded: _unfunded,
            e.LenderLimitsSet: _lender_limits,
            e.BorrowerLimitsSet: _borrower_limits,
            e.GroupDeclared: _group,
            e.LoanRepaid: _repaid,
            e.TimeAdvanced: _time,
        }
    )


def _limits(limits: Limits) -> Mapping[str, int | None]:
    return attrs.asdict(limits)


def _shared(amount: int, left: list[int]) -> list[int]:
    """Split by what is left; units left over go to the largest remainders, then the earlier."""
    whole = sum(left)
    parts = [amount * part // whole for part in left]
    by_remainder = sorted(range(len(left)), key=lambda i: (-(amount * left[i] % whole), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def _outcome(made: e.LoanMade | e.LoanHeld | None, rest: e.RequestUnfunded | None) -> Outcome:
    """What the one or two events about a request say."""
    unfunded, reason = (0, None) if rest is None else (rest.amount, rest.reason)
    if made is None:
        return Outcome(0, [], unfunded, reason, None, None)
    loan = made.loan
    notes = [
        NoteRecord(note.offer_id, note.lender_id, note.amount, note.rate, f"note {number}")
        for number, note in enumerate(loan.notes, 1)
    ]
    if not notes or not loan.principal:
        return Outcome(loan.principal, notes, unfunded, reason, None, None)
    rates = loan.rate, loan.marginal_rate, loan.exact_rate
    return Outcome(loan.principal, notes, unfunded, reason, *rates)


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
        own_id=request.request_id,
        borrower_id=request.borrower_id,
        amount=request.amount,
        max_rate=request.max_rate,
        grade=request.grade,
        term=request.term,
        least_amount=request.amount if request.min_amount is None else request.min_amount,
        tags=request.tags,
    )
