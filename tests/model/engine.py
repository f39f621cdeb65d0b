"""The twin's marketplace: the same calls, refused or answered from the rules alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import attrs

from tests.model.book import Commitment, Debt, Held, Owed, Part, Resting, Standing
from tests.model.sharing import lot, share
from tests.model.sweep import Lender, Notes, Place, Sweep, floor_to

LIMITS = ("per_loan", "per_borrower", "per_grade", "total")
Cell = tuple[str, int]


class Refusal(Exception):
    """The twin refuses: `code` is what the engine must say as well."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Outcome:
    """What became of a request: notes are (offer_id, lender_id, amount, rate)."""

    notes: list[tuple[str, str, int, int]] = field(default_factory=list)
    unfunded: int = 0
    reason: str | None = None
    source: str = ""

    @property
    def principal(self) -> int:
        return sum(note[2] for note in self.notes)

    @property
    def rate(self) -> int | None:
        if not self.notes:
            return None
        mean = Fraction(sum(note[2] * note[3] for note in self.notes), self.principal)
        return math.floor(mean + Fraction(1, 2))


class Model:
    """An order book in plain Python."""

    def __init__(self, rules: Any) -> None:
        self.rules = rules
        self.increment = rules.increment
        self.least = rules.increment if rules.min_note is None else rules.min_note
        self.now: int | None = None
        self.arrivals = 0
        self.request_arrivals = 0
        self.book: dict[str, Standing] = {}
        self.debts: dict[str, Debt] = {}
        self.request_ids: set[str] = set()
        self.resting: dict[str, Resting] = {}
        self.held: dict[str, Held] = {}
        self.lender_limits: dict[str, Any] = {}
        self.borrower_limits: dict[str, Any] = {}
        self.groups: dict[str, frozenset[str]] = {}
        # The cells, and the requests, to be asked before the command is over.
        self.stirred: set[Cell] = set()
        self.fresh: set[str] = set()

    # Commands

    def post(self, offer: Any, now: int) -> None:
        self._check_time(now)
        self._check_cells(offer)
        if offer.expires_at is not None and offer.expires_at <= now:
            raise Refusal("already_expired")
        if offer.offer_id in self.book:
            raise Refusal("duplicate_id")
        self._begin(now)
        self._post(offer)
        self._settle()

    def post_many(self, offers: list[Any], now: int) -> None:
        """One after the other; none if one cannot."""
        self._check_time(now)
        if any(offer.expires_at is not None and offer.expires_at <= now for offer in offers):
            raise Refusal("already_expired")
        self._begin(now)
        for offer in offers:
            self._post(offer)
            self._settle()
        self._settle()

    def _post(self, offer: Any) -> None:
        part = Part(offer.amount, offer.amount, self._next_arrival())
        self.book[offer.offer_id] = Standing(offer, [part])
        self.stirred |= set(self._cells(self.book[offer.offer_id]))

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
        self._begin(now)
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
        if less < 0 or any(part.remaining >= self.least for part in old.parts):
            self.stirred |= set(self._cells(old))
        self._settle()

    def cancel(self, offer_id: str, now: int) -> None:
        self._check_time(now)
        self._standing(offer_id, now)
        self._begin(now)
        self._close_offer(offer_id, "cancelled")
        self._settle()

    def submit(
        self,
        request: Any,
        now: int,
        kind: str = "immediate",
        closes_at: int | None = None,
        hold_for: int | None = None,
    ) -> Outcome:
        """What an immediate request gets at once; for one that rests, nothing yet."""
        self._check_request(request, now)
        if closes_at is not None:
            if self.rules.matching == "call":
                raise Refusal("contradiction")
            if closes_at <= now:
                raise Refusal("already_expired")
            if request.expires_at is not None and closes_at > request.expires_at:
                raise Refusal("contradiction")
        self._begin(now)
        self.request_ids.add(request.request_id)
        outcome = Outcome()
        if self.rules.matching == "call" or kind != "immediate":
            if self.rules.matching == "call":
                kind, closes_at = "call", request.expires_at
            self.resting[request.request_id] = Resting(
                request, kind, closes_at, hold_for, self._next_request()
            )
            self.fresh.add(request.request_id)
        else:
            outcome, commitments = self._match(request)
            if commitments:
                self._commit(commitments)
                self._lend(request, commitments, outcome, hold_for)
        self._settle()
        return outcome

    def submit_many(self, requests: list[Any], now: int) -> list[Outcome]:
        """One after the other; none if one cannot."""
        self._check_time(now)
        for request in requests:
            self._check_request(request, now)
        return [self.submit(request, now) for request in requests]

    def quote(self, request: Any, now: int) -> Outcome:
        """On a copy of nothing: it only reads, at a later time perhaps."""
        self._check_request(request, now)
        deadlines = [resting.deadline for resting in self.resting.values()]
        deadlines += [held.until for held in self.held.values()]
        if any(deadline is not None and deadline <= now for deadline in deadlines):
            raise Refusal("advance_first")
        if self.rules.matching == "call":
            return Outcome(unfunded=request.amount, reason="resting")
        return self._match(request, now)[0]

    def withdraw(self, request_id: str, now: int) -> None:
        self._check_time(now)
        resting = self.resting.get(request_id)
        if resting is None or (resting.deadline is not None and resting.deadline <= now):
            raise Refusal("not_waiting" if request_id in self.request_ids else "unknown_request")
        self._begin(now)
        self._release(resting.held)
        del self.resting[request_id]
        self._settle()

    def accept(self, request_id: str, now: int) -> None:
        held = self._waiting_loan(request_id, now)
        self._begin(now)
        del self.held[request_id]
        self._make(held.request, held.held, held.rates)
        self._settle()

    def decline(self, request_id: str, now: int) -> None:
        held = self._waiting_loan(request_id, now)
        self._begin(now)
        del self.held[request_id]
        self._release(held.held)
        self._settle()

    def _waiting_loan(self, request_id: str, now: int) -> Held:
        self._check_time(now)
        held = self.held.get(request_id)
        if held is None or held.until <= now:
            raise Refusal("not_waiting" if request_id in self.request_ids else "unknown_request")
        return held

    def advance(self, now: int) -> None:
        self._check_time(now)
        self._begin(now)
        self._settle()

    def set_lender_limits(self, lender_id: str, limits: Any, now: int) -> None:
        self._check_time(now)
        for name in LIMITS:
            value = getattr(limits, name)
            if value is not None and value < self.least:
                raise Refusal("contradiction")
        self._begin(now)
        self.lender_limits[lender_id] = limits
        self._settle(everybody=True)

    def set_borrower_limits(self, borrower_id: str, limits: Any, now: int) -> None:
        self._check_time(now)
        self._begin(now)
        self.borrower_limits[borrower_id] = limits
        self._settle(everybody=True)

    def declare_group(self, borrower_id: str, members: Any, now: int) -> None:
        self._check_time(now)
        self._begin(now)
        self.groups[borrower_id] = frozenset(members)
        self._settle(everybody=True)

    def repay(self, request_id: str, amount: int, now: int) -> None:
        self._check_time(now)
        debt = self.debts.get(request_id)
        if debt is None:
            raise Refusal("unknown_request")
        if debt.left() == 0:
            raise Refusal("loan_repaid")
        if amount > debt.left():
            raise Refusal("above_outstanding")
        self._begin(now)
        # Largest remainder, one unit at a time.
        whole = debt.left()
        exact = [Fraction(amount * note.left, whole) for note in debt.notes]
        parts = [share_of.numerator // share_of.denominator for share_of in exact]
        while sum(parts) < amount:
            lacking = [share_of - part for share_of, part in zip(exact, parts, strict=True)]
            parts[lacking.index(max(lacking))] += 1
        for note, part in zip(debt.notes, parts, strict=True):
            note.left -= part
        self._settle(everybody=True)

    def uncross(self, grade: str, term: int, now: int) -> dict[str, Any]:
        """The call auction of docs/concepts.md, unit by unit of the increment where it matters."""
        self._check_time(now)
        if grade not in self.rules.grades:
            raise Refusal("unknown_grade")
        if term not in self.rules.terms:
            raise Refusal("unknown_term")
        if self.rules.matching != "call":
            raise Refusal("not_a_call_market")
        self._begin(now)
        cell = (grade, term)
        places = self._ranking(cell)
        for place in places:
            place.remaining = floor_to(place.remaining, self.increment)
        asked = sorted(
            (r for r in self.resting.values() if (r.request.grade, r.request.term) == cell),
            key=Resting.rank,
        )
        volume, rate, parts = self._cross(places, asked)
        matched = self._matched(places, volume, f"call {grade} {term} {now}")
        volume_lent = 0
        loans = []
        for resting in asked:
            if resting.request.request_id not in parts:
                continue
            request = resting.request
            part = parts[request.request_id]
            start = min(part, self._borrower_room(request))
            least_amount = request.amount if request.min_amount is None else request.min_amount
            pool = [p for p in matched if p.remaining >= 1 and self._eligible(p, request)]
            notes: Notes = []
            if start >= least_amount:
                notes = self._sweep(request, pool).run(start, least_amount)
            if not notes:
                continue
            for place, amount in notes:
                next(p for p in matched if p.rank == place.rank).remaining -= amount
            commitments = [commitment(place, amount) for place, amount in notes]
            self._commit(commitments)
            rows = [(c.offer_id, c.lender_id, c.amount, rate or 0) for c in commitments]
            del self.resting[request.request_id]
            self._lend(request, commitments, Outcome(rows), resting.hold_for)
            loans.append((request.request_id, rows))
            volume_lent += sum(row[2] for row in rows)
        self._settle()
        return {"rate": rate if loans else None, "matched": volume, "loans": loans}

    def _cross(
        self, places: list[Place], asked: list[Resting]
    ) -> tuple[int, int | None, dict[str, int]]:
        """Line both sides up, unit by unit of the increment, until nobody drops out."""
        line = list(asked)
        while True:
            asks = [p.rate for p in places for _ in range(p.remaining // self.increment)]
            bids = [r for r in line for _ in range(r.request.amount // self.increment)]
            units = 0
            while units < min(len(asks), len(bids)) and asks[units] <= bids[units].request.max_rate:
                units += 1
            parts: dict[str, int] = {}
            for resting in bids[:units]:
                name = resting.request.request_id
                parts[name] = parts.get(name, 0) + self.increment
            short = [
                r
                for r in line
                if parts.get(r.request.request_id, 0) > 0
                and parts[r.request.request_id] < (r.request.min_amount or r.request.amount)
            ]
            if not short:
                break
            line.remove(short[-1])
        if units == 0:
            return 0, None, {}
        low, high = asks[units - 1], bids[units - 1].request.max_rate
        if units < len(bids):
            low = max(low, bids[units].request.max_rate)
        if units < len(asks):
            high = min(high, asks[units])
        rate = low + math.floor(self.rules.clearing_point * (high - low))
        return units * self.increment, rate, parts

    def _matched(self, places: list[Place], volume: int, name: str) -> list[Place]:
        """The places with the money of theirs that is matched: the last rate is shared."""
        left = volume
        for rate in sorted({place.rate for place in places}):
            level = [place for place in places if place.rate == rate]
            rooms = [place.remaining for place in level]
            if sum(rooms) <= left:
                left -= sum(rooms)
                continue
            rule = self.rules.allocation
            parts = [0] * len(rooms)
            if left and rule == "fifo":
                parts = _in_order(left, rooms, list(range(len(rooms))), self.least)
            elif left and type(rule).__name__ == "Lottery":
                lots = [lot(rule.seed, name, place.offer_id) for place in level]
                order = sorted(range(len(level)), key=lambda row: (lots[row], row))
                parts = _in_order(left, rooms, order, self.least)
            elif left:
                parts = share(rule, left, rooms, self.increment, self.least)
            for place, part in zip(level, parts, strict=True):
                place.remaining = part
            left = 0
        return [place for place in places if place.remaining]

    # What can be read

    def offers(self) -> list[tuple[Any, ...]]:
        """(id, lender, amount, remaining, committed, lent, cancelled, state), as posted."""
        return [
            (
                offer_id,
                offer.record.lender_id,
                offer.amount(),
                offer.remaining(),
                offer.committed(),
                offer.amount() - offer.remaining() - offer.committed() - offer.cancelled,
                offer.cancelled,
                offer.state,
            )
            for offer_id, offer in self.book.items()
        ]

    def waiting(self) -> list[tuple[Any, ...]]:
        """(id, state, deadline, [(offer, lender, amount, rate)]): by rank; then held ones by id."""
        rows: list[tuple[Any, ...]] = []
        for resting in sorted(self.resting.values(), key=Resting.rank):
            notes = [(c.offer_id, c.lender_id, c.amount, c.rank[0]) for c in resting.held]
            rows.append((resting.request.request_id, "resting", resting.deadline, notes))
        for request_id, held in sorted(self.held.items()):
            notes = [
                (c.offer_id, c.lender_id, c.amount, rate)
                for c, rate in zip(held.held, held.rates, strict=True)
            ]
            rows.append((request_id, "held", held.until, notes))
        return rows

    def loan(self, request_id: str) -> list[tuple[str, str, int, int]]:
        notes = self.debts[request_id].notes
        return [(note.offer_id, note.lender_id, note.amount, note.rate) for note in notes]

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

    def exposure(self, lender_id: str) -> tuple[int, dict[str, int], dict[str, int], int]:
        """What a lender has outstanding: total, by grade, by borrower; and what it committed."""
        by_grade: dict[str, int] = {}
        by_borrower: dict[str, int] = {}
        for debt, note in self._notes_of(lender_id):
            if note.left:
                by_grade[debt.grade] = by_grade.get(debt.grade, 0) + note.left
                by_borrower[debt.borrower_id] = by_borrower.get(debt.borrower_id, 0) + note.left
        committed = sum(c.amount for _, c in self._committed() if c.lender_id == lender_id)
        return sum(by_grade.values()), by_grade, by_borrower, committed

    def borrower_outstanding(self, borrower_id: str) -> int:
        return sum(d.left() for d in self.debts.values() if d.borrower_id == borrower_id)

    # Matching

    def _match(self, request: Any, now: int | None = None) -> tuple[Outcome, list[Commitment]]:
        """What a request that is matched at once gets."""
        now = self.now if now is None else now
        least_amount = request.amount if request.min_amount is None else request.min_amount
        start = self._borrower_room(request)
        standing = self._ranking((request.grade, request.term), now)
        eligible = [place for place in standing if self._eligible(place, request)]
        notes: Notes = []
        if start >= least_amount:
            notes = self._sweep(request, eligible).run(start, least_amount)
        commitments = [commitment(place, amount) for place, amount in notes]
        outcome = Outcome()
        if notes:
            outcome = self._priced(request, commitments, [], now)
        principal = outcome.principal
        outcome.unfunded = request.amount - principal
        posted = getattr(self.rules.pricing, "rates", None)
        if start < least_amount or (notes and principal == start < request.amount):
            outcome.reason = "borrower_limit"
        elif notes:
            outcome.reason = None if principal == request.amount else "not_enough_room"
        else:
            outcome.reason = self._why_nothing(request, standing, eligible, posted)
        return outcome, commitments

    def _why_nothing(
        self, request: Any, standing: list[Place], eligible: list[Place], posted: Any
    ) -> str:
        if posted is not None:
            rate = posted.get((request.grade, request.term))
            if rate is None:
                return "no_posted_rate"
            if rate > request.max_rate:
                return "below_posted_rate"
        if not standing:
            return "empty_book"
        return "below_min_amount" if eligible else "no_eligible_offer"

    def _sweep(
        self, request: Any, places: list[Place], held: list[Commitment] | None = None
    ) -> Sweep:
        """Places and limits of a request; what is `held` for it does not count against them."""
        rule = self.rules.allocation
        if type(rule).__name__ == "Lottery":
            places = sorted(
                places,
                key=lambda p: (p.rate, lot(rule.seed, request.request_id, p.offer_id), p.rank[1]),
            )
            rule = "lottery"
        elif type(rule).__name__ == "Fifo":
            rule = "fifo"
        lenders = {p.lender_id: self._lender(p.lender_id, request, held or []) for p in places}
        return Sweep(places, lenders, self.increment, self.least, rule)

    def _priced(
        self, request: Any, money: list[Commitment], held: list[Commitment], now: int | None
    ) -> Outcome:
        """The notes with the rates of the pricing rule."""
        pricing = self.rules.pricing
        asks = [c.rank[0] for c in money]
        source = "own_ask"
        rates = asks
        if pricing == "uniform_marginal":
            rates, source = [max(asks)] * len(asks), "marginal"
        elif pricing == "midpoint":
            rates = [(ask + request.max_rate) // 2 for ask in asks]
            source = "midpoint"
        elif pricing == "uniform_first_rejected":
            left = self._left_out(request, money, held, now)
            source = "max_rate" if left is None else "first_rejected"
            rate = request.max_rate if left is None else max(left, *asks)
            rates = [rate] * len(asks)
        elif pricing != "pay_as_offered":
            rates = [pricing.rates[request.grade, request.term]] * len(asks)
            source = "posted"
        rows = [
            (c.offer_id, c.lender_id, c.amount, rate) for c, rate in zip(money, rates, strict=True)
        ]
        return Outcome(rows, source=source)

    def _left_out(
        self, request: Any, money: list[Commitment], held: list[Commitment], now: int | None
    ) -> int | None:
        """The rate of the best eligible room that a loan leaves unused."""
        size = sum(c.amount for c in money)
        sweep = self._sweep(request, self._with_held(request, held, now), held)
        lent: dict[str, int] = {}
        for c in money:
            lent[c.lender_id] = lent.get(c.lender_id, 0) + c.amount
        whole: dict[str, int] = {}
        for place in sorted(sweep.places, key=lambda p: p.rank):
            own = sweep.own_room(place)
            cap = sweep.offer_cap(place, size)
            if cap is not None:
                own = min(own, cap - whole.get(place.offer_id, 0))
            whole[place.offer_id] = whole.get(place.offer_id, 0) + own
            given = sum(c.amount for c in money if c.rank == place.rank)
            room = own - given
            cap = sweep.lender_cap(place.lender_id, size)
            if cap is not None:
                room = min(room, cap - lent.get(place.lender_id, 0))
            if room >= (self.increment if given else self.least):
                return place.rate
        return None

    def _ranking(self, cell: Cell, now: int | None = None) -> list[Place]:
        """All parts that stand in a cell with money for a note: by rate, then by arrival."""
        places = []
        for offer_id, offer in self.book.items():
            if cell not in self._cells(offer) or (now is not None and self._due(offer, now)):
                continue
            for number, part in enumerate(offer.parts):
                if part.remaining >= self.least:
                    places.append(self._place(offer_id, number, cell, part.remaining))
        return sorted(places, key=lambda place: place.rank)

    def _place(self, offer_id: str, number: int, cell: Cell, money: int) -> Place:
        offer = self.book[offer_id]
        part = offer.parts[number]
        record = offer.record
        rate = offer.rate(cell[0])
        posted = getattr(self.rules.pricing, "rates", None)
        if posted is not None:
            rate = max(rate, posted.get(cell, 0))
        rank = rate, part.moved.get(cell, part.arrival)
        return Place(
            offer_id, number, record.lender_id, rank, money, record.max_per_loan, record.max_share
        )

    def _with_held(
        self, request: Any, held: list[Commitment], now: int | None = None
    ) -> list[Place]:
        """The eligible places as if nothing were committed: commitments at their old rank."""
        cell = request.grade, request.term
        free = {p.rank: p for p in self._ranking(cell, now) if self._eligible(p, request)}
        places = []
        for c in held:
            offer = self.book[c.offer_id]
            record = offer.record
            place = Place(
                c.offer_id,
                c.part,
                c.lender_id,
                c.rank,
                c.amount,
                record.max_per_loan,
                record.max_share,
            )
            free.pop(c.rank, None)
            open_still = offer.state == "standing" and not self._due(offer, now or 0)
            if cell in self._cells(offer) and open_still:
                now_there = self._place(c.offer_id, c.part, cell, offer.parts[c.part].remaining)
                if now_there.rank == c.rank and self._eligible(now_there, request):
                    place.remaining += now_there.remaining
            places.append(place)
        return sorted([*free.values(), *places], key=lambda place: place.rank)

    def _eligible(self, place: Place, request: Any) -> bool:
        """Step 1, but for the time."""
        record = self.book[place.offer_id].record
        barred = {request.borrower_id} | self.groups.get(request.borrower_id, frozenset())
        highest = request.max_rate
        posted = getattr(self.rules.pricing, "rates", None)
        if posted is not None:
            rate = posted.get((request.grade, request.term))
            highest = -1 if rate is None or rate > highest else rate
        return (
            place.rate <= highest
            and record.requires <= request.tags
            and not record.refuses & request.tags
            and place.lender_id not in barred
        )

    def _lender(self, lender_id: str, request: Any, held: list[Commitment]) -> Lender:
        """Step 2: the lender's joint room, and the shares that bind it."""
        counted = {"per_loan": 0, "per_borrower": 0, "per_grade": 0, "total": 0}

        def count(grade: str, borrower_id: str, amount: int) -> None:
            counted["total"] += amount
            if grade == request.grade:
                counted["per_grade"] += amount
            if borrower_id == request.borrower_id:
                counted["per_borrower"] += amount

        for debt, note in self._notes_of(lender_id):
            count(debt.grade, debt.borrower_id, note.left)
        for other, c in self._committed():
            if c.lender_id == lender_id:
                count(other.grade, other.borrower_id, c.amount)
        for c in held:
            if c.lender_id == lender_id:
                count(request.grade, request.borrower_id, -c.amount)
        rooms = []
        for name in LIMITS:
            limit = self._limit(lender_id, name)
            if limit is not None:
                rooms.append(max(floor_to(limit - counted[name], self.increment), 0))
        shares = [self.rules.max_share, self._limit(lender_id, "max_share")]
        return Lender(
            min(rooms) if rooms else None,
            [share_ppm for share_ppm in shares if share_ppm is not None],
        )

    def _limit(self, lender_id: str, name: str) -> int | None:
        own = self.lender_limits.get(lender_id)
        value = None if own is None else getattr(own, name)
        return getattr(self.rules.lender_limits, name) if value is None else value

    def _borrower_room(self, request: Any, held: int = 0) -> int:
        own = self.borrower_limits.get(request.borrower_id)
        limit = None if own is None else own.total
        if limit is None:
            limit = self.rules.borrower_limits.total
        if limit is None:
            return request.amount
        owed = self.borrower_outstanding(request.borrower_id) - held
        owed += sum(
            c.amount for other, c in self._committed() if other.borrower_id == request.borrower_id
        )
        return min(request.amount, floor_to(max(limit - owed, 0), self.increment))

    def _notes_of(self, lender_id: str) -> Iterator[tuple[Debt, Owed]]:
        for debt in self.debts.values():
            for note in debt.notes:
                if note.lender_id == lender_id:
                    yield debt, note

    def _committed(self) -> Iterator[tuple[Any, Commitment]]:
        for waiting in [*self.resting.values(), *self.held.values()]:
            for c in waiting.held:
                yield waiting.request, c

    # Over time

    def _settle(self, *, everybody: bool = False) -> None:
        """Resting requests meet what has come free, in rank order; from the first again when one
        of them gives something back."""
        if everybody:
            self.stirred |= set(self.rules.cells)
        while self.stirred or self.fresh:
            stirred, fresh = self.stirred, self.fresh
            self.stirred, self.fresh = set(), set()
            for resting in sorted(self.resting.values(), key=Resting.rank):
                request = resting.request
                if (request.grade, request.term) in stirred or request.request_id in fresh:
                    self._meet(resting)
                    if self.stirred:
                        break

    def _meet(self, resting: Resting) -> None:
        request = resting.request
        largest = self._borrower_room(request, resting.total())
        if resting.kind == "listing":
            missing = largest - resting.total()
            places = [
                p
                for p in self._ranking((request.grade, request.term))
                if self._eligible(p, request)
            ]
            if missing <= 0:
                return
            sweep = self._sweep(request, places, resting.held)
            sweep.fixed = [(as_place(c), c.amount) for c in resting.held]
            _, notes = sweep.allocate(missing, largest)
            new = [commitment(place, part) for place, part in notes[len(resting.held) :] if part]
            if not new:
                return
            for c, (_, kept) in zip(list(resting.held), notes, strict=False):
                self._give_back(c, c.amount - kept)
                c.amount = kept
            self._commit(new)
            resting.held = joined([*resting.held, *new])
            if resting.total() == request.amount:
                # Priced as if nothing of it were in the book any more.
                outcome = self._priced(request, resting.held, resting.held, self.now)
                del self.resting[request.request_id]
                self._lend(request, resting.held, outcome, resting.hold_for)
        if resting.kind == "auction":
            sweep = self._sweep(
                request, self._with_held(request, resting.held, self.now), resting.held
            )
            _, notes = sweep.allocate(largest, largest)
            best = [commitment(place, part) for place, part in notes if part]
            if (money(best), -interest(best)) <= (money(resting.held), -interest(resting.held)):
                return
            before, resting.held = resting.held, []
            for c in before:
                after = sum(b.amount for b in best if b.rank == c.rank)
                self._give_back(c, c.amount - min(after, c.amount))
            for b in best:
                had = sum(c.amount for c in before if c.rank == b.rank)
                if b.amount > had:
                    self._commit([attrs_like(b, b.amount - had)])
            resting.held = joined(best)

    def _close_request(self, request_id: str) -> None:
        """The time of a request that rests is up."""
        resting = self.resting[request_id]
        request = resting.request
        del self.resting[request_id]
        if resting.kind == "call":
            return
        least_amount = request.amount if request.min_amount is None else request.min_amount
        places = [as_place(c) for c in resting.held]
        for place in places:
            place.max_share = self.book[place.offer_id].record.max_share
        lenders = {
            c.lender_id: Lender(None, self._lender(c.lender_id, request, []).shares)
            for c in resting.held
        }
        rule = self.rules.allocation
        if type(rule).__name__ == "Lottery":
            places.sort(key=lambda p: (p.rate, lot(rule.seed, request_id, p.offer_id), p.rank[1]))
            rule = "lottery"
        sweep = Sweep(places, lenders, self.increment, self.least, rule)
        notes = sweep.run(resting.total(), max(least_amount, 1)) if places else []
        if not notes:
            self._release(resting.held)
            return
        lent = joined([commitment(place, part) for place, part in notes])
        if money(lent) == resting.total():
            lent = resting.held
        held_before = [attrs_like(c, c.amount) for c in resting.held]
        # While it is priced, all of it is still committed.
        self.resting[request_id] = resting
        outcome = self._priced(request, lent, held_before, self.now)
        del self.resting[request_id]
        for c in resting.held:
            kept = sum(b.amount for b in lent if b.rank == c.rank)
            self._give_back(c, c.amount - kept)
        self._lend(request, lent, outcome, resting.hold_for)

    def _lend(
        self, request: Any, commitments: list[Commitment], outcome: Outcome, hold_for: int | None
    ) -> None:
        """A loan of committed money: made, or it waits for a yes."""
        rates = [note[3] for note in outcome.notes]
        if hold_for is None:
            self._make(request, commitments, rates)
        else:
            assert self.now is not None
            self.held[request.request_id] = Held(
                request, self.now + hold_for, self._next_request(), commitments, rates
            )

    def _make(self, request: Any, commitments: list[Commitment], rates: list[int]) -> None:
        notes = []
        for c, rate in zip(commitments, rates, strict=True):
            self.book[c.offer_id].parts[c.part].committed -= c.amount
            notes.append(Owed(c.offer_id, c.lender_id, c.amount, rate, c.amount))
        self.debts[request.request_id] = Debt(request.borrower_id, request.grade, notes)

    def _commit(self, commitments: list[Commitment]) -> None:
        for c in commitments:
            part = self.book[c.offer_id].parts[c.part]
            part.remaining -= c.amount
            part.committed += c.amount

    def _release(self, commitments: list[Commitment]) -> None:
        for c in commitments:
            self._give_back(c, c.amount)

    def _give_back(self, c: Commitment, amount: int) -> None:
        """Money goes back to its offer at its old place; out of the book if that has left it."""
        if amount == 0:
            return
        offer = self.book[c.offer_id]
        part = offer.parts[c.part]
        part.committed -= amount
        if offer.state == "standing":
            part.remaining += amount
        else:
            offer.cancelled += amount
        self.stirred |= set(self.rules.cells)

    # Time, guards

    def _begin(self, now: int) -> None:
        """The clock moves: what is due leaves the book, requests close, loans lapse."""
        self.now = now
        for offer_id, offer in self.book.items():
            if offer.state == "standing" and self._due(offer, now):
                self._close_offer(offer_id, "expired")
        while True:
            due: list[tuple[int, tuple[int, int], str]] = []
            for request_id, resting in self.resting.items():
                if resting.deadline is not None and resting.deadline <= now:
                    due.append((resting.deadline, resting.rank(), request_id))
            for request_id, held in self.held.items():
                if held.until <= now:
                    due.append((held.until, held.rank(), request_id))
            if not due:
                return
            request_id = min(due)[2]
            if request_id in self.resting:
                self._close_request(request_id)
            else:
                self._release(self.held.pop(request_id).held)

    def _check_time(self, now: int) -> None:
        if self.now is not None and now < self.now:
            raise Refusal("time_backwards")

    def _check_request(self, request: Any, now: int) -> None:
        self._check_time(now)
        if request.grade not in self.rules.grades:
            raise Refusal("unknown_grade")
        if request.term not in self.rules.terms:
            raise Refusal("unknown_term")
        if request.amount % self.increment:
            raise Refusal("not_multiple")
        if request.request_id in self.request_ids:
            raise Refusal("duplicate_id")
        if request.expires_at is not None and request.expires_at <= now:
            raise Refusal("already_expired")

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

    def _close_offer(self, offer_id: str, state: str) -> None:
        offer = self.book[offer_id]
        offer.cancelled += offer.remaining()
        for part in offer.parts:
            part.remaining = 0
        offer.state = state

    def _cells(self, offer: Standing) -> list[Cell]:
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

    def _next_request(self) -> int:
        self.request_arrivals += 1
        return self.request_arrivals


def _in_order(need: int, rooms: list[int], order: list[int], least: int) -> list[int]:
    """Use the rooms up in that order; a last part too small is brought up, or dropped."""
    parts = [0] * len(rooms)
    for row in order:
        parts[row] = min(rooms[row], need)
        need -= parts[row]
        if 0 < parts[row] < least:
            short = least - parts[row]
            others = [other for other in order if other != row and parts[other]]
            if sum(parts[other] - least for other in others) < short:
                parts[row] = 0
                continue
            for other in reversed(others):
                moved = min(short, parts[other] - least)
                parts[other] -= moved
                short -= moved
            parts[row] = least
    return parts


def commitment(place: Place, amount: int) -> Commitment:
    return Commitment(place.offer_id, place.part, place.lender_id, place.rank, amount)


def attrs_like(c: Commitment, amount: int) -> Commitment:
    return Commitment(c.offer_id, c.part, c.lender_id, c.rank, amount)


def as_place(c: Commitment) -> Place:
    return Place(c.offer_id, c.part, c.lender_id, c.rank, c.amount, None, None)


def joined(commitments: list[Commitment]) -> list[Commitment]:
    """One entry a place, in rank order."""
    sums: dict[tuple[int, int], Commitment] = {}
    for c in sorted(commitments, key=lambda c: c.rank):
        if c.rank in sums:
            sums[c.rank].amount += c.amount
        else:
            sums[c.rank] = attrs_like(c, c.amount)
    return list(sums.values())


def money(commitments: list[Commitment]) -> int:
    return sum(c.amount for c in commitments)


def interest(commitments: list[Commitment]) -> int:
    return sum(c.amount * c.rank[0] for c in commitments)
