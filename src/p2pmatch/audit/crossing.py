"""What a call auction gives, worked out once more from the book as it was before its first loan."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate

import attrs

from p2pmatch.audit.book import Book, Part, RequestRecord
from p2pmatch.audit.checker import barriers
from p2pmatch.audit.expected import Candidates, Notes, Rooms, expected_notes, largest_start
from p2pmatch.audit.sharing import lot, shared
from p2pmatch.units import MAX_RATE

__all__ = ["Clearing"]

Cell = tuple[str, int]


class Clearing:
    """One cell's auction: where both sides meet, and the matched supply as loans use it up.

    Parameters
    ----------
    book : as it is before the first loan.
    asked : the requests that rest in the cell, by rank.
    now : the time of the auction.

    Attributes
    ----------
    supply, demand, volume : minor units.
    rate : what clears, ppm; None: nothing is matched.
    at_margin : what stands at the last accepted rate, and what of it is allotted, minor units.
    matched : what of the volume each request has, by its id, in rank order.
    """

    def __init__(self, book: Book, cell: Cell, asked: Iterable[RequestRecord], now: int) -> None:
        self.book = book
        self.cell = cell
        self.now = now
        unit = book.rules.increment
        self._places = list(book.ranking(cell, MAX_RATE))
        self._money = [part.remaining - part.remaining % unit for part in self._places]
        self._rates = [book.place(part, cell)[0] for part in self._places]
        self._sums = list(accumulate(self._money))
        self._first = 0
        asked = list(asked)
        self.supply = sum(self._money)
        self.demand = sum(request.amount for request in asked)
        self.matched: dict[str, int] = {}
        self._waiting: deque[RequestRecord] = deque()
        self.volume = 0
        self.rate: int | None = None
        self.at_margin = (0, 0)
        excluded = self._line_up(asked)
        if self.volume:
            self.rate = self._clearing_rate(excluded)
            self._ration()

    def _line_up(self, asked: list[RequestRecord]) -> int | None:
        """Who is matched with how much; the rate of the first unit of demand that is not."""
        for request in asked:
            within = bisect_right(self._rates, request.max_rate)
            most = (self._sums[within - 1] if within else 0) - self.volume
            part = min(request.amount, most)
            if part <= 0:
                return request.max_rate
            if part >= request.least_amount:
                self.matched[request.request_id] = part
                self._waiting.append(request)
                self.volume += part
                if part < request.amount:
                    return request.max_rate
        return None

    def _ask(self, unit: int) -> int:
        """What a unit of supply asks, counted from 1."""
        return self._rates[bisect_left(self._sums, unit)]

    def _clearing_rate(self, excluded: int | None) -> int:
        low = self._ask(self.volume)
        high = self._waiting[-1].max_rate
        if excluded is not None:
            low = max(low, excluded)
        if self.volume < self.supply:
            high = min(high, self._ask(self.volume + 1))
        return low + int(self.book.rules.clearing_point * (high - low))

    def _ration(self) -> None:
        """Leave only what is matched: the last rate is shared, dearer supply is out."""
        last = self._ask(self.volume)
        first, stop = bisect_left(self._rates, last), bisect_right(self._rates, last)
        need = self.volume - sum(self._money[:first])
        level = self._money[first:stop]
        self.at_margin = sum(level), need
        if sum(level) > need:
            level = self._shared(need, level, self._places[first:stop])
        self._money[first:] = [*level, *[0] * (len(self._money) - stop)]

    def _shared(self, need: int, rooms: list[int], places: list[Part]) -> list[int]:
        rules = self.book.rules
        if not rules.allocation.in_order:
            return shared(rules.allocation, need, rooms, rules.increment, rules.min_note)
        order = list(range(len(rooms)))
        if rules.allocation.name == "lottery":
            name = f"call {self.cell[0]} {self.cell[1]} {self.now}"
            lots = [lot(rules.allocation.seed, name, part.offer.offer_id) for part in places]
            order.sort(key=lots.__getitem__)
        parts = [0] * len(rooms)
        given: list[int] = []
        for row in order:
            parts[row] = min(rooms[row], need)
            need -= parts[row]
            if 0 < parts[row] < rules.min_note:
                parts[row] = _brought_up(parts, given, rules.min_note - parts[row], rules.min_note)
            given.append(row)
        return parts

    def loan_of(self, request_id: str | None) -> tuple[list[str], Notes]:
        """The notes of a request's loan, out of what is matched and left; None: no loan follows.

        Returns
        -------
        The requests passed over that should have had a loan before it; its notes.
        """
        missed: list[str] = []
        while self._waiting:
            request = self._waiting.popleft()
            notes = self._notes(request)
            if request.request_id == request_id:
                return missed, notes
            if notes:
                missed.append(request.request_id)
        return missed, []

    def _notes(self, request: RequestRecord) -> Notes:
        while self._first < len(self._money) and not self._money[self._first]:
            self._first += 1
        rows: dict[tuple[int, int], int] = {}
        candidates = Candidates(Rooms(self.book, request), self._left_for(request, rows))
        start = min(largest_start(self.book, request), self.matched[request.request_id])
        expected, _ = expected_notes(candidates, start)
        notes = []
        for part, amount in expected:
            row = rows[self.book.place(part, self.cell)]
            self._money[row] -= amount
            notes.append((self._places[row], amount))
        return notes

    def _left_for(self, request: RequestRecord, rows: dict[tuple[int, int], int]) -> Iterator[Part]:
        """The matched supply that a request may have; `rows` says where each is found."""
        barred = self.book.barred(request.borrower_id)
        for row in range(self._first, len(self._money)):
            part = self._places[row]
            if self._money[row] and not barriers(part.offer, request, self.now, barred):
                rows[self.book.place(part, self.cell)] = row
                yield attrs.evolve(part, remaining=self._money[row])


def _brought_up(parts: list[int], given: list[int], short: int, least: int) -> int:
    """Make a part too small a note at the cost of the others, the last first; or drop it."""
    if sum(parts[row] - least for row in given if parts[row]) < short:
        return 0
    for row in reversed(given):
        moved = min(short, max(parts[row] - least, 0))
        parts[row] -= moved
        short -= moved
    return least
