"""What the rules give for one request, worked out once more, one offer at a time.

The auditor's reading of section 2: rooms, the greatest fixed point of the share caps, the walk
along the ranking, the tail. Knows one allocation rule, first come first served.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import attrs

from p2pmatch.audit.book import Book, OfferRecord, Part, RequestRecord

__all__ = ["Rooms", "expected_notes", "largest_start"]

_WHOLE = 1_000_000


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
        return self.whole(min(shares) * size // _WHOLE) if shares else None

    def offer_share(self, offer: OfferRecord, size: int) -> int | None:
        """The most of a loan of that size one offer may hold; None: no limit."""
        return None if offer.max_share is None else self.whole(offer.max_share * size // _WHOLE)

    def own(self, part: Part) -> int:
        """One part's own room."""
        cap = part.offer.max_per_loan
        return self.whole(part.remaining if cap is None else min(part.remaining, cap))


@attrs.define(eq=False)
class _Purse:
    """What one party may still give to the loan; None: no cap."""

    left: int | None

    def allow(self, amount: int) -> int:
        return amount if self.left is None else min(amount, self.left)

    def take(self, amount: int) -> None:
        if self.left is not None:
            self.left -= amount


class _Candidates:
    """The parts that may take part, with their own room, read from the ranking as far as needed."""

    def __init__(self, rooms: Rooms, eligible: Iterable[Part]) -> None:
        self.rooms = rooms
        self.joints: dict[str, int | None] = {}
        self._read: list[tuple[Part, int]] = []
        self._rest = iter(eligible)

    def __iter__(self) -> Iterator[tuple[Part, int]]:
        yield from self._read
        least = self.rooms.book.rules.min_note
        for part in self._rest:
            lender = part.offer.lender_id
            if lender not in self.joints:
                self.joints[lender] = self.rooms.joint(lender)
            joint = self.joints[lender]
            own = self.rooms.own(part)
            if own >= least and (joint is None or joint >= least):
                self._read.append((part, own))
                yield part, own


class _Purses:
    """What each offer, over its parts, and each lender may still give to a loan of one size."""

    def __init__(self, candidates: _Candidates, size: int) -> None:
        self._rooms = candidates.rooms
        self._joints = candidates.joints
        self._size = size
        self._offers: dict[str, _Purse] = {}
        self._lenders: dict[str, _Purse] = {}

    def offer(self, offer: OfferRecord) -> _Purse:
        """The purse of an offer."""
        if offer.offer_id not in self._offers:
            cap = offer.max_per_loan
            share = self._rooms.offer_share(offer, self._size)
            caps = (None if cap is None else self._rooms.whole(cap), share)
            self._offers[offer.offer_id] = _Purse(_minimum(caps))
        return self._offers[offer.offer_id]

    def lender(self, lender: str) -> _Purse:
        """The purse of a lender."""
        if lender not in self._lenders:
            caps = (self._joints[lender], self._rooms.share(lender, self._size))
            self._lenders[lender] = _Purse(_minimum(caps))
        return self._lenders[lender]


def _minimum(caps: Iterable[int | None]) -> int | None:
    return min((cap for cap in caps if cap is not None), default=None)


def expected_notes(
    rooms: Rooms, eligible: Iterable[Part], start: int, least_amount: int
) -> list[tuple[Part, int]]:
    """The notes that the rules give: the loan is as large as can be placed whole, or not made."""
    candidates = _Candidates(rooms, eligible)
    size = start
    while size >= least_amount and size > 0:
        placed, notes = _walk(candidates, size)
        if placed == size:
            return notes
        # Only when the walk falls short does it matter what all together could give.
        together = _together(candidates, size)
        size = together if together < size else placed
    return []


def _walk(candidates: _Candidates, size: int) -> tuple[int, list[tuple[Part, int]]]:
    """Fill a loan of `size` along the ranking; what was placed, and the notes."""
    least = candidates.rooms.book.rules.min_note
    purses = _Purses(candidates, size)
    notes: list[tuple[Part, int]] = []
    missing = size
    for part, own in candidates:
        offer, lender = purses.offer(part.offer), purses.lender(part.offer.lender_id)
        room = lender.allow(offer.allow(own))
        given = min(room, missing)
        if given >= least:
            notes.append((part, given))
            offer.take(given)
            lender.take(given)
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


def _together(candidates: _Candidates, size: int) -> int:
    """The most all lenders together could give to a loan of that size."""
    purses = _Purses(candidates, size)
    by_lender: defaultdict[str, int] = defaultdict(int)
    for part, room in candidates:
        share = candidates.rooms.offer_share(part.offer, size)
        offer = purses.offer(part.offer)
        own = offer.allow(room if share is None else min(room, share))
        offer.take(own)
        by_lender[part.offer.lender_id] += own
    return sum(purses.lender(lender).allow(room) for lender, room in by_lender.items())
