"""The engine and its twin, driven together: every result and the whole state are compared."""

from collections.abc import Callable
from typing import Any

from p2pmatch import BorrowerLimits, Limits, Marketplace, Offer, P2PMatchError, Request, Rules
from tests.model import Model, Outcome, Refusal


def rows(loan: Any) -> list[tuple[str, str, int, int]]:
    """A loan's notes as the twin writes them."""
    return [] if loan is None else [(n.offer_id, n.lender_id, n.amount, n.rate) for n in loan.notes]


class Pair:
    """Each call does the same to both, and raises AssertionError where they differ."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.market = Marketplace(rules)
        self.model = Model(rules)
        self.offers: list[str] = []
        self.loans: list[str] = []
        self.parties: set[str] = set()
        self.refused = 0

    def post(self, offer: Offer, now: int) -> None:
        self.parties.add(offer.lender_id)
        done = self._both(
            lambda: self.market.post(offer, now=now), lambda: self.model.post(offer, now)
        )
        if done:
            self.offers.append(offer.offer_id)

    def post_many(self, offers: list[Offer], now: int) -> None:
        """All by columns on the one side, one by one on the other (these offers are sound)."""
        self.market.post_many(offer_columns(offers), now=now)
        for offer in offers:
            self.model.post(offer, now)
            self.offers.append(offer.offer_id)
            self.parties.add(offer.lender_id)
        if not offers:
            self.model.advance(now)
        self.compare()

    def amend(self, offer_id: str, changes: dict[str, Any], now: int) -> None:
        self._both(
            lambda: self.market.amend(offer_id, now=now, **changes),
            lambda: self.model.amend(offer_id, changes, now),
        )

    def cancel(self, offer_id: str, now: int) -> None:
        self._both(
            lambda: self.market.cancel(offer_id, now=now), lambda: self.model.cancel(offer_id, now)
        )

    def submit(self, request: Request, now: int) -> None:
        """Quote first: it changes nothing, and submitting then gives what it said."""
        self.parties.add(request.borrower_id)
        before = self.market.digest()
        quote = self._try(lambda: self.market.quote(request, now=now))
        assert self.market.digest() == before
        got: list[Any] = []
        expected: list[Outcome] = []
        self._both(
            lambda: got.append(self.market.submit(request, now=now)),
            lambda: expected.append(self.model.submit(request, now)),
        )
        if not expected:
            assert isinstance(quote, str)
            return
        (result,), (outcome,) = got, expected
        assert rows(result.loan) == outcome.notes
        assert (result.unfunded, result.reason) == (outcome.unfunded, outcome.reason)
        if result.loan is not None:
            assert result.loan.principal == outcome.principal
            assert result.loan.rate == outcome.rate
            self.loans.append(request.request_id)
        assert rows(quote.loan) == outcome.notes
        assert (quote.unfunded, quote.reason) == (result.unfunded, result.reason)

    def submit_many(self, requests: list[Request], now: int) -> None:
        results = self.market.submit_many(request_columns(requests), now=now)
        for request, result in zip(requests, results, strict=True):
            outcome = self.model.submit(request, now)
            assert rows(result.loan) == outcome.notes
            assert (result.unfunded, result.reason) == (outcome.unfunded, outcome.reason)
            self.parties.add(request.borrower_id)
            if result.loan is not None:
                self.loans.append(request.request_id)
        if requests:
            self.compare()

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
            (o.offer_id, o.lender_id, o.amount, o.remaining, o.lent, o.cancelled, o.state)
            for o in market.offers()
        ] == model.offers()
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
    }
