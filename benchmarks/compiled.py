"""Bare compiled loops over flat arrays, offers sorted by rate and arrival: the limit to measure."""

import numpy as np
from numba import njit

__all__ = ["capped", "plain"]


@njit(cache=True)
def plain(amounts, count, need, out):  # noqa: ANN201 - compiled
    """Fill `count` requests of `need`; offers are used up in order."""
    notes = money = at = 0
    for _ in range(count):
        missing = need
        while missing > 0 and at < len(amounts):
            part = min(amounts[at], missing)
            out[0, notes] = at
            out[1, notes] = part
            notes += 1
            missing -= part
            amounts[at] -= part
            if amounts[at] == 0:
                at += 1
        money += need - missing
    return notes, money


@njit(cache=True)
def capped(  # noqa: ANN201 - compiled
    amounts,
    lenders,
    needs,
    bars,
    tags,
    borrowers,
    per_loan,
    per_borrower,
    need,
    out,
):
    """The same with caps per lender and loan, and per lender and borrower (0: none), and tags."""
    following = np.arange(1, len(amounts) + 1)
    given = np.zeros(lenders.max() + 1, dtype=np.int64)
    before = np.zeros(lenders.max() + 1, dtype=np.int64)
    last_loan = np.full(borrowers.max() + 1, -1)
    loan_before = np.full(len(tags), -1)
    ends = np.zeros(len(tags) + 1, dtype=np.int64)
    notes = money = first = 0
    for loan in range(len(tags)):
        tag, who = tags[loan], borrowers[loan]
        loan_before[loan] = last_loan[who]
        last_loan[who] = loan
        if per_borrower:
            earlier = loan_before[loan]
            while earlier >= 0:
                for note in range(ends[earlier], ends[earlier + 1]):
                    before[lenders[out[0, note]]] += out[1, note]
                earlier = loan_before[earlier]
        missing = need
        at, previous = first, -1
        while missing > 0 and at < len(amounts):
            if amounts[at] == 0:
                # Taken out of the line.
                if previous < 0:
                    first = following[at]
                else:
                    following[previous] = following[at]
                at = following[at]
                continue
            lender = lenders[at]
            if (needs[at] == 0 or needs[at] == tag) and (bars[at] == 0 or bars[at] != tag):
                part = min(amounts[at], missing, per_loan - given[lender])
                if per_borrower:
                    part = min(part, per_borrower - before[lender] - given[lender])
                if part > 0:
                    out[0, notes] = at
                    out[1, notes] = part
                    notes += 1
                    given[lender] += part
                    amounts[at] -= part
                    missing -= part
            previous = at
            at = following[at]
        ends[loan + 1] = notes
        for note in range(ends[loan], notes):
            given[lenders[out[0, note]]] = 0
        if per_borrower:
            earlier = loan_before[loan]
            while earlier >= 0:
                for note in range(ends[earlier], ends[earlier + 1]):
                    before[lenders[out[0, note]]] = 0
                earlier = loan_before[earlier]
        money += need - missing
    return notes, money
