"""What the rules give for one request, worked out once more, one offer at a time.

The auditor's reading of docs/concepts.md: rooms, the greatest fixed point of the share caps, the
walk along the ranking, the tail. Knows one allocation rule, first come first served.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import attrs

from p2pmatch.audit.book import Book, OfferRecord, Part, RequestRecord
from p2pmatch.units import FULL_SHARE, MAX_BOOK

__all__ = ["Candidates", "Rooms", "expected_notes", "largest_start", "walk"]

_NO_CAP = 2 * MAX_BOOK


def largest_start(book: Book, request: RequestRecord) -> int:
    """The amount asked, or what the borrower's limit leaves of it."""
    limit = book.borrower_total(request.borrower_id)
    if limit is None:
        return request.amount
    room = max(limit - book.owed[request.borrower_id], 0)
    return min(request.amount, room - room % book.rules.increment)


@attrs.define(eq=False)
class Rooms:
    """What every party may give to one request, before its size is known."""

    book: Book
    request: RequestRecord

    def whole(self, amount: int) -> int:
        """Rounded down to whole increments."""
        return amount - amount % self.book.rules.increment

    def joint(self, lender: str) -> int | None:
        """A lender's joint room; None: no limit in money."""
        book, request = self.book, self.request
        counted = {
            "per_loan": 0,
            "per_borrower": book.to_borrower[lender, request.borrower_id],
            "per_grade": book.in_grade[lender, request.grade],
            "total": book.in_total[lender],
        }
        limits = book.limits_of(lender)
        rooms = [
            limit - counted[name]
            for name in counted
            for limit in [limits.get(name)]
            if limit is not None
        ]
        return self.whole(max(min(rooms), 0)) if rooms else None

    def share(self, lender: str, size: int) -> int | None:
        """The most of a loan of that size one lender may hold; None: no limit."""
        shares = [
            share
            for share in (self.book.rules.max_share, self.book.limits_of(lender).get("max_share"))
            if share is not None
        ]
        return self.whole(min(shares) * size // FULL_SHARE) if shares else None

    def offer_share(self, offer: OfferRecord, size: int) -> int | None:
        """The most of a loan of that size one offer may hold; None: no limit."""
        return None if offer.max_share is None else self.whole(offer.max_share * size // FULL_SHARE)

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
        self._rest = iter(eligible)
        self._pools: dict[str, _Pool] | None = None

    def __iter__(self) -> Iterator[tuple[Part, int]]:
        yield from self._read
        least = self.rooms.book.rules.min_note
        for part in self._rest:
            self.any = True
            lender = part.offer.lender_id
            if lender not in self._joints:
                self._joints[lender] = self.rooms.joint(lender)
            joint = self._joints[lender]
            own = self.rooms.own(part)
            if own >= least and (joint is None or joint >= least):
                self._read.append((part, own))
                yield part, own

    def lender_cap(self, lender: str, size: int) -> int:
        """The most a lender may give to a loan of that size."""
        return _tightest(self._joints[lender], self.rooms.share(lender, size))

    def offer_cap(self, offer: OfferRecord, size: int) -> int:
        """The most an offer, all its parts together, may give to a loan of that size."""
        cap = offer.max_per_loan
        whole = None if cap is None else self.rooms.whole(cap)
        return _tightest(whole, self.rooms.offer_share(offer, size))

    def together(self, size: int) -> int:
        """The most all lenders together could give to a loan of that size; at most `size`."""
        if self._pools is None:
            self._pools = self._pooled()
        total = 0
        for lender, pool in self._pools.items():
            rooms = (min(room, self.offer_cap(offer, size)) for offer, room in pool.shared)
            total += min(pool.plain + sum(rooms), self.lender_cap(lender, size))
        return min(total, size)

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


def expected_notes(candidates: Candidates) -> tuple[list[tuple[Part, int]], str | None]:
    """The notes that the rules give, and why not all of the request is funded.

    The loan is as large as can be placed whole, or not made.
    """
    request = candidates.rooms.request
    size = largest_start(candidates.rooms.book, request)
    reason = None if size == request.amount else "borrower_limit"
    if size < request.least_amount:
        return [], reason
    while size >= max(request.least_amount, 1):
        placed, notes = walk(candidates, size)
        if placed == size:
            return notes, reason
        # Only when the walk falls short does it matter what all together could give.
        together = candidates.together(size)
        if together == size:
            size = placed
        while together < size:
            size, together = together, candidates.together(together)
        reason = "not_enough_room"
    return [], "below_min_amount" if candidates.any else "no_eligible_offer"


def walk(candidates: Candidates, size: int) -> tuple[int, list[tuple[Part, int]]]:
    """Fill a loan of `size` along the ranking; what was placed, and the notes."""
    least = candidates.rooms.book.rules.min_note
    left: dict[str, int] = {}
    lent: dict[str, int] = {}
    notes: list[tuple[Part, int]] = []
    missing = size
    for part, own in candidates:
        offer = part.offer
        lender = offer.lender_id
        if lender not in left:
            left[lender] = candidates.lender_cap(lender, size)
        cap = candidates.offer_cap(offer, size) - lent.get(offer.offer_id, 0)
        room = min(own, cap, left[lender])
        given = min(room, missing)
        if given >= least:
            notes.append((part, given))
            lent[offer.offer_id] = lent.get(offer.offer_id, 0) + given
            left[lender] -= given
            missing -= given
            if not missing:
                break
        elif given == missing:
            return _bring_up(notes, part, missing, size, enough=room >= least, least=least)
    return size - missing, notes


def _bring_up(
    notes: list[tuple[Part, int]], last: Part, tail: int, size: int, *, enough: bool, least: int
) -> tuple[int, list[tuple[Part, int]]]:
    """Make a last note that is too small large enough at the cost of the dearest, or drop it."""
    lacking = least - tail
    if not enough or sum(given - least for _, given in notes) < lacking:
        return size - tail, notes
    lessened = []
    for part, given in reversed(notes):
        spared = min(lacking, given - least)
        lacking -= spared
        lessened.append((part, given - spared))
    return size, [*reversed(lessened), (last, least)]
