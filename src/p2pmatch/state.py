"""The whole memory of a marketplace, and the few operations that change it.

Nothing here decides anything: guards and matching only read, and the marketplace's `apply` calls
these operations for events that have been decided.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, islice, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from sortedcontainers import SortedDict

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.caps import BorrowerCaps, LenderCaps
from p2pmatch.chunk import PIECE, Columns, Row
from p2pmatch.coded import grouped
from p2pmatch.columns import OfferColumns
from p2pmatch.commitments import Commitments
from p2pmatch.conditions import NEVER, NO_CAP, NO_SHARE, Place, TagRule, tags_fit, unless
from p2pmatch.errors import InvariantError, UnknownName
from p2pmatch.exposure import Exposure
from p2pmatch.fill import PASSES
from p2pmatch.fill_forms import Kernel
from p2pmatch.keys import arrivals_of, place_key, place_keys
from p2pmatch.ladder import Ladder
from p2pmatch.loans import Loan, Loans
from p2pmatch.offer_names import OfferNames
from p2pmatch.orders import Offer, Request
from p2pmatch.request_columns import ids_of
from p2pmatch.rules import Rules
from p2pmatch.scratch import Scratch
from p2pmatch.table import STANDING, OfferTable
from p2pmatch.taken import Taken
from p2pmatch.waiting import Waiting

__all__ = ["ALL_CELLS", "State"]

# After so many places have lost their money it is seen whether they are half of the ladder; then it
# is rid of them.
_VACANCIES: Final = 512
# For so many sets of tags it is remembered which tag rules they satisfy.
_TAG_SETS: Final = 1024
#: Stands in `stirred` for every cell.
ALL_CELLS: Final = -1


class State:
    """Everything a marketplace knows.

    Attributes
    ----------
    now : the time of the last event; None before the first.
    version : how many events have been applied; what was read at another version is out of date.
    table : the offers, by slot.
    offer_names : their ids by slot, and the slots by id (of an offer in parts, the first).
    parts : for an amended-up offer, first slot -> its slots in order of arrival; `whole_of` the way
        back.
    cards : first slot -> rate card, for offers that have one.
    moved : slot -> {cell: arrival}, for places that went to the back on their own.
    lenders, lender_names : id -> number, and back.
    places, tag_rules : the distinct ones; the table refers to them by position.
    ladders : one per cell, in the order of `rules.cells`.
    posted : the platform's rate by cell, None for a cell without; None if no rates are posted.
    waiting : resting requests, and loans that wait for a yes.
    stirred : cells in which something may have come free since the resting requests were asked.
    fresh : requests that rest and were not asked yet.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.least = rules.smallest_note
        self.allocation = rules.allocation_rule
        self.pricing = rules.pricing_rule
        self.now: int | None = None
        self.version = 0
        self.arrivals = 0
        self.posted_total = 0
        self.table = OfferTable()
        self.offer_names = OfferNames()
        self.parts: dict[int, list[int]] = {}
        self.whole_of: dict[int, int] = {}
        self.cards: dict[int, Mapping[str, int]] = {}
        self.moved: dict[int, dict[int, int]] = {}
        # Without a factory but while many are numbered at once, so that to look one up adds none.
        self.lenders: defaultdict[str, int] = defaultdict(None)
        self.lender_names: list[str] = []
        self.places: list[Place] = []
        self._place_numbers: dict[Place, int] = {}
        self._place_cells: list[tuple[int, ...]] = []
        self.tag_rules: list[TagRule] = []
        self._tag_numbers: dict[TagRule, int] = {}
        self._tags_fit: dict[frozenset[str], tuple[int, bytes, npt.NDArray[np.bool_] | None]] = {}
        self.cells = rules.cells
        self.cell_of = {cell: number for number, cell in enumerate(rules.cells)}
        self.ladders = [Ladder() for _ in rules.cells]
        posted = rules.posted_rates
        self.posted = None if posted is None else [posted.get(cell) for cell in rules.cells]
        self.waiting = Waiting()
        self.stirred: set[int] = set()
        self.fresh: set[str] = set()
        self.shared = False  # whether any offer ever had a max_share
        self.expiries: SortedDict[int, set[int]] = SortedDict()
        self.taken = Taken()
        self.scratch = Scratch(2 * PIECE)
        #: What fills runs of requests (see `p2pmatch.fill_forms`), until somebody sets another.
        self.kernel: Kernel = PASSES
        self.exposure = Exposure(rules.grades)
        self.lender_caps = LenderCaps(rules.lender_limits)
        self.borrower_caps = BorrowerCaps(rules.borrower_limits)
        self.groups: dict[str, frozenset[str]] = {}
        self.requests: set[str] = set()
        self.place_number((None, None))
        self.tag_number((frozenset(), frozenset()))

    # Numbers for names

    def lender_number(self, lender_id: str) -> int:
        """The lender's number; a new one for a lender not seen before."""
        number = self.lenders.setdefault(lender_id, len(self.lender_names))
        if number == len(self.lender_names):
            self.lender_names.append(lender_id)
        return number

    def numbers_of_lenders(self, lender_ids: Sequence[str]) -> Numbers:
        """`lender_number`, for many. O(n), or O(n log n) for very many lenders."""
        groups = grouped(lender_ids)
        if groups is None:
            return self._looked_up(lender_ids)
        distinct, codes = groups
        return self._looked_up(distinct)[codes]

    def _looked_up(self, lender_ids: Sequence[str]) -> Numbers:
        lenders, names = self.lenders, self.lender_names
        lenders.default_factory = count(len(names)).__next__
        found = map(lenders.__getitem__, lender_ids)
        try:
            numbers = np.fromiter(found, dtype=np.int32, count=len(lender_ids))
        finally:
            lenders.default_factory = None
        # A dictionary is in the order in which its keys came.
        new = list(islice(reversed(lenders), len(lenders) - len(names)))
        names.extend(reversed(new))
        return numbers

    def cell(self, grade: str, term: int) -> int:
        """The number of a cell; raises UnknownName unless there is one. O(1)."""
        # A term of 36.0 is found, too, but is none.
        if isinstance(grade, str) and type(term) is int:
            found = self.cell_of.get((grade, term))
            if found is not None:
                return found
        rules = self.rules
        if not isinstance(grade, str) or grade not in rules.grades:
            raise UnknownName("unknown_grade", "grade", grade, f"one of {list(rules.grades)}")
        raise UnknownName("unknown_term", "term", term, f"one of {list(rules.terms)}")

    def place_number(self, place: Place) -> int:
        """The number of a pair (grades, terms)."""
        number = self._place_numbers.setdefault(place, len(self.places))
        if number == len(self.places):
            self.places.append(place)
            self._place_cells.append(self.cells_within(place))
        return number

    def cells_within(self, place: Place) -> tuple[int, ...]:
        """The cells that a pair (grades, terms) stands for. O(cells)."""
        grades, terms = place
        return tuple(
            cell
            for cell, (grade, term) in enumerate(self.cells)
            if (grades is None or grade in grades) and (terms is None or term in terms)
        )

    def tag_number(self, tag_rule: TagRule) -> int:
        """The number of a pair (requires, refuses)."""
        number = self._tag_numbers.setdefault(tag_rule, len(self.tag_rules))
        if number == len(self.tag_rules):
            self.tag_rules.append(tag_rule)
        return number

    def tags_fit(self, tags: frozenset[str]) -> tuple[bytes, npt.NDArray[np.bool_] | None]:
        """Which tag rules a request's tags satisfy, and a pattern that tells it from others.

        None, and no pattern, where they satisfy all. O(1) for tags met before.
        """
        known = self._tags_fit.get(tags)
        if known is None or known[0] != len(self.tag_rules):
            fits = np.array([tags_fit(rule, tags) for rule in self.tag_rules])
            if len(self._tags_fit) == _TAG_SETS:
                self._tags_fit.clear()
            known = (len(fits), b"", None) if fits.all() else (len(fits), fits.tobytes(), fits)
            self._tags_fit[tags] = known
        return known[1], known[2]

    # Reading offers

    def slot_of(self, offer_id: str) -> int:
        """The first slot of an offer that is there. O(log n), as a rule."""
        slot = self.offer_names.find(offer_id)
        if slot is None:
            raise InvariantError(f"no offer {offer_id}")
        return slot

    def slots_of(self, first: int) -> list[int]:
        """The slots of an offer's parts, in order of arrival."""
        return self.parts.get(first, [first])

    def cells_of(self, slot: int) -> tuple[int, ...]:
        """The cells a slot stands in."""
        return self._place_cells[self.table.place.item(slot)]

    def ask_of(self, slot: int, cell: int) -> int:
        """What a slot's offer asks in a cell, ppm."""
        card = self.cards.get(self.whole_of.get(slot, slot)) if self.cards else None
        return self.table.rate.item(slot) if card is None else card[self.cells[cell][0]]

    def key_of(self, slot: int, cell: int) -> int:
        """The key of a slot's place in a cell: offers that ask no more than a posted rate tie."""
        rate = self.ask_of(slot, cell)
        if self.posted is not None:
            rate = max(rate, self.posted[cell] or 0)
        moved = self.moved.get(slot)
        arrival = self.table.arrival.item(slot)
        return place_key(rate, arrival if moved is None else moved.get(cell, arrival))

    def keys_of(self, slots: Numbers, cell: int) -> Amounts:
        """The keys of several slots' places in a cell. O(slots)."""
        return np.array([self.key_of(slot, cell) for slot in slots.tolist()], dtype=np.int64)

    @property
    def any_share(self) -> bool:
        """Whether anybody may lend no more than a share of a loan."""
        caps = self.lender_caps.in_force
        return self.shared or self.rules.max_share is not None or "max_share" in caps

    def highest_rank_rate(self, cell: int, max_rate: int) -> int:
        """The rate in the ranking, ppm, up to which a borrower's highest rate reaches; -1: none."""
        if self.posted is None:
            return max_rate
        posted = self.posted[cell]
        return -1 if posted is None or posted > max_rate else posted

    def amount_of(self, first: int) -> int:
        """An offer's budget: what it brought in all, minor units."""
        return sum(int(self.table.amount[slot]) for slot in self.slots_of(first))

    def remaining_of(self, first: int) -> int:
        """What of an offer's budget is still in the book, minor units."""
        remaining = self.table.remaining
        if first not in self.parts:
            return remaining.item(first)
        return sum(remaining.item(slot) for slot in self.parts[first])

    def offer_of(self, first: int) -> Offer:
        """The offer as it stands, as an object."""
        table = self.table
        grades, terms = self.places[table.place[first]]
        requires, refuses = self.tag_rules[table.tag[first]]
        return Offer(
            offer_id=self.offer_names[first],
            lender_id=self.lender_names[table.lender[first]],
            amount=self.amount_of(first),
            min_rate=self.cards.get(first, int(table.rate[first])),
            grades=grades,
            terms=terms,
            max_per_loan=unless(int(table.cap[first]), NO_CAP),
            max_share=unless(int(table.share[first]), NO_SHARE),
            requires=requires,
            refuses=refuses,
            expires_at=unless(int(table.expires[first]), NEVER),
        )

    def due(self, now: int) -> list[int]:
        """The first slots of standing offers whose time is up at `now`, by (time, posting)."""
        return [
            slot
            for time in self.expiries.irange(maximum=now)
            for slot in sorted(self.expiries[time], key=self.table.arrival.item)
        ]

    # Changing offers

    def post(self, offer: Offer) -> None:
        """Put a new offer at the back of its cells. O(cells * log n)."""
        slot = self._new_slot(offer.offer_id, offer.amount)
        self.table.lender[slot] = self.lender_number(offer.lender_id)
        self._describe(slot, offer)
        self._watch_expiry(slot)
        self._stand(slot)

    def post_many(self, offers: OfferColumns) -> None:
        """Put many new offers at the back of their cells, in the order of the columns.

        Their slots lie place by place and there as they rank, so that what a sweep reads together
        lies together: to look money up here and there is to wait for memory. O(n log n).
        """
        rows = len(offers)
        table = self.table
        first = table.append(rows)
        new = slice(first, first + rows)
        places = np.array([self.place_number(p) for p in offers.places], dtype=np.int32)
        tags = np.array([self.tag_number(t) for t in offers.tag_rules], dtype=np.int32)
        order = _rank_order(offers.min_rates, places[offers.place_codes])
        table.amount[new] = table.remaining[new] = offers.amounts[order]
        table.arrival[new] = self.arrivals + order
        table.cap[new] = offers.max_per_loan[order]
        table.share[new] = offers.max_share[order]
        table.expires[new] = offers.expires_at[order]
        table.rate[new] = offers.min_rates[order]
        table.lender[new] = self.numbers_of_lenders(offers.lender_ids)[order]
        table.place[new] = places[offers.place_codes[order]]
        table.tag[new] = tags[offers.tag_codes[order]]
        self.offer_names.extend(offers.offer_ids, order)
        self.arrivals += rows
        self.posted_total += int(offers.amounts.sum())
        self.shared |= bool((offers.max_share != NO_SHARE).any())
        self._stand_many(new)
        for slot in (first + np.flatnonzero(table.expires[new] != NEVER)).tolist():
            self._watch_expiry(slot)

    def _stand_many(self, new: slice) -> None:
        """Put slots that lie as `post_many` lays them into the ladders of their cells."""
        table = self.table
        columns = (
            place_keys(table.rate[new].astype(np.int64), table.arrival[new]),
            np.arange(new.start, new.stop, dtype=np.int32),
            table.lender[new],
            table.tag[new],
            table.cap[new],
        )
        for cell, rows in self._standing_in(table.place[new]):
            here = tuple(column[rows] for column in columns)
            if isinstance(rows, np.ndarray):
                here = _by_key(here)
            self.ladders[cell].extend(self._ranked(cell, here))
            self.stirred.add(cell)

    def _standing_in(self, lying: Numbers) -> Iterator[tuple[int, slice | Amounts]]:
        """The cells, and which rows stand there, of rows that lie place by place.

        Those of one place as a slice: they are in order.
        """
        begins = np.flatnonzero(np.diff(lying, prepend=-1))
        sizes = np.diff(begins, append=len(lying))
        cells = [self._place_cells[place] for place in lying[begins].tolist()]
        # Every place once for each cell it stands in, then cell by cell: places may be many.
        places = np.repeat(np.arange(len(cells)), list(map(len, cells)))
        into = np.fromiter(chain.from_iterable(cells), dtype=np.int64, count=len(places))
        order = into.argsort(kind="stable")
        edges = [*np.flatnonzero(np.diff(into[order], prepend=-1)).tolist(), len(into)]
        for first, stop in pairwise(edges):
            here = places[order[first:stop]]
            cell = into.item(order.item(first))
            if len(here) == 1:
                begin = begins.item(here.item(0))
                yield cell, slice(begin, begin + sizes.item(here.item(0)))
            else:
                yield cell, _ranges(begins[here], sizes[here])

    def _ranked(self, cell: int, rows: Columns) -> Columns:
        """Rows sorted by key; where the cell has a posted rate, by what they rank at there."""
        if self.posted is None:
            return rows
        bottom = place_key(self.posted[cell] or 0, 0)
        # All keys below it tie at the posted rate: their arrival stays, the rate is lifted.
        keys = np.where(rows[0] < bottom, bottom | arrivals_of(rows[0]), rows[0])
        return _by_key((keys, *rows[1:]))

    def amend(self, offer: Offer) -> None:
        """Make the offer of that id what `offer` says.

        Money taken out comes from the back-most part; money put in is a new part at the back.
        Places whose rate changed, and new ones, go to the back.
        """
        first = self.slot_of(offer.offer_id)
        before = self._rows_of(first)
        old_rates = {cell: self.ask_of(first, cell) for cell in self.cells_of(first)}
        change = offer.amount - self.amount_of(first)
        self._take_out(first, max(-change, 0))
        self._forget_expiry(first)
        for slot in self.slots_of(first):
            self._describe(slot, offer)
        self._watch_expiry(first)
        for slot in self.slots_of(first):
            for cell in self.cells_of(slot):
                if old_rates.get(cell) != self.ask_of(slot, cell):
                    self.moved.setdefault(slot, {})[cell] = self._next_arrival()
        self._rearrange(before, self._rows_of(first))
        if change > 0:
            self._put_in(first, change, offer)

    def close(self, first: int, state: int) -> None:
        """Take what an offer has not lent out of the book: cancelled, or expired."""
        table = self.table
        self._forget_expiry(first)
        for slot in self.slots_of(first):
            table.cancelled[slot] += table.remaining.item(slot)
            table.remaining[slot] = 0
            table.state[slot] = state
            for cell in self.cells_of(slot):
                self._vacate(cell)

    def lend(self, loan: Loan) -> None:
        """Take a new loan's notes out of what is committed to it, or else out of the budgets."""
        notes = loan.notes
        committed = False
        if self.waiting:
            committed = self.waiting.has_commitments(loan.request_id)
            self.waiting.leave(loan.request_id)
        if committed:
            np.subtract.at(self.table.committed, notes.offers, notes.amounts)
        else:
            np.subtract.at(self.table.remaining, notes.offers, notes.amounts)
            self.exposure.count(loan.request, notes.lenders, notes.amounts, loan.principal)
        self.exposure.book(loan)

    def lend_many(self, loans: Loans) -> None:
        """Take loans of requests without commitments out of the budgets."""
        notes = loans.notes
        self.kernel.spend(self.table.remaining, notes.offers, notes.amounts)
        if self.waiting:
            self.waiting.leave_many(ids_of(loans.requests))
        self.exposure.book_many(loans)

    def hold(self, loan: Loan, until: int) -> None:
        """A loan waits for the borrower's yes; its notes' money is committed, if it is not yet."""
        notes = loan.notes
        if self.waiting.has_commitments(loan.request_id):
            keys = self.waiting.resting[loan.request_id].held.keys
        else:
            keys = self.keys_of(notes.offers, self.cell_of[loan.grade, loan.term])
            self._commit(loan.request, notes.offers, notes.lenders, notes.amounts)
        self.waiting.leave(loan.request_id)
        self.waiting.hold(loan, keys, until)

    def commit(self, request_id: str, new: Commitments) -> None:
        """Commit money to a resting request."""
        resting = self.waiting.resting[request_id]
        self._commit(resting.request, new.slots, new.lenders, new.amounts)
        resting.held = resting.held.plus(new)

    def release(self, request_id: str, back: Commitments) -> None:
        """Money committed to a resting request, or to a loan that waits, goes back to its offers.

        At its old place; or, where the offer has left the book, out of the book.
        """
        waiting = self.waiting
        if request_id in waiting.resting:
            resting = waiting.resting[request_id]
            resting.held = resting.held.minus(back)
            request = resting.request
        else:
            request = waiting.held[request_id].loan.request
            waiting.leave(request_id)
        table = self.table
        slots, amounts = back.slots, back.amounts
        np.subtract.at(table.committed, slots, amounts)
        self.exposure.count(request, back.lenders, -amounts, -back.total)
        standing = table.state.take(slots) == STANDING
        np.add.at(table.remaining, slots[standing], amounts[standing])
        np.add.at(table.cancelled, slots[~standing], amounts[~standing])
        for slot in np.unique(slots[standing]).tolist():
            if table.remaining[slot] >= self.least:
                self._stand(slot, again=True)
        self.stir_all()

    def stir_all(self) -> None:
        """Let all resting requests be asked again."""
        self.stirred.add(ALL_CELLS)

    def _commit(self, request: Request, slots: Numbers, lenders: Numbers, amounts: Amounts) -> None:
        np.subtract.at(self.table.remaining, slots, amounts)
        np.add.at(self.table.committed, slots, amounts)
        self.exposure.count(request, lenders, amounts, int(amounts.sum()))

    def declare_group(self, borrower_id: str, members: frozenset[str]) -> None:
        """Bar these parties' offers from the borrower's requests, and no others any more."""
        if members:
            self.groups[borrower_id] = members
        else:
            self.groups.pop(borrower_id, None)

    def parties_of(self, borrower_id: str) -> frozenset[str]:
        """The borrower and its declared group: whose offers its requests never meet."""
        return self.groups.get(borrower_id, frozenset()) | {borrower_id}

    def _new_slot(self, name: str, amount: int, *, part: bool = False) -> int:
        slot = self.table.append(1)
        self.offer_names.append(name, part=part)
        self.table.amount[slot] = self.table.remaining[slot] = amount
        self.table.arrival[slot] = self._next_arrival()
        self.posted_total += amount
        return slot

    def _next_arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals - 1

    def _describe(self, slot: int, offer: Offer) -> None:
        """Write what the offer says, all but its money and its lender, into a slot."""
        table = self.table
        if isinstance(offer.min_rate, int):
            table.rate[slot] = offer.min_rate
            self.cards.pop(slot, None)
        elif self.whole_of.get(slot, slot) == slot:
            table.rate[slot] = 0
            self.cards[slot] = offer.min_rate
        table.place[slot] = self.place_number((offer.grades, offer.terms))
        table.tag[slot] = self.tag_number((offer.requires, offer.refuses))
        table.cap[slot] = NO_CAP if offer.max_per_loan is None else offer.max_per_loan
        table.share[slot] = NO_SHARE if offer.max_share is None else offer.max_share
        table.expires[slot] = NEVER if offer.expires_at is None else offer.expires_at
        self.shared |= offer.max_share is not None

    def _watch_expiry(self, first: int) -> None:
        time = self.table.expires.item(first)
        if time != NEVER:
            self.expiries.setdefault(time, set()).add(first)

    def _forget_expiry(self, first: int) -> None:
        time = self.table.expires.item(first)
        if time != NEVER:
            waiting = self.expiries[time]
            waiting.discard(first)
            if not waiting:
                del self.expiries[time]

    def _stand(self, slot: int, *, again: bool = False) -> None:
        """Put a slot into the ladders of its cells; with `again`, only where it is not there."""
        who = self._who(slot)
        for cell in self.cells_of(slot):
            key = self.key_of(slot, cell)
            if not (again and self.ladders[cell].revive(key)):
                self.ladders[cell].add(key, *who)
            self.stirred.add(cell)

    def _rows_of(self, first: int) -> dict[tuple[int, int], Row]:
        """What the ladders bear of an offer, by slot and cell."""
        return {
            (slot, cell): (self.key_of(slot, cell), *self._who(slot))
            for slot in self.slots_of(first)
            for cell in self.cells_of(slot)
        }

    def _who(self, slot: int) -> tuple[int, int, int, int]:
        """What a ladder bears of a slot beside its key: slot, lender, tag and cap."""
        table = self.table
        return slot, table.lender.item(slot), table.tag.item(slot), table.cap.item(slot)

    def _rearrange(
        self, before: Mapping[tuple[int, int], Row], after: Mapping[tuple[int, int], Row]
    ) -> None:
        """Have in the ladders what they are to bear of an offer, as far as it has money."""
        remaining, least = self.table.remaining, self.least
        for (slot, cell), row in before.items():
            if after.get((slot, cell)) != row or remaining[slot] < least:
                self.ladders[cell].remove(row[0])
        for (slot, cell), row in after.items():
            if remaining[slot] >= least:
                if before.get((slot, cell)) != row:
                    self.ladders[cell].add(*row)
                self.stirred.add(cell)

    def _vacate(self, cell: int) -> None:
        """Note that a place has lost its money; tidy the ladder when half of it has."""
        ladder = self.ladders[cell]
        ladder.vacated += 1
        # Counting the rows is not free, so it is done now and then.
        if ladder.vacated % _VACANCIES == 0 and 2 * ladder.vacated >= len(ladder):
            ladder.sweep_out(self.table.remaining, self.least)

    def _take_out(self, first: int, amount: int) -> None:
        table = self.table
        for slot in reversed(self.slots_of(first)):
            part = min(amount, int(table.remaining[slot]))
            table.amount[slot] -= part
            table.remaining[slot] -= part
            amount -= part

    def _put_in(self, first: int, amount: int, offer: Offer) -> None:
        """Add a part at the back; parts too small for a note give it what they have left."""
        table = self.table
        least = self.least
        gathered = 0
        for slot in self.slots_of(first):
            dust = int(table.remaining[slot])
            if dust < least:
                table.amount[slot] -= dust
                table.remaining[slot] = 0
                gathered += dust
        slot = self._new_slot(offer.offer_id, amount + gathered, part=True)
        self.posted_total -= gathered
        self.parts.setdefault(first, [first]).append(slot)
        self.whole_of[slot] = first
        table.lender[slot] = table.lender[first]
        table.joint[[first, slot]] = True
        self._describe(slot, offer)
        self._stand(slot)


def _rank_order(rates_ppm: Amounts, places: Numbers) -> npt.NDArray[np.int64]:
    """The rows place by place, and inside a place by rate, then as they come. O(n log n)."""
    # Numbers are sorted several times as quickly as positions by them.
    keys = place_keys(rates_ppm, np.arange(len(rates_ppm)))
    keys.sort()
    order = arrivals_of(keys)
    if len(places) and (places == places[0]).all():
        return order
    return order[places[order].argsort(kind="stable")]


def _ranges(begins: Amounts, sizes: Amounts) -> Amounts:
    """The numbers of several ranges, one range after the other."""
    ends = sizes.cumsum()
    rows: Amounts = np.arange(ends[-1]) + np.repeat(begins - ends + sizes, sizes)
    return rows


def _by_key(rows: Columns) -> Columns:
    order = rows[0].argsort(kind="stable")
    return tuple(column[order] for column in rows)
