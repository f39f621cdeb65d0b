"""What the twin says of the choices before a match: reasons for lacking money, places in the queue."""

import copy
from typing import Any

import attrs

from tests.model.book import Commitment
from tests.model.engine import Model
from tests.model.sweep import Place, Sweep

#: The order in which reasons are lifted.
REASONS = (
    "rate",
    "borrower_limit",
    "tags",
    "same_party",
    "max_share",
    "offer_max_per_loan",
    "offer_max_share",
    "per_loan",
    "per_borrower",
    "per_grade",
    "total",
    "below_min_note",
)


class Lifted(Model):
    """A twin in which some reasons not to lend do not count."""

    lifted: set[str]

    def largest_loan(self, request: Any, now: int) -> int:
        """What the request would get if it took any part of its amount."""
        if "rate" in self.lifted:
            request = attrs.evolve(request, max_rate=10_000_000)
        start = self._borrower_room(request)
        cell = request.grade, request.term
        places = [p for p in self._ranking(cell, now) if self._eligible(p, request)]
        return sum(part for _, part in self._sweep(request, places).run(start, 1))

    def _eligible(self, place: Place, request: Any) -> bool:
        record = self.book[place.offer_id].record
        if "tags" in self.lifted:
            request = attrs.evolve(request, tags=record.requires)
        if "same_party" not in self.lifted:
            return super()._eligible(place, request)
        other = attrs.evolve(request, borrower_id=f"not {place.lender_id}")
        return super()._eligible(place, other)

    def _limit(self, lender_id: str, name: str) -> int | None:
        return None if name in self.lifted else super()._limit(lender_id, name)

    def _borrower_room(self, request: Any, held: int = 0) -> int:
        if "borrower_limit" in self.lifted:
            return int(request.amount)
        return super()._borrower_room(request, held)

    def _sweep(
        self, request: Any, places: list[Place], held: list[Commitment] | None = None
    ) -> Sweep:
        for place in places:
            if "offer_max_per_loan" in self.lifted:
                place.max_per_loan = None
            if "offer_max_share" in self.lifted:
                place.max_share = None
        least, rules = self.least, self.rules
        if "below_min_note" in self.lifted:
            self.least = self.increment
        if "max_share" in self.lifted:
            self.rules = attrs.evolve(rules, max_share=None)
        sweep = super()._sweep(request, places, held)
        self.least, self.rules = least, rules
        return sweep


def shortfalls(model: Model, request: Any, now: int) -> list[tuple[str, int]]:
    """What each reason costs a request: lifted one after the other, each charged with what it adds."""
    principal = model.quote(request, now).principal
    missing = request.amount - principal
    if not missing:
        return []
    if model.rules.matching == "call":
        return [("resting", missing)]
    posted = getattr(model.rules.pricing, "rates", None)
    if posted is not None and (request.grade, request.term) not in posted:
        return [("no_posted_rate", missing)]
    other = copy.copy(model)
    other.__class__ = Lifted
    assert isinstance(other, Lifted)
    other.lifted = set()
    steps = [("below_min_amount", other.largest_loan(request, now))]
    for reason in REASONS:
        other.lifted.add(reason)
        steps.append((reason, other.largest_loan(request, now)))
    found = []
    reached = principal
    for reason, placed in steps:
        if placed > reached:
            found.append((reason, placed - reached))
            reached = placed
    if reached < request.amount:
        found.append(("empty_book", request.amount - reached))
    return found


def filled_rate(
    loans: list[tuple[Any, list[tuple[str, str, int, int]]]],
    offer: Any,
    remaining: int,
    groups: Any,
) -> int | None:
    """The highest rate above which these loans, (request, notes), lent an offer's money, by trial."""
    rates = {note[3] for _, notes in loans for note in notes}
    for rate in sorted((rate - 1 for rate in rates if rate), reverse=True):
        taken = 0
        for request, notes in loans:
            parties = {request.borrower_id} | groups.get(request.borrower_id, frozenset())
            if offer.lender_id in parties or not offer.requires <= request.tags:
                continue
            if offer.refuses & request.tags:
                continue
            above = sum(note[2] for note in notes if note[3] > rate)
            caps = [above]
            if offer.max_per_loan is not None:
                caps.append(offer.max_per_loan)
            if offer.max_share is not None:
                caps.append(offer.max_share * sum(note[2] for note in notes) // 1_000_000)
            taken += min(caps)
        if taken >= remaining:
            return rate
    return None
