"""A `Kernel` as loops over places and notes, to be compiled: what they do is written there.

It is plain Python all the same, so that it can be run, slowly, without a compiler.
"""

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.fill_forms import DONE, FULL, MORE, ODD, Asked, Made, Means, Places
from p2pmatch.keys import ARRIVAL_BITS

__all__ = ["fill", "fill_unlimited", "read", "spend"]

# More than any room.
_NO_LIMIT = 2**62
# Places without money that a segment keeps before they are dropped.
_DEAD_PLACES = 64


def fill(  # noqa: C901, PLR0912, PLR0915 - one loop, because a call is not free here
    places: Places,
    asked: Asked,
    means: Means,
    made: Made,
    units: tuple[int, int],
    row: int,
    notes: int,
) -> tuple[int, int, int]:
    """Fill requests one place at a time. See `p2pmatch.fill_forms.Fill`."""
    increment, least = units
    tagged, capped = len(places.tags) > 0, len(places.caps) > 0
    alone = len(places.accounts) == 0
    per_loan, in_all = len(means.per_loan) > 0, len(means.in_all) > 0
    in_grade, per_borrower = len(means.in_grade) > 0, len(means.per_borrower) > 0
    limited = per_loan or in_all or in_grade or per_borrower
    unlimited = increment == least and not (limited or tagged or capped)
    space = len(made.slots)
    while row < len(asked.amounts):
        if unlimited:
            row, notes = fill_unlimited(places, asked, means, made, increment, row, notes)
            if row == len(asked.amounts):
                break
        if asked.odd[row]:
            return row, notes, ODD
        if per_borrower:
            borrower = asked.borrowers[row]
            for entry in range(means.owed_from[borrower], means.owed_from[borrower + 1]):
                means.owed[means.owed_lenders[entry]] += means.owed_amounts[entry]
            loan = made.latest[borrower]
            while loan >= 0:
                for note in range(made.ends[loan - 1] if loan else 0, made.ends[loan]):
                    means.owed[made.lenders[note]] += made.amounts[note]
                loan = made.previous[loan]
        cell, bound, barred = asked.cells[row], asked.bounds[row], asked.barred[row]
        grade, pattern = asked.grades[row], asked.patterns[row]
        missing = asked.amounts[row]
        end = notes
        why = -1
        before, segment = -1, places.first[cell]
        while why < 0 and segment >= 0:
            start, stop = places.starts[segment], places.stops[segment]
            dead = leading = 0
            for place in range(start, stop):
                key = places.keys[place]
                if key >= bound:
                    why = ODD
                    break
                account = place if alone else places.accounts[place]
                room = means.left[account]
                if room < least:
                    if place == start + leading:
                        leading += 1
                    else:
                        dead += 1
                    continue
                if tagged and not means.fits[pattern, places.tags[place]]:
                    continue
                lender = places.lenders[place]
                if lender == barred:
                    continue
                if capped:
                    room = min(room, places.caps[place])
                if increment > 1:
                    room -= room % increment
                if room < least:
                    continue
                if limited:
                    joint = _NO_LIMIT
                    if per_loan:
                        joint = min(joint, means.per_loan[lender])
                    if in_all:
                        joint = min(joint, means.in_all[lender])
                    if in_grade:
                        joint = min(joint, means.in_grade[grade, lender])
                    if per_borrower:
                        joint = min(joint, means.per_borrower[lender] - means.owed[lender])
                    if increment > 1:
                        joint -= joint % increment
                    if joint < least:
                        continue
                    room = min(room, joint - means.given[lender])
                if room >= missing:
                    if missing < least:
                        why = ODD
                        break
                    room = missing
                    why = DONE
                elif room < least:
                    continue
                if end == space:
                    why = FULL
                    break
                made.rates[end] = key >> ARRIVAL_BITS
                made.slots[end] = places.slots[place]
                made.accounts[end] = account
                made.lenders[end] = lender
                made.amounts[end] = room
                end += 1
                missing -= room
                if limited:
                    means.given[lender] += room
                if why == DONE:
                    break
            start += leading
            places.starts[segment] = start
            following = places.following[segment]
            if why < 0 and start == stop and following >= 0:
                if before < 0:
                    places.first[cell] = following
                else:
                    places.following[before] = following
            else:
                if why < 0 and dead >= _DEAD_PLACES and not alone:
                    kept = start
                    for place in range(start, stop):
                        account = places.accounts[place]
                        if means.left[account] >= least:
                            places.keys[kept] = places.keys[place]
                            places.slots[kept] = places.slots[place]
                            places.accounts[kept] = account
                            places.lenders[kept] = places.lenders[place]
                            if tagged:
                                places.tags[kept] = places.tags[place]
                            if capped:
                                places.caps[kept] = places.caps[place]
                            kept += 1
                    places.stops[segment] = kept
                before = segment
            segment = following
        if why < 0:
            why = ODD if places.complete[cell] else MORE
        if limited:
            for note in range(notes, end):
                means.given[made.lenders[note]] = 0
        if per_borrower:
            borrower = asked.borrowers[row]
            for entry in range(means.owed_from[borrower], means.owed_from[borrower + 1]):
                means.owed[means.owed_lenders[entry]] = 0
            loan = made.latest[borrower]
            while loan >= 0:
                for note in range(made.ends[loan - 1] if loan else 0, made.ends[loan]):
                    means.owed[made.lenders[note]] = 0
                loan = made.previous[loan]
        if why != DONE:
            return row, notes, why
        for note in range(notes, end):
            lender, amount = made.lenders[note], made.amounts[note]
            means.left[made.accounts[note]] -= amount
            if in_all:
                means.in_all[lender] -= amount
            if in_grade:
                means.in_grade[grade, lender] -= amount
        if per_borrower:
            borrower = asked.borrowers[row]
            made.previous[row] = made.latest[borrower]
            made.latest[borrower] = row
        made.ends[row] = end
        notes = end
        row += 1
    return row, notes, DONE


