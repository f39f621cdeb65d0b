"""The engines that fill a workload's requests: the library, plain Python, and a bare compiled loop.

Each function takes a workload and returns the run: a function that fills all requests in order and
says how many notes there were and how much was lent. What is built before the run is not timed.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.workload import NEED, Workload, build
from p2pmatch import Marketplace
from p2pmatch.columns import read_requests

__all__ = ["Run", "bare_loop", "library", "library_in_bulk", "plain_python"]

#: Fills all requests; gives (notes, money).
Run = Callable[[], tuple[int, int]]


def library(work: Workload) -> Run:
    """One `submit` at a time, notes as columns."""
    market = Marketplace(work.rules)
    market.post_many(work.offers, now=0)
    requests = list(read_requests(work.requests))

    def run() -> tuple[int, int]:
        notes = money = 0
        for request in requests:
            loan = market.submit(request, now=0).loan
            if loan is not None:
                notes += len(loan.notes.amounts)
                money += loan.principal
        return notes, money

    return run


def library_in_bulk(work: Workload, *, compiled: bool) -> Run:
    """All requests in one `submit_many`, from columns; notes as columns."""
    if compiled:
        # The machine code is loaded before anything is timed, as the docs say.
        _bulk(build(work.shape, 4_000, 8), compiled=True)()
    return _bulk(work, compiled=compiled)


def _bulk(work: Workload, *, compiled: bool) -> Run:
    market = Marketplace(work.rules, compiled=compiled)
    market.post_many(work.offers, now=0)

    def run() -> tuple[int, int]:
        results = market.submit_many(work.requests, now=0)
        notes = results.notes
        return len(notes.amounts), int(notes.amounts.sum())

    return run


def plain_python(work: Workload) -> Run:
    """What one would write by hand: queues of offers by rate, walked from the best.

    Every note is a tuple (offer id, lender id, amount, rate). No checks, events or refusals.
    """
    shape = work.shape
    tags = work.offers.get("requires"), work.offers.get("refuses")
    levels: dict[int, deque[list[Any]]] = {}
    for row, rate in enumerate(work.offers["min_rate"].tolist()):
        needs, bars = (column[row] if column else "" for column in tags)
        offer = [
            work.offers["offer_id"][row],
            work.offers["lender_id"][row],
            int(work.offers["amount"][row]),
            needs,
            bars,
        ]
        levels.setdefault(rate, deque()).append(offer)
    book = sorted(levels.items())
    asked = list(
        zip(
            work.requests["borrower_id"],
            work.requests.get("tags", [""] * work.count),
            strict=True,
        )
    )
    if shape.per_loan is None:
        return _plain(book, work.count)
    return _plain_with_limits(book, asked, shape.per_loan, shape.per_borrower)


def _plain(book: list[tuple[int, deque[list[Any]]]], count: int) -> Run:
    def run() -> tuple[int, int]:
        notes = money = best = 0
        for _ in range(count):
            need = NEED
            loan = []
            while need and best < len(book):
                rate, queue = book[best]
                while queue:
                    offer = queue[0]
                    left = offer[2]
                    if left > need:
                        offer[2] = left - need
                        loan.append((offer[0], offer[1], need, rate))
                        need = 0
                        break
                    loan.append((offer[0], offer[1], left, rate))
                    need -= left
                    queue.popleft()
                    if not need:
                        break
                if not queue:
                    best += 1
            notes += len(loan)
            money += NEED - need
        return notes, money

    return run


def _plain_with_limits(
    book: list[tuple[int, deque[list[Any]]]],
    asked: Sequence[tuple[str, str]],
    per_loan: int,
    per_borrower: int | None,
) -> Run:
    def run() -> tuple[int, int]:
        notes = money = 0
        lent: dict[str, dict[str, int]] = {}
        for borrower, tag in asked:
            need = NEED
            loan = []
            given: dict[str, int] = {}
            before = lent.setdefault(borrower, {})
            for rate, queue in book:
                dead = False
                for offer in queue:
                    offer_id, lender, left, needs, bars = offer
                    if (needs and needs != tag) or (bars and bars == tag):
                        continue
                    already = given.get(lender, 0)
                    part = min(left, need, per_loan - already)
                    if per_borrower is not None:
                        part = min(part, per_borrower - before.get(lender, 0) - already)
                    if part <= 0:
                        continue
                    given[lender] = already + part
                    offer[2] = left - part
                    dead |= left == part
                    loan.append((offer_id, lender, part, rate))
                    need -= part
                    if not need:
                        break
                if dead:
                    alive = [offer for offer in queue if offer[2]]
                    queue.clear()
                    queue.extend(alive)
                if not need:
                    break
            while book and not book[0][1]:
                del book[0]
            if per_borrower is not None:
                for lender, part in given.items():
                    before[lender] = before.get(lender, 0) + part
            notes += len(loan)
            money += NEED - need
        return notes, money

    return run


def bare_loop(work: Workload) -> Run:
    """The limit to measure against: the same matching as one compiled loop over sorted arrays.

    Offers and parties are numbers, tags are bits, notes are written into arrays. Needs numba.
    """
    from benchmarks import compiled

    order = np.argsort(work.offers["min_rate"], kind="stable")
    amounts = work.offers["amount"][order].astype(np.int64)
    _, lenders = np.unique(np.array(work.offers["lender_id"]), return_inverse=True)
    lenders = lenders[order].astype(np.int32)
    count = work.count
    longest = min(NEED, len(amounts))
    out = np.empty((2, count * min(longest, 400)), dtype=np.int64)
    shape = work.shape
    if shape.per_loan is None:
        compiled.plain(np.ones(9, dtype=np.int64), 1, 3, np.empty((2, 9), dtype=np.int64))
        return lambda: compiled.plain(amounts, count, NEED, out)
    bit = {"": 0, "green": 1, "new": 2}
    needs = np.array([bit[tag] for tag in work.offers["requires"]], dtype=np.int8)[order]
    bars = np.array([bit[tag] for tag in work.offers["refuses"]], dtype=np.int8)[order]
    tags = np.array([bit[tag] for tag in work.requests["tags"]], dtype=np.int8)
    _, borrowers = np.unique(np.array(work.requests["borrower_id"]), return_inverse=True)
    caps = shape.per_loan, shape.per_borrower or 0
    arrays = lenders, needs, bars, tags, borrowers.astype(np.int64)
    compiled.capped(amounts.copy(), *(a[:9] for a in arrays), *caps, 1, out)
    return lambda: compiled.capped(amounts, *arrays, *caps, NEED, out)
