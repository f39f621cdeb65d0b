"""The sweep of docs/concepts.md by hand: one request against a cell's offers, in six steps.

1. Who is eligible (engine.py). 2. Rooms: each offer's own, each lender's joint room; who has less than
the smallest note is out. 3. The size: no more than all lenders together could give to a loan of that
size, found from above. 4. Along the ranking, everybody gives what it can; the last rate is shared by
the allocation rule. 5. A last note that is too small is brought up or dropped. 6. With money left
over, again from 3 with the lower size.

A *place* here is one row of the ranking with its rooms already as plain numbers.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.model.sharing import share


@dataclass
class Place:
    """One part of an offer in the ranking of the request's cell. `rank` tells it from all others."""

    offer_id: str
    part: int
    lender_id: str
    rank: tuple[int, int]
    remaining: int
    max_per_loan: int | None
    max_share: int | None

    @property
    def rate(self) -> int:
        return self.rank[0]


@dataclass
class Lender:
    """What limits one lender in this loan: joint room in money, share of the loan in ppm."""

    room: int | None
    shares: list[int]


Notes = list[tuple[Place, int]]


@dataclass
class Sweep:
    """The places and lenders of one request, and the marketplace's rules.

    `fixed` is what is committed already and stays, in rank order.
    """

    places: list[Place]
    lenders: dict[str, Lender]
    increment: int
    least: int
    rule: Any = "fifo"
    fixed: Notes = field(default_factory=list)

    def __post_init__(self) -> None:
        """Step 2: offers with room for a note, of lenders with joint room for one."""
        self.places = [
            place
            for place in self.places
            if self.own_room(place) >= self.least
            and (
                self.lenders[place.lender_id].room is None
                or self.lenders[place.lender_id].room >= self.least
            )
        ]

    def floor(self, value: int) -> int:
        return value // self.increment * self.increment

    def own_room(self, place: Place) -> int:
        """Step 2: the lesser of the remaining budget and the cap per loan, in whole increments."""
        room = place.remaining
        if place.max_per_loan is not None:
            room = min(room, place.max_per_loan)
        return self.floor(room)

    def offer_cap(self, place: Place, size: int) -> int | None:
        """What all parts of one offer may give together to a loan of `size`; None: no cap."""
        caps = []
        if place.max_per_loan is not None:
            caps.append(self.floor(place.max_per_loan))
        if place.max_share is not None:
            caps.append(self.floor(place.max_share * size // 1_000_000))
        return min(caps) if caps else None

    def lender_cap(self, lender_id: str, size: int) -> int | None:
        """What one lender may give to a loan of `size`; None: no cap."""
        lender = self.lenders[lender_id]
        caps = [self.floor(share_ppm * size // 1_000_000) for share_ppm in lender.shares]
        if lender.room is not None:
            caps.append(lender.room)
        return min(caps) if caps else None

    def capacity(self, size: int) -> int:
        """Step 3: what all lenders together could give to a loan of `size`."""
        by_lender: dict[str, int] = {}
        by_offer: dict[str, list[Place]] = {}
        for place in self.places:
            by_offer.setdefault(place.offer_id, []).append(place)
        for parts in by_offer.values():
            room = 0
            for part in parts:
                own = self.own_room(part)
                if part.max_share is not None:
                    own = min(own, self.floor(part.max_share * size // 1_000_000))
                room += own
            cap = self.offer_cap(parts[0], size)
            if len(parts) > 1 and cap is not None:
                room = min(room, cap)
            lender_id = parts[0].lender_id
            by_lender[lender_id] = by_lender.get(lender_id, 0) + room
        total = 0
        for lender_id, room in by_lender.items():
            cap = self.lender_cap(lender_id, size)
            total += room if cap is None else min(room, cap)
        return total

    def rooms(self, size: int) -> list[tuple[Place, int]]:
        """Every place's room when those before it give all they can."""
        from_offer: dict[str, int] = {}
        from_lender: dict[str, int] = {}
        for place, amount in self.fixed:
            from_offer[place.offer_id] = from_offer.get(place.offer_id, 0) + amount
            from_lender[place.lender_id] = from_lender.get(place.lender_id, 0) + amount
        found = []
        for place in self.places:
            room = self.own_room(place)
            cap = self.offer_cap(place, size)
            if cap is not None:
                room = min(room, cap - from_offer.get(place.offer_id, 0))
            cap = self.lender_cap(place.lender_id, size)
            if cap is not None:
                room = min(room, cap - from_lender.get(place.lender_id, 0))
            found.append((place, room))
            if room >= self.least:
                from_offer[place.offer_id] = from_offer.get(place.offer_id, 0) + room
                from_lender[place.lender_id] = from_lender.get(place.lender_id, 0) + room
        return found

    def allocate(self, target: int, size: int) -> tuple[int, Notes]:
        """Steps 4 and 5: walk the ranking; what was placed, and the notes (the fixed ones first)."""
        notes = list(self.fixed)
        need = target
        rooms = self.rooms(size)
        in_order = self.rule in ("fifo", "lottery")
        for place, room in rooms:
            if room >= need and not in_order:
                count = len(self.fixed)
                cheaper = [note for note in notes[count:] if note[0].rate < place.rate]
                level = [(p, r) for p, r in rooms if p.rate == place.rate and r >= self.least]
                left = target - sum(part for _, part in cheaper)
                return self.share_rate(target, left, notes[:count] + cheaper, level)
            part = min(room, need)
            if part < self.least and part != need:
                continue
            if part < self.least:
                if room < self.least or not take_back(notes, self.least - need, self.least):
                    return target - need, notes
                return target, [*notes, (place, self.least)]
            notes.append((place, part))
            need -= part
            if need == 0:
                break
        return target - need, notes

    def share_rate(self, target: int, need: int, better: Notes, level: Notes) -> tuple[int, Notes]:
        """The last rate is shared; what no whole note is left for is brought up to one."""
        rooms = [room for _, room in level]
        places = [place for place, _ in level]

        def shared(money: int) -> list[int]:
            if money >= sum(rooms):
                return rooms
            return share(self.rule, money, rooms, self.increment, self.least)

        parts = shared(need)
        placed = sum(parts)
        # One note more, and all of them as small as they may be: these spare what they can first.
        more = self.least * (sum(part > 0 for part in parts) + 1)
        if placed < need < more <= sum(rooms):
            brought_up = shared(more)
            if sum(brought_up) == more and take_back(better, more - need, self.least):
                parts, placed = brought_up, need
        notes = [(place, part) for place, part in zip(places, parts, strict=True) if part]
        return target - need + placed, [*better, *notes]

    def run(self, start: int, least_amount: int) -> Notes:
        """The whole sweep: the notes, or none."""
        target = start
        while True:
            while True:  # step 3
                lower = min(target, self.capacity(target))
                if lower == target:
                    break
                target = lower
            if target < least_amount or target == 0:
                return []
            placed, notes = self.allocate(target, target)
            if placed == target:
                return notes
            target = placed  # step 6


def take_back(notes: Notes, short: int, least: int) -> bool:
    """Step 5: take from the dearest notes, last first, each stays a note; or nothing at all."""
    if sum(part - least for _, part in notes) < short:
        return False
    for i in reversed(range(len(notes))):
        place, part = notes[i]
        moved = min(short, part - least)
        notes[i] = place, part - moved
        short -= moved
    return True


def floor_to(value: int, increment: int) -> int:
    return value // increment * increment
