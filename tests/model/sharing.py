"""How one rate is shared, by hand: the allocation rules of docs/concepts.md with plain loops.

`rooms` are in order of arrival, every one at least `least`; the answer has one part per room.
"""

from fractions import Fraction
from hashlib import blake2b
from typing import Any


def share(rule: Any, need: int, rooms: list[int], unit: int, least: int) -> list[int]:
    """What each gives of `need`, which is less than the rooms together."""
    name = rule if isinstance(rule, str) else type(rule).__name__
    if name in {"pro_rata", "ProRata"}:
        return pro_rata(need, rooms, unit, least)
    if name in {"equal_share", "EqualShare"}:
        return equal_share(need, rooms, unit, least)
    if name == "Split":
        # A fraction by arrival, the rest pro rata: steps, one of which may be empty.
        steps = [("fifo", rule.fifo_share, None, 0)]
        if rule.fifo_share < 1_000_000:
            steps.append(("pro_rata", 1_000_000, None, 0))
        return in_steps(steps, need, rooms, unit, least)
    steps = [(step.rule, step.share, step.at_most, step.drop_below) for step in rule.steps]
    return in_steps(steps, need, rooms, unit, least)


def by_largest_remainder(need: int, rooms: dict[int, int], unit: int) -> dict[int, int]:
    whole = sum(rooms.values())
    exact = {row: Fraction(need * room, whole) for row, room in rooms.items()}
    parts = {row: int(share / unit) * unit for row, share in exact.items()}
    while sum(parts.values()) < need:
        lacking = {row: exact[row] - parts[row] for row in rooms}
        best = max(lacking.values())
        parts[next(row for row in rooms if lacking[row] == best)] += unit
    return parts


def smallest(rooms: dict[int, int]) -> int:
    """The row with least room, the latest among equals."""
    return min(rooms, key=lambda row: (rooms[row], -row))


def pro_rata(need: int, rooms: list[int], unit: int, least: int) -> list[int]:
    kept = dict(enumerate(rooms))
    while least > unit and kept and need * kept[smallest(kept)] < least * sum(kept.values()):
        del kept[smallest(kept)]
    parts: dict[int, int] = {}
    if sum(kept.values()) < need:
        # Those large enough cannot hold it: the fewest that can, each with at least a note.
        kept = {}
        for row in sorted(range(len(rooms)), key=lambda row: (-rooms[row], row)):
            kept[row] = rooms[row]
            if sum(kept.values()) >= need:
                break
        if len(kept) * least > need:
            del kept[smallest(kept)]
            return [kept.get(row, 0) for row in range(len(rooms))]
        while need * kept[smallest(kept)] < least * sum(kept.values()):
            row = smallest(kept)
            parts[row] = least
            need -= least
            del kept[row]
    ordered = dict(sorted(kept.items()))
    parts.update(by_largest_remainder(need, ordered, unit) if ordered else {})
    return [parts.get(row, 0) for row in range(len(rooms))]


def equal_share(need: int, rooms: list[int], unit: int, least: int) -> list[int]:
    rows = list(range(len(rooms)))
    notes = need // least
    if notes < len(rows):
        rows = rows[:notes]
        if sum(rooms[row] for row in rows) < need:
            rows = sorted(range(len(rooms)), key=lambda row: (-rooms[row], row))[:notes]
            rows.sort()
    parts = [0] * len(rooms)
    while need > 0 and any(parts[row] < rooms[row] for row in rows):
        for row in rows:
            if need > 0 and parts[row] < rooms[row]:
                parts[row] += unit
                need -= unit
    return parts


def in_steps(steps: list[Any], need: int, rooms: list[int], unit: int, least: int) -> list[int]:
    """Each step is (rule, share of what is still wanted in ppm, most, dropped below)."""
    parts = [0] * len(rooms)
    for name, share, most, drop_below in steps:
        target = share * (need - sum(parts)) // 1_000_000
        if most is not None:
            target = min(target, most)
        target -= target % unit
        left = [room - part for room, part in zip(rooms, parts, strict=True)]
        if target == 0:
            continue
        more = one_step(name, target, left, unit, least)
        for row, part in enumerate(more):
            parts[row] += 0 if part < drop_below else part
    return whole_notes(need, parts, rooms, least)


def one_step(name: str, target: int, left: list[int], unit: int, least: int) -> list[int]:
    more = [0] * len(left)
    if name == "oldest":
        more[0] = min(target, left[0])
    elif name == "fifo":
        for row, room in enumerate(left):
            more[row] = min(room, target)
            target -= more[row]
    elif name == "pro_rata_floors":
        whole = sum(left)
        more = [target * room // whole // unit * unit for room in left]
    else:
        rows = [row for row, room in enumerate(left) if room >= least]
        rooms = [left[row] for row in rows]
        target = min(target, sum(rooms))
        rule = pro_rata if name == "pro_rata" else equal_share
        for row, part in zip(rows, rule(target, rooms, unit, least) if rows else [], strict=True):
            more[row] = part
    return more


def whole_notes(need: int, parts: list[int], rooms: list[int], least: int) -> list[int]:
    """Parts too small are dropped; what they had goes to notes first, then to the others."""
    parts = [0 if part < least else part for part in parts]
    missing = need - sum(parts)
    with_note = [row for row, part in enumerate(parts) if part > 0]
    without = [row for row, part in enumerate(parts) if part == 0]
    for row in with_note + without:
        more = min(rooms[row] - parts[row], missing)
        parts[row] += more
        missing -= more
    for row in without:
        if 0 < parts[row] < least:
            short = least - parts[row]
            if sum(max(part - least, 0) for part in parts) < short:
                parts[row] = 0
                continue
            for other in reversed(range(len(parts))):
                moved = min(max(parts[other] - least, 0), short)
                parts[other] -= moved
                short -= moved
            parts[row] = least
    return parts


def lot(seed: int, request_id: str, offer_id: str) -> bytes:
    message = request_id.encode() + b"\0" + offer_id.encode()
    return blake2b(message, key=seed.to_bytes(8, "little"), digest_size=16).digest()
