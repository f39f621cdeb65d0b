"""What the rules give for one request, worked out once more, one offer at a time.

The auditor's reading of docs/concepts.md: rooms, the greatest fixed point of the share caps, the
walk along the ranking, the last rate shared by the allocation rule, the tail.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import attrs

from p2pmatch.audit.book import Book, OfferRecord, Part, RequestRecord
from p2pmatch.audit.sharing import lot, shared
from p2pmatch.units import FULL_SHARE, MAX_BOOK

__all__ = [
    "Candidates",
    "Rooms",
    "expected_notes",
    "largest_start",
    "rate_left_out",
    "walk",
]

_NO_CAP = 2 * MAX_BOOK

# Parts of offers, and what each gives.
Notes = list[tuple[Part, int]]


def largest_start(book: Book, request: RequestRecord, held: int = 0) -> int:
    """The amount asked, or what the borrower's limit leaves of it; `held` does not count twice."""
    limit = book.borrower_total(request.borrower_id)
    if limit is None:
        return request.amount
    room = max(limit - book.owed[request.borrower_id] + held, 0)
    return min(request.amount, room - room % book.rules.increment)


@attrs.define(eq=False)
class Rooms:
    """What every party may give to one request, before its size is known.

    `held` is what is committed to the request already, by lender: it does not count twice.
    """

    book: Book
    request: RequestRecord
    held: Mapping[str, int] = attrs.field(factory=dict)

    def whole(self, amount: int) -> int:
        """Rounded down to whole increments."""
        return amount - amount % self.book.rules.increment

    def joint(self, lender: str) -> int | None:
        """A lender's joint room; None: no limit in money."""
        rooms = [room for _, room in self.by_limit(lender)]
        return self.whole(max(min(rooms), 0)) if rooms else None

    def by_limit(self, lender: str) -> Iterator[tuple[str, int]]:
        """What each of a lender's limits in money leaves."""
        book, request = self.book, self.request
        held = self.held.get(lender, 0)
        counted = {
            "per_loan": 0,
            "per_borrower": book.to_borrower[lender, request.borrower_id] - held,
            "per_grade": book.in_grade[lender, request.grade] - held,
            "total": book.in_total[lender] - held,
        }
        limits = book.limits_of(lender)
        for name, amount in counted.items():
            limit = limits.get(name)
            if limit is not None:
                yield name, limit - amount

    def share_of(self, lender: str) -> int | None:
        """The most of a loan one lender may hold, ppm of it; None: no limit."""
        shares = (self.book.rules.max_share, self.book.limits_of(lender).get("max_share"))
        return min((share for share in shares if share is not None), default=None)

    def share(self, lender: str, size: int) -> int | None:
        """The most of a loan of that size one lender may hold; None: no limit."""
        return self._part(self.share_of(lender), size)

    def offer_share(self, offer: OfferRecord, size: int) -> int | None:
        """The most of a loan of that size one offer may hold; None: no limit."""
        return self._part(offer.max_share, size)

    def _part(self, share: int | None, size: int) -> int | None:
        return None if share is None else self.whole(share * size // FULL_SHARE)

    def own(self, part: Part) -> int:
        """One part's own room."""
        cap = part.offer.max_per_loan
        return self.whole(part.remaining if cap is None else min(part.remaining, cap))


@attrs.define(eq=False)
class _Pool:
    """What one lender's offers have in all: those without a share cap, and each that has one."""

    plain: int = 0
    shared: list[tuple[OfferRecord, int]] = attrs.field(factory=list)


class Candidates:
    """The parts that may take part, with their own room, read from the ranking as far as needed."""

    def __init__(self, rooms: Rooms, eligible: Iterable[Part]) -> None:
        self.rooms = rooms
        self.any = False  # whether one was eligible, with or without room
        self._joints: dict[str, int | None] = {}
        self._read: list[tuple[Part, int]] = []
        allocation = rooms.book.rules.allocation
        if allocation.name == "lottery":
            eligible = _by_lot(rooms, eligible, allocation.seed)
        self._rest = iter(eligible)
        self._pools: dict[str, _Pool] | None = None

    def __iter__(self) -> Iterator[tuple[Part, int]]:
        yield from self._read
        least = self.rooms.book.rules.min_note
        for part in self._rest:
            self.any = True
            joint = self._joint(part.offer.lender_id)
            own = self.rooms.own(part)
            if own >= least and (joint is None or joint >= least):
                self._read.append((part, own))
                yield part, own

    def lender_cap(self, lender: str, size: int) -> int:
        """The most a lender may give to a loan of that size."""
        return _tightest(self._joint(lender), self.rooms.share(lender, size))

    def _joint(self, lender: str) -> int | None:
        """A lender's joint room, worked out once."""
        if lender not in self._joints:
            self._joints[lender] = self.rooms.joint(lender)
        return self._joints[lender]

    def offer_cap(self, offer: OfferRecord, size: int) -> int:
        """The most an offer, all its parts together, may give to a loan of that size."""
        cap = offer.max_per_loan
        whole = None if cap is None else self.rooms.whole(cap)
        return _tightest(whole, self.rooms.offer_share(offer, size))

    def settled(self, size: int) -> int:
        """The largest loan, up to that size, to which all lenders together could give all of it.

        At each size they give a fixed sum and some shares of the loan; of a smaller loan they give
        no more than that sum and those shares, so the steps may be long.
        """
        while True:
            start = size
            fixed, shares = self._given(size)
            free = FULL_SHARE - sum(share * count for share, count in shares.items())
            if free > 0:
                size = min(size, self.rooms.whole(fixed * FULL_SHARE // free))
            while (given := fixed + self._sum_of(size, shares)) < size:
                size = given
            if size == start:
                return size

    def _sum_of(self, size: int, shares: Mapping[int, int]) -> int:
        """Shares of a loan in money, each made whole and counted so many times."""
        whole = self.rooms.whole
        return sum(whole(share * size // FULL_SHARE) * count for share, count in shares.items())

    def _given(self, size: int) -> tuple[int, Counter[int]]:
        """What all together could give to a loan of that size: a sum, and shares of it, ppm."""
        if self._pools is None:
            self._pools = self._pooled()
        fixed, shares = 0, Counter[int]()
        for lender, pool in self._pools.items():
            offers_fixed, offers_shares = pool.plain, Counter[int]()
            for offer, room in pool.shared:
                part = self.offer_cap(offer, size)
                if part == self.rooms.offer_share(offer, size) and part < room:
                    offers_shares[offer.max_share or 0] += 1
                else:
                    offers_fixed += min(room, part)
            least = offers_fixed + self._sum_of(size, offers_shares)
            joint, share = self._joint(lender), self.rooms.share_of(lender)
            if joint is not None and joint < least:
                least, offers_fixed, offers_shares = joint, joint, Counter()
            if share is not None and self.rooms.whole(share * size // FULL_SHARE) < least:
                offers_fixed, offers_shares = 0, Counter([share])
            fixed += offers_fixed
            shares += offers_shares
        return fixed, shares

    def _pooled(self) -> dict[str, _Pool]:
        offers: dict[str, tuple[OfferRecord, int]] = {}
        for part, own in self:
            _, before = offers.get(part.offer.offer_id, (part.offer, 0))
            offers[part.offer.offer_id] = part.offer, before + own
        pools: defaultdict[str, _Pool] = defaultdict(_Pool)
        for offer, room in offers.values():
            if offer.max_share is None:
                pools[offer.lender_id].plain += min(room, self.offer_cap(offer, room))
            else:
                pools[offer.lender_id].shared.append((offer, room))
        return pools


def _tightest(one: int | None, other: int | None) -> int:
    """The lesser of two caps; what no money can reach where there is neither."""
    if one is None:
        return _NO_CAP if other is None else other
    return one if other is None else min(one, other)


def expected_notes(candidates: Candidates, start: int | None = None) -> tuple[Notes, str | None]:
    """The notes that the rules give, and why not all of the request is funded.

    The loan is as large as can be placed whole, or not made. It is sought from `start` downwards;
    None: from the amount asked, or what the borrower's limit leaves of it.
    """
    request = candidates.rooms.request
    size = largest_start(candidates.rooms.book, request) if start is None else start
    reason = None if size == request.amount else "borrower_limit"
    if size < request.least_amount:
        return [], reason
    while size >= max(request.least_amount, 1):
        placed, notes = walk(candidates, size)
        if placed == size:
            return notes, reason
        # Only when the walk falls short does it matter what all together could give.
        settled = candidates.settled(size)
        size = settled if settled < size else placed
        reason = "not_enough_room"
    return [], "below_min_amount" if candidates.any else "no_eligible_offer"


def rate_left_out(candidates: Candidates, notes: Notes) -> int | None:
    """The rate at which the next money for a loan of these notes would come; None if none would.

    An offer that lends has room left for an increment more, another for a note.
    """
    book, request = candidates.rooms.book, candidates.rooms.request
    rules, cell = book.rules, (request.grade, request.term)
    ranked: Iterable[tuple[Part, int]] = candidates
    if rules.allocation.name == "lottery":
        # Even in a lottery an offer's parts share its cap in rank order.
        ranked = sorted(candidates, key=lambda entry: book.place(entry[0], cell))
    size = sum(amount for _, amount in notes)
    given = {book.place(part, cell): amount for part, amount in notes}
    lent: Counter[str] = Counter()
    for part, amount in notes:
        lent[part.offer.lender_id] += amount
    of_offer: Counter[str] = Counter()
    for part, own in ranked:
        offer = part.offer
        room = min(own, candidates.offer_cap(offer, size) - of_offer[offer.offer_id])
        of_offer[offer.offer_id] += room
        place = book.place(part, cell)
        already = given.get(place, 0)
        left = min(
            room - already, candidates.lender_cap(offer.lender_id, size) - lent[offer.lender_id]
        )
        if left >= (rules.increment if already else rules.min_note):
            return place[0]
    return None


def _by_lot(rooms: Rooms, eligible: Iterable[Part], seed: int) -> Iterator[Part]:
    """The same parts, those of each rate in the order of their lots."""
    own_id = rooms.request.own_id
    cell = rooms.request.grade, rooms.request.term

    def rate(part: Part) -> int:
        return rooms.book.place(part, cell)[0]

    for _, level in groupby(eligible, rate):
        yield from sorted(level, key=lambda part: lot(seed, own_id, part.offer.offer_id))


def walk(
    candidates: Candidates, target: int, size: int | None = None, fixed: Notes | None = None
) -> tuple[int, Notes]:
    """Place `target` along the ranking; what was placed, and the notes.

    Parameters
    ----------
    size : what shares of the loan are taken of; None: the target.
    fixed : notes that are there already; they lead the notes, and may be lessened by the tail.
    """
    rules = candidates.rooms.book.rules
    rooms = _one_after_the_other(candidates, target if size is None else size, fixed or [])
    way = _walk_in_order if rules.allocation.in_order else _walk_by_rate
    return way(candidates, target, rooms, list(fixed or []))


def _one_after_the_other(
    candidates: Candidates, size: int, fixed: Notes
) -> Iterator[tuple[Part, int]]:
    """Every part's room when those before it give all they can."""
    least = candidates.rooms.book.rules.min_note
    lent: defaultdict[str, int] = defaultdict(int)
    lent_by_offer: defaultdict[str, int] = defaultdict(int)
    for part, given in fixed:
        lent[part.offer.lender_id] += given
        lent_by_offer[part.offer.offer_id] += given
    for part, own in candidates:
        offer = part.offer
        room = min(
            own,
            candidates.offer_cap(offer, size) - lent_by_offer[offer.offer_id],
            candidates.lender_cap(offer.lender_id, size) - lent[offer.lender_id],
        )
        yield part, room
        if room >= least:
            lent[offer.lender_id] += room
            lent_by_offer[offer.offer_id] += room


def _walk_in_order(
    candidates: Candidates, target: int, rooms: Iterator[tuple[Part, int]], notes: Notes
) -> tuple[int, Notes]:
    least = candidates.rooms.book.rules.min_note
    missing = target
    for part, room in rooms:
        given = min(room, missing)
        if given >= least:
            notes.append((part, given))
            missing -= given
            if not missing:
                break
        elif given == missing:
            return _bring_up(notes, part, missing, target, enough=room >= least, least=least)
    return target - missing, notes


def _walk_by_rate(
    candidates: Candidates, target: int, rooms: Iterator[tuple[Part, int]], notes: Notes
) -> tuple[int, Notes]:
    """The rate at which the target is reached is read whole, and shared by the rule."""
    book, request = candidates.rooms.book, candidates.rooms.request
    least = book.rules.min_note
    need = missing = target
    level: Notes = []
    for _, places in groupby(
        rooms, lambda entry: book.place(entry[0], (request.grade, request.term))[0]
    ):
        need, level, reached = missing, [], False
        for part, room in places:
            reached = reached or room >= missing
            if room >= least:
                level.append((part, room))
                missing -= room
        if reached:
            break
        notes += level
        level = []
    if not level:
        return target - missing, notes
    return _share_rate(book, target, need, notes, level)


def _share_rate(
    book: Book, target: int, need: int, notes: Notes, level: Notes
) -> tuple[int, Notes]:
    """Share what is needed of a rate; a rest too small is brought up by the dearest notes."""
    rules = book.rules
    rooms = [room for _, room in level]

    def by_rule(money: int) -> list[int]:
        if money >= sum(rooms):
            return rooms
        return shared(rules.allocation, money, rooms, rules.increment, rules.min_note)

    parts = by_rule(need)
    placed = sum(parts)
    # Those at this rate spare first, until each is the smallest note.
    enough = rules.min_note * (1 + sum(map(bool, parts)))
    if placed < need < enough <= sum(rooms):
        larger = by_rule(enough)
        lessened = _lessened(notes, enough - need, rules.min_note)
        if sum(larger) == enough and lessened is not None:
            parts, placed, notes = larger, need, lessened
    some = ((part, given) for (part, _), given in zip(level, parts, strict=True) if given)
    return target - need + placed, [*notes, *some]


def _bring_up(
    notes: Notes, last: Part, tail: int, size: int, *, enough: bool, least: int
) -> tuple[int, Notes]:
    """Make a last note that is too small large enough at the cost of the dearest, or drop it."""
    lessened = _lessened(notes, least - tail, least) if enough else None
    return (size - tail, notes) if lessened is None else (size, [*lessened, (last, least)])


def _lessened(notes: Notes, lacking: int, least: int) -> Notes | None:
    """The notes with `lacking` taken from the dearest, each stays a note; None: they cannot."""
    if sum(given - least for _, given in notes) < lacking:
        return None
    lessened = []
    for part, given in reversed(notes):
        spared = min(lacking, given - least)
        lacking -= spared
        lessened.append((part, given - spared))
    return lessened[::-1]
