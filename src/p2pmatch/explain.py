"""Why an offer gives that much to a request, and not more.

Follows the ranking one place at a time in plain Python, beside the result of the sweep: it decides
nothing, it says which limit the sweep met.
"""

from collections import Counter
from collections.abc import Mapping

import attrs
import numpy as np

from p2pmatch.arrays import Amounts
from p2pmatch.conditions import tags_fit
from p2pmatch.decide import check_reading
from p2pmatch.keys import rate_of, rates_of
from p2pmatch.orders import Request
from p2pmatch.reasons import REASONS
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import sweep
from p2pmatch.units import format_amount, format_rate

__all__ = ["Explanation", "Line", "explain"]


@attrs.frozen
class Line:
    """One place of the ranking: what it asks, had, gives, and why it gives no more.

    rate in ppm; remaining and amount in minor units; reason is a key of
    `p2pmatch.reasons.REASONS`.
    """

    offer_id: str
    lender_id: str
    rate: int
    remaining: int
    amount: int
    reason: str


@attrs.frozen
class Explanation:
    """The ranking of a request's cell, up to the first place above its rate.

    Parameters
    ----------
    request : the request asked about.
    principal, unfunded : what it gets and what not, minor units.
    reason : why some of it is unfunded; None: nothing is.
    lines : one per place in rank order.
    """

    request: Request
    principal: int
    unfunded: int
    reason: str | None
    lines: tuple[Line, ...]

    def by_reason(self) -> dict[str, int]:
        """How many places each reason held back, the most frequent first."""
        return dict(Counter(line.reason for line in self.lines).most_common())

    def __str__(self) -> str:
        rows = [
            (
                line.offer_id,
                line.lender_id,
                format_rate(line.rate),
                format_amount(line.amount),
                format_amount(line.remaining),
                REASONS[line.reason],
            )
            for line in self.lines
        ]
        head = ("offer", "lender", "rate", "gives", "of", "because")
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        return "\n".join(
            "  ".join(
                text.rjust(width) if 2 <= i <= 4 else text.ljust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *rows]
        )


def explain(state: State, request: Request, now: int) -> Explanation:
    """Say of every place in the request's ranking what it would give and why not more.

    Raises
    ------
    P2PMatchError : whenever submitting the request would be refused.

    Notes
    -----
    O(places up to the request's rate), in plain Python: for people, not for every loan.
    """
    now = check_reading(state, request, now)
    if state.rules.matching == "call":
        return Explanation(request, 0, request.amount, "resting", ())
    placement = sweep(state, request, now)
    gives = dict(zip(placement.slots.tolist(), placement.amounts.tolist(), strict=True))
    table = state.table
    least = state.rules.smallest_note
    cell = state.cell_of[request.grade, request.term]
    asks = []
    keys, slots = state.ladders[cell].standing(table.remaining, least)
    for slot in slots.tolist():
        asks.append(state.ask_of(slot, cell))
        if asks[-1] > request.max_rate:
            break
    slots, ranks = slots[: len(asks)], rates_of(keys[: len(asks)]).tolist()
    rooms = Rooms(state, request, now)
    caps = dict(rooms.by_limit(slots, table.lender.take(slots), placement.principal))
    reader = _Reader(state, request, now, caps, gives)
    lines = []
    for row, (slot, rate, rank) in enumerate(zip(slots.tolist(), asks, ranks, strict=True)):
        lines.append(
            Line(
                state.offer_names[slot],
                state.lender_names[table.lender[slot]],
                rate,
                int(table.remaining[slot]),
                gives.get(slot, 0),
                reader.why(row, slot, rate, rank),
            )
        )
    return Explanation(
        request, placement.principal, placement.unfunded, placement.reason, tuple(lines)
    )


class _Reader:
    """Walks the ranking, keeping what each lender has given so far.

    caps : what each limit alone leaves each place, minor units; gives : by slot, minor units.
    """

    def __init__(
        self,
        state: State,
        request: Request,
        now: int,
        caps: Mapping[str, Amounts],
        gives: Mapping[int, int],
    ) -> None:
        self.state = state
        self.now = now
        self.max_rate = request.max_rate
        self.parties = state.parties_of(request.borrower_id)
        self.fits = [tags_fit(rule, request.tags) for rule in state.tag_rules]
        of_offers = {name: caps[name] for name in caps if name.startswith("offer_")}
        of_lenders = {name: caps[name] for name in caps if name not in of_offers}
        self.offer_limits = _tightest(of_offers, state.rules.increment)
        self.lender_limits = _tightest(of_lenders, state.rules.increment)
        self.gives = gives
        self.last = list(gives)[-1] if gives else -1
        cell = state.cell_of[request.grade, request.term]
        self.highest_rank_rate = state.highest_rank_rate(cell, request.max_rate)
        # The rate at which a slot ranks is what it asks, or the posted rate if that is more.
        self.last_rate = -1 if self.last < 0 else rate_of(state.key_of(self.last, cell))
        self.past_last = False
        self.lent: Counter[int] = Counter()
        self.whole_lent: Counter[int] = Counter()

    def why(self, row: int, slot: int, rate: int, rank: int) -> str:
        """The reason of one place, which asks `rate`, ranks at `rank`; call it in rank order."""
        barrier = self._barrier(slot, rate, rank)
        if barrier is not None:
            return barrier
        amount = self.gives.get(slot, 0)
        table = self.state.table
        lender = int(table.lender[slot])
        whole = self.state.whole_of.get(slot, slot)
        past_last, self.past_last = self.past_last, self.past_last or slot == self.last
        self.lent[lender] += amount
        self.whole_lent[whole] += amount
        if not self.gives:
            return "no_loan"
        if amount == self._whole_increments(int(table.remaining[slot])):
            return "budget"
        # A note smaller than the least cannot be made of what is left.
        enough = 1 if amount else self.state.least
        for limits, used in (
            (self.offer_limits, self.whole_lent[whole]),
            (self.lender_limits, self.lent[lender]),
        ):
            if limits:
                name, room = limits[row]
                if room - used < enough:
                    return name
        if past_last or slot == self.last:
            return "need_met"
        return "shared" if rank == self.last_rate else "spared"

    def _barrier(self, slot: int, rate: int, rank: int) -> str | None:
        """Why a place is not eligible at all; None if it is."""
        table = self.state.table
        if max(rate, rank) > self.max_rate:
            return "rate"
        if rate > self.highest_rank_rate:
            return "posted_rate"
        if table.expires[slot] <= self.now:
            return "expired"
        if self.state.lender_names[table.lender[slot]] in self.parties:
            return "same_party"
        return None if self.fits[table.tag[slot]] else "tags"

    def _whole_increments(self, amount: int) -> int:
        return amount - amount % self.state.rules.increment


def _tightest(caps: Mapping[str, Amounts], increment: int) -> list[tuple[str, int]]:
    """By row, the limit that leaves least, and how much, in whole increments; [] without limits."""
    if not caps:
        return []
    names, rooms = list(caps), np.maximum(np.array(list(caps.values())), 0)
    rooms -= rooms % increment
    least = rooms.argmin(axis=0)
    return [
        (names[limit], room)
        for limit, room in zip(least.tolist(), rooms.min(axis=0).tolist(), strict=True)
    ]
