"""The sweep of docs/concepts.md by hand: one request against a cell's offers, in six steps.

1. Who is eligible (engine.py). 2. Rooms: each offer's own, each lender's joint room; who has less than
the smallest note is out. 3. The size: no more than all lenders together could give to a loan of that
size, found from above. 4. Along the ranking, everybody gives what it can. 5. A last note that is too
small is brought up or dropped. 6. With money left over, again from 3 with the lower size.

A *place* here is one row of the ranking with its rooms already as plain numbers.
"""

from dataclasses import dataclass


@dataclass
class Place:
    """One part of an offer in the ranking of the request's cell."""

    offer_id: str
    part: int
    lender_id: str
    rate: int
    remaining: int
    max_per_loan: int | None
    max_share: int | None


@dataclass
class Lender:
    """What limits one lender in this loan: joint room in money, share of the loan in ppm."""

    room: int | None
    shares: list[int]


def floor_to(value: int, increment: int) -> int:
    return value // increment * increment


def own_room(place: Place, increment: int) -> int:
    """Step 2: the lesser of the remaining budget and the cap per loan, in whole increments."""
    room = place.remaining
    if place.max_per_loan is not None:
        room = min(room, place.max_per_loan)
    return floor_to(room, increment)


def offer_cap(place: Place, target: int, increment: int) -> int | None:
    """What all parts of one offer may give together to a loan of `target`; None: no cap."""
    caps = []
    if place.max_per_loan is not None:
        caps.append(floor_to(place.max_per_loan, increment))
    if place.max_share is not None:
        caps.append(floor_to(place.max_share * target // 1_000_000, increment))
    return min(caps) if caps else None


def lender_cap(lender: Lender, target: int, increment: int) -> int | None:
    """What one lender may give to a loan of `target`; None: no cap."""
    caps = [floor_to(share * target // 1_000_000, increment) for share in lender.shares]
    if lender.room is not None:
        caps.append(lender.room)
    return min(caps) if caps else None


def taking_part(
    places: list[Place], lenders: dict[str, Lender], increment: int, least: int
) -> list[Place]:
    """Step 2: offers with room for a note, of lenders with joint room for one."""
    found = []
    for place in places:
        joint = lenders[place.lender_id].room
        if own_room(place, increment) >= least and (joint is None or joint >= least):
            found.append(place)
    return found


def capacity(places: list[Place], lenders: dict[str, Lender], target: int, increment: int) -> int:
    """Step 3: what all lenders together could give to a loan of `target`."""
    by_lender: dict[str, int] = {}
    by_offer: dict[str, list[Place]] = {}
    for place in places:
        by_offer.setdefault(place.offer_id, []).append(place)
    for parts in by_offer.values():
        room = 0
        for part in parts:
            own = own_room(part, increment)
            if part.max_share is not None:
                own = min(own, floor_to(part.max_share * target // 1_000_000, increment))
            room += own
        cap = offer_cap(parts[0], target, increment)
        if len(parts) > 1 and cap is not None:
            room = min(room, cap)
        lender_id = parts[0].lender_id
        by_lender[lender_id] = by_lender.get(lender_id, 0) + room
    total = 0
    for lender_id, room in by_lender.items():
        cap = lender_cap(lenders[lender_id], target, increment)
        total += room if cap is None else min(room, cap)
    return total


def allocate(
    places: list[Place], lenders: dict[str, Lender], target: int, increment: int, least: int
) -> tuple[int, list[tuple[Place, int]]]:
    """Steps 4 and 5: walk the ranking; what was placed, and the notes."""
    notes: list[tuple[Place, int]] = []
    from_offer: dict[str, int] = {}
    from_lender: dict[str, int] = {}
    need = target
    for place in places:
        room = own_room(place, increment)
        cap = offer_cap(place, target, increment)
        if cap is not None:
            room = min(room, cap - from_offer.get(place.offer_id, 0))
        cap = lender_cap(lenders[place.lender_id], target, increment)
        if cap is not None:
            room = min(room, cap - from_lender.get(place.lender_id, 0))
        part = min(room, need)
        if part < least and part != need:
            continue
        if part < least:
            return tail(notes, place, need, room, target, least)
        notes.append((place, part))
        from_offer[place.offer_id] = from_offer.get(place.offer_id, 0) + part
        from_lender[place.lender_id] = from_lender.get(place.lender_id, 0) + part
        need -= part
        if need == 0:
            break
    return target - need, notes


def tail(
    notes: list[tuple[Place, int]], last: Place, need: int, room: int, target: int, least: int
) -> tuple[int, list[tuple[Place, int]]]:
    """Step 5: bring the last note up to the least, or drop it."""
    short = least - need
    spare = sum(part - least for _, part in notes)
    if room < least or spare < short:
        return target - need, notes
    brought = []
    for place, part in reversed(notes):
        moved = min(short, part - least)
        short -= moved
        brought.append((place, part - moved))
    return target, [*reversed(brought), (last, least)]


def sweep(
    places: list[Place],
    lenders: dict[str, Lender],
    start: int,
    least_amount: int,
    increment: int,
    least: int,
) -> list[tuple[Place, int]]:
    """The whole sweep from the eligible places on: the notes, or none."""
    places = taking_part(places, lenders, increment, least)
    target = start
    while True:
        while True:  # step 3
            lower = min(target, capacity(places, lenders, target, increment))
            if lower == target:
                break
            target = lower
        if target < least_amount or target == 0:
            return []
        placed, notes = allocate(places, lenders, target, increment, least)
        if placed == target:
            return notes
        target = placed  # step 6
