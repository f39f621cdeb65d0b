"""The engine and its twin, driven together: every result and the whole state are compared."""

from collections.abc import Callable
from typing import Any

from p2pmatch import (
    Auction,
    BorrowerLimits,
    Limits,
    Listing,
    Marketplace,
    Offer,
    P2PMatchError,
    Request,
    Rules,
)
from p2pmatch.events import CellUncrossed, Event, RequestUnfunded
from p2pmatch.reasons import REASONS
from tests.model import Model, Outcome, Refusal


def rows(loan: Any) -> list[tuple[str, str, int, int]]:
    """A loan's notes as the twin writes them."""
    return [] if loan is None else [(n.offer_id, n.lender_id, n.amount, n.rate) for n in loan.notes]


def reason_is_known(event: Event) -> None:
    """Whatever the engine says of money it did not find, a table says what it means."""
    if isinstance(event, RequestUnfunded):
        assert event.reason in REASONS
    if isinstance(event, CellUncrossed):
        assert {reason for _, _, reason in event.turned_away} <= REASONS.keys()


class Pair:
    """Each call does the same to both, and raises AssertionError where they differ."""

    def __init__(self, rules: Rules, market: Marketplace | None = None) -> None:
        self.rules = rules
        self.market = Marketplace(rules) if market is None else market
        self.model = Model(rules)
        self.offers: list[str] = []
        self.requests: list[str] = []
        self.parties: set[str] = set()
        self.refused = 0
        self.checked: set[str] = set()
        self.market.subscribe(reason_is_known)

    @property
    def loans(self) -> list[str]:
        """The requests that have loans."""
        return list(self.model.debts)

    def post(self, offer: Offer, now: int) -> None:
        self.parties.add(offer.lender_id)
        done = self._both(
            lambda: self.market.post(offer, now=now), lambda: self.model.post(offer, now)
        )
        if done:
            self.offers.append(offer.offer_id)

    def post_many(self, offers: list[Offer], now: int) -> None:
        """All by columns on the one side, one by one on the other."""
        columns = offer_columns(offers)
        done = self._both(
            lambda: self.market.post_many(columns, now=now),
            lambda: self.model.post_many(offers, now),
        )
        if done:
            self.offers += [offer.offer_id for offer in offers]
            self.parties |= {offer.lender_id for offer in offers}

    def amend(self, offer_id: str, changes: dict[str, Any], now: int) -> None:
        self._both(
            lambda: self.market.amend(offer_id, now=now, **changes),
            lambda: self.model.amend(offer_id, changes, now),
        )

    def cancel(self, offer_id: str, now: int) -> None:
        self._both(
            lambda: self.market.cancel(offer_id, now=now), lambda: self.model.cancel(offer_id, now)
        )

    def submit(self, request: Request, now: int, hold_for: int | None = None) -> None:
        """Quote first: it changes nothing, and submitting then gives what it said."""
        self.parties.add(request.borrower_id)
        self.requests.append(request.request_id)
        before = self.market.digest()
        quote = self._try(lambda: self.market.quote(request, now=now))
        said = self._try(lambda: self.model.quote(request, now))
        assert self.market.digest() == before
        if isinstance(said, str):
            assert quote == said
        else:
            assert rows(quote.loan) == said.notes
            assert (quote.unfunded, quote.reason) == (said.unfunded, said.reason)
        got: list[Any] = []
        expected: list[Outcome] = []
        self._both(
            lambda: got.append(self.market.submit(request, now=now, hold_for=hold_for)),
            lambda: expected.append(self.model.submit(request, now, hold_for=hold_for)),
        )
        if not expected:
            assert isinstance(quote, str)
            return
        (result,), (outcome,) = got, expected
        if self.rules.matching == "call":
            assert (result.loan, result.reason) == (None, "resting")
            return
        loan = result.loan if hold_for is None else result.pending
        assert rows(loan) == outcome.notes
        assert (result.unfunded, result.reason) == (outcome.unfunded, outcome.reason)
        if loan is not None:
            assert loan.principal == outcome.principal
            assert loan.rate == outcome.rate
            assert loan.notes.rate_source == outcome.source
        if not isinstance(said, str):
            assert said.notes == outcome.notes

    def rest(
        self, request: Request, kind: str, closes_at: int, now: int, hold_for: int | None
    ) -> None:
        """Let a request rest; what it got is compared with the whole state."""
        self.parties.add(request.borrower_id)
        self.requests.append(request.request_id)
        terms = {"listing": Listing, "auction": Auction}[kind](closes_at)
        got: list[Any] = []
        done = self._both(
            lambda: got.append(
                self.market.submit(request, now=now, time_in_force=terms, hold_for=hold_for)
            ),
            lambda: self.model.submit(request, now, kind, closes_at, hold_for),
        )
        if not done:
            return
        (result,) = got
        if request.request_id in self.model.resting:
            total = self.model.resting[request.request_id].total()
            assert (result.loan, result.pending, result.reason) == (None, None, "resting")
            assert (result.committed, result.unfunded) == (total, request.amount - total)
        else:
            made = result.loan or result.pending
            assert (made.principal, result.committed, result.unfunded) == (request.amount, 0, 0)

    def withdraw(self, request_id: str, now: int) -> None:
        self._both(
            lambda: self.market.withdraw(request_id, now=now),
            lambda: self.model.withdraw(request_id, now),
        )

    def accept(self, request_id: str, now: int) -> None:
        self._both(
            lambda: self.market.accept(request_id, now=now),
            lambda: self.model.accept(request_id, now),
        )

    def decline(self, request_id: str, now: int) -> None:
        self._both(
            lambda: self.market.decline(request_id, now=now),
            lambda: self.model.decline(request_id, now),
        )

    def uncross(self, grade: str, term: int, now: int) -> None:
        got: list[Any] = []
        expected: list[Any] = []
        self._both(
            lambda: got.append(self.market.uncross(grade, term, now=now)),
            lambda: expected.append(self.model.uncross(grade, term, now)),
        )
        for crossed, twin in zip(got, expected, strict=True):
            assert (crossed.rate, crossed.matched) == (twin["rate"], twin["matched"])
            loans = [(loan.request_id, rows(loan)) for loan in crossed.loans]
            assert loans == twin["loans"]
            lent = sum(loan.principal for loan in crossed.loans)
            turned_away = sum(amount for _, amount, _ in crossed.unfunded)
            assert (crossed.volume, crossed.matched) == (lent, lent + turned_away)

    def submit_many(self, requests: list[Request], now: int) -> None:
        """All by columns on the one side, one by one on the other."""
        got: list[Any] = []
        outcomes: list[Outcome] = []
        columns = request_columns(requests)
        self._both(
            lambda: got.extend(self.market.submit_many(columns, now=now)),
            lambda: outcomes.extend(self.model.submit_many(requests, now)),
        )
        for request, result, outcome in zip(requests, got, outcomes, strict=bool(got)):
            self.parties.add(request.borrower_id)
            self.requests.append(request.request_id)
            if self.rules.matching != "call":
                assert rows(result.loan) == outcome.notes
                assert (result.unfunded, result.reason) == (outcome.unfunded, outcome.reason)

    def advance(self, now: int) -> None:
        self._both(lambda: self.market.advance(now), lambda: self.model.advance(now))

    def set_lender_limits(self, lender_id: str, limits: Limits, now: int) -> None:
        self._both(
            lambda: self.market.set_lender_limits(lender_id, limits, now=now),
            lambda: self.model.set_lender_limits(lender_id, limits, now),
        )

    def set_borrower_limits(self, borrower_id: str, limits: BorrowerLimits, now: int) -> None:
        self._both(
            lambda: self.market.set_borrower_limits(borrower_id, limits, now=now),
            lambda: self.model.set_borrower_limits(borrower_id, limits, now),
        )

    def declare_group(self, borrower_id: str, members: set[str], now: int) -> None:
        self._both(
            lambda: self.market.declare_group(borrower_id, members, now=now),
            lambda: self.model.declare_group(borrower_id, members, now),
        )

    def repay(self, request_id: str, amount: int, now: int) -> None:
        self._both(
            lambda: self.market.repay(request_id, amount, now=now),
            lambda: self.model.repay(request_id, amount, now),
        )

    def _try(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (P2PMatchError, Refusal) as refusal:
            return refusal.code

    def _both(self, real: Callable[[], Any], twin: Callable[[], Any]) -> bool:
        """Do both; they refuse together with the same code, and the engine is then unchanged."""
        before = self.market.digest()
        expected = self._try(twin)
        got = self._try(real)
        if isinstance(expected, str):
            assert got == expected
            assert self.market.digest() == before
            self.refused += 1
            return False
        assert not isinstance(got, str), got
        self.compare()
        return True

    def compare(self) -> None:
        """The whole state, as far as either shows it."""
        market, model = self.market, self.model
        market.check()
        assert market.now == model.now
        assert [
            (
                o.offer_id,
                o.lender_id,
                o.amount,
                o.remaining,
                o.committed,
                o.lent,
                o.cancelled,
                o.state,
            )
            for o in market.offers()
        ] == model.offers()
        assert [
            (
                r.request.request_id,
                r.state,
                r.deadline,
                [(n.offer_id, n.lender_id, n.amount, n.rate) for n in r.notes],
            )
            for r in market.requests()
        ] == model.waiting()
        for request_id in model.debts.keys() - self.checked:
            assert rows(market.loan(request_id)) == model.loan(request_id)
            self.checked.add(request_id)
        for grade, term in self.rules.cells:
            queue = [
                (e.offer_id, e.lender_id, e.rate, e.remaining) for e in market.queue(grade, term)
            ]
            assert queue == model.queue(grade, term)
            ladder = market.ladder(grade, term)
            depth = list(zip(ladder.rates.tolist(), ladder.available.tolist(), strict=True))
            assert depth == model.ladder(grade, term)
        for party in sorted(self.parties):
            exposure = market.exposure(party)
            assert (
                exposure.total,
                dict(exposure.by_grade),
                dict(exposure.by_borrower),
                exposure.committed,
            ) == model.exposure(party)
            assert market.borrower_outstanding(party) == model.borrower_outstanding(party)


def offer_columns(offers: list[Offer]) -> dict[str, list[Any]]:
    """Offers without rate cards, as columns."""
    return {
        "offer_id": [o.offer_id for o in offers],
        "lender_id": [o.lender_id for o in offers],
        "amount": [o.amount for o in offers],
        "min_rate": [o.min_rate for o in offers],
        "grades": ["|".join(sorted(o.grades or ())) for o in offers],
        "terms": [sorted(o.terms or ()) for o in offers],
        "max_per_loan": [o.max_per_loan for o in offers],
        "max_share": [o.max_share for o in offers],
        "requires": ["|".join(sorted(o.requires)) for o in offers],
        "refuses": [tuple(o.refuses) for o in offers],
        "expires_at": [o.expires_at for o in offers],
    }


def request_columns(requests: list[Request]) -> dict[str, list[Any]]:
    """Requests as columns."""
    return {
        "request_id": [r.request_id for r in requests],
        "borrower_id": [r.borrower_id for r in requests],
        "amount": [r.amount for r in requests],
        "max_rate": [r.max_rate for r in requests],
        "grade": [r.grade for r in requests],
        "term": [r.term for r in requests],
        "min_amount": [r.min_amount for r in requests],
        "tags": ["|".join(sorted(r.tags)) for r in requests],
        "expires_at": [r.expires_at for r in requests],
    }