def fill_unlimited(  # noqa: C901, PLR0912 - likewise
    places: Places,
    asked: Asked,
    means: Means,
    made: Made,
    increment: int,
    row: int,
    notes: int,
) -> tuple[int, int]:
    """Fill requests where every whole increment may go to every request.

    Returns
    -------
    The first request that is not filled, and how many notes there are: it is odd or barred, or
    places of its rate, or space, ran out. Nothing of it is written; `fill` finds out which it is.
    """
    space = len(made.slots)
    alone = len(places.accounts) == 0
    while row < len(asked.amounts) and not asked.odd[row] and asked.barred[row] < 0:
        cell, bound, missing = asked.cells[row], asked.bounds[row], asked.amounts[row]
        end = notes
        place = -1
        segment = places.first[cell]
        while segment >= 0:
            for place in range(places.starts[segment], places.stops[segment]):
                account = place if alone else places.accounts[place]
                room = means.left[account]
                if room < increment:
                    continue
                key = places.keys[place]
                if key >= bound or end == space:
                    return row, notes
                if increment > 1:
                    room -= room % increment
                room = min(room, missing)
                made.rates[end] = key >> ARRIVAL_BITS
                made.slots[end] = places.slots[place]
                if not alone:
                    made.accounts[end] = account
                made.lenders[end] = places.lenders[place]
                made.amounts[end] = room
                end += 1
                missing -= room
                if missing == 0:
                    break
            if missing == 0:
                break
            segment = places.following[segment]
        if missing:
            break
        # What is before the last place has no increment left.
        places.first[cell] = segment
        places.starts[segment] = place
        if alone:
            # Nobody reads what those before it have: they are left behind.
            means.left[place] -= made.amounts[end - 1]
        else:
            for note in range(notes, end):
                means.left[made.accounts[note]] -= made.amounts[note]
        made.ends[row] = end
        notes = end
        row += 1
    return row, notes


def read(money: Amounts, slots: Numbers, into: Amounts) -> None:
    """What stands at the slots. See `p2pmatch.fill_forms.Kernel`."""
    for row in range(len(slots)):
        into[row] = money[slots[row]]


def spend(money: Amounts, slots: Numbers, amounts: Amounts) -> None:
    """Take the amounts off. See `p2pmatch.fill_forms.Kernel`."""
    for row in range(len(slots)):
        money[slots[row]] -= amounts[row]
