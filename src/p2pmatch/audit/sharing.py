"""How the money wanted at one rate is shared, worked out once more, in plain whole numbers.

The auditor's reading of the allocation rules: `shared` gives one part per room, in the order of the
rooms, for a need below their sum. Parts are 0 or at least the smallest note.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch.checks import check_name, check_whole
from p2pmatch.errors import UnknownName
from p2pmatch.units import FULL_SHARE, amount, rate

__all__ = ["AuditAllocation", "lot", "shared"]

#: Names of rules and of their classes.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "Fifo": "fifo",
        "ProRata": "pro_rata",
        "EqualShare": "equal_share",
        "Split": "split",
        "Lottery": "lottery",
        "Steps": "steps",
    }
)


@attrs.frozen
class AuditAllocation:
    """An allocation rule as the auditor knows it.

    name : "fifo", "lottery", "pro_rata", "equal_share", "steps"; "other" for a rule of the user's.
    seed : the lottery's.
    steps : (rule, share in ppm, most, dropped below), amounts in minor units.
    """

    name: str
    seed: int = 0
    steps: tuple[tuple[str, int, int | None, int], ...] = ()

    @classmethod
    def of(cls, rule: object) -> "AuditAllocation":
        """What there is to know of a rule given by name or as an object."""
        name = rule if isinstance(rule, str) else _NAMES.get(type(rule).__name__, "other")
        if name == "split":
            return cls._split(getattr(rule, "fifo_share", 0))
        if name == "steps":
            return cls(
                name,
                steps=tuple(
                    (step.rule, step.share, step.at_most, step.drop_below)
                    for step in getattr(rule, "steps", ())
                ),
            )
        return cls(name, seed=getattr(rule, "seed", 0))

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "AuditAllocation":
        """A rule with parameters as a result folder has it."""
        match table["rule"]:
            case "split":
                return cls._split(_share(table["fifo_share"]))
            case "lottery":
                return cls("lottery", seed=check_whole(table["seed"], "seed", 0, _MAX_SEED))
            case "steps":
                steps = tuple(map(_read_step, table["steps"]))
                check_whole(len(steps), "steps", 1, _MAX_STEPS)
                return cls("steps", steps=steps)
            case unknown:
                accepted = "one of ['lottery', 'split', 'steps']"
                raise UnknownName("unknown_rule", "rule", unknown, accepted)

    @classmethod
    def _split(cls, share: int) -> "AuditAllocation":
        first = [("fifo", share, None, 0)] if share else []
        rest = [("pro_rata", FULL_SHARE, None, 0)] if share < FULL_SHARE else []
        return cls("steps", steps=(*first, *rest))

    @property
    def in_order(self) -> bool:
        """Whether offers are used up in an order; of another's rule only better rates are asked."""
        return self.name in {"fifo", "lottery", "other"}


def _read_step(table: Mapping[str, Any]) -> tuple[str, int, int | None, int]:
    return (
        check_name(table["rule"], _STEPS, "rule"),
        _share(table["share"]),
        amount(table["at_most"]) if "at_most" in table else None,
        amount(table.get("drop_below", "0")),
    )


def _share(text: str) -> int:
    return check_whole(rate(text), "share", 0, FULL_SHARE)


def lot(seed: int, request_id: str, offer_id: str) -> bytes:
    """The lot that ranks an offer for a request in a lottery."""
    key = seed.to_bytes(8, "little")
    return blake2b(f"{request_id}\0{offer_id}".encode(), key=key, digest_size=16).digest()


def shared(rule: AuditAllocation, need: int, rooms: list[int], unit: int, least: int) -> list[int]:
    """One part per room; amounts in minor units, multiples of `unit`."""
    whole = [room // unit for room in rooms]
    need, least = need // unit, least // unit
    if rule.name == "steps":
        parts = _in_steps(rule, need, whole, unit, least)
    else:
        parts = _RULES[rule.name](need, whole, least)
    return [part * unit for part in parts]


def _pro_rata(need: int, rooms: list[int], least: int) -> list[int]:
    by_size = sorted(range(len(rooms)), key=lambda row: (-rooms[row], row))
    kept, total = len(rooms), sum(rooms)
    if least > 1:
        while kept and need * rooms[by_size[kept - 1]] < least * total:
            kept -= 1
            total -= rooms[by_size[kept]]
    raised: list[int] = []
    if total < need:
        kept = total = 0
        while total < need:
            total += rooms[by_size[kept]]
            kept += 1
        if kept * least > need:
            full = set(by_size[: kept - 1])
            return [room if row in full else 0 for row, room in enumerate(rooms)]
        while need * rooms[by_size[kept - 1]] < least * total:
            kept -= 1
            raised.append(by_size[kept])
            total -= rooms[by_size[kept]]
            need -= least
    parts = [0] * len(rooms)
    for row in raised:
        parts[row] = least
    _largest_remainder(need, rooms, sorted(by_size[:kept]), parts)
    return parts


def _largest_remainder(need: int, rooms: list[int], rows: list[int], parts: list[int]) -> None:
    total = sum(rooms[row] for row in rows)
    left = need
    for row in rows:
        parts[row] = need * rooms[row] // total
        left -= parts[row]
    for row in sorted(rows, key=lambda row: (-(need * rooms[row] % total), row))[:left]:
        parts[row] += 1


def _equal_share(need: int, rooms: list[int], least: int) -> list[int]:
    notes = min(need // least, len(rooms))
    rows = list(range(notes))
    if sum(rooms[:notes]) < need and notes < len(rooms):
        rows = sorted(sorted(range(len(rooms)), key=lambda row: (-rooms[row], row))[:notes])
    parts = [0] * len(rooms)
    left = min(need, sum(rooms[row] for row in rows))
    # Those with least room first: each can have at most an even part of what is left.
    waiting = sorted(rows, key=lambda row: rooms[row])
    while waiting and rooms[waiting[0]] * len(waiting) <= left:
        row = waiting.pop(0)
        parts[row] = rooms[row]
        left -= rooms[row]
    for number, row in enumerate(sorted(waiting)):
        parts[row] = left // len(waiting) + (number < left % len(waiting))
    return parts


def _in_steps(
    rule: AuditAllocation, need: int, rooms: list[int], unit: int, least: int
) -> list[int]:
    parts = [0] * len(rooms)
    for name, share, most, drop_below in rule.steps:
        target = share * (need - sum(parts)) // FULL_SHARE
        if most is not None:
            target = min(target, most // unit)
        if not target:
            continue
        left = [room - part for room, part in zip(rooms, parts, strict=True)]
        for row, more in enumerate(_step(name, target, left, least)):
            if more * unit >= drop_below:
                parts[row] += more
    return _whole_notes(need, parts, rooms, least)


def _step(name: str, target: int, left: list[int], least: int) -> list[int]:
    if name == "oldest":
        return [min(target, left[0])] + [0] * (len(left) - 1)
    if name == "fifo":
        return _in_order(target, left)
    if name == "pro_rata_floors":
        total = sum(left)
        return [target * room // total for room in left]
    rows = [row for row, room in enumerate(left) if room >= least]
    rooms = [left[row] for row in rows]
    more = [0] * len(left)
    if rows:
        for row, part in zip(
            rows, _RULES[name](min(target, sum(rooms)), rooms, least), strict=True
        ):
            more[row] = part
    return more


def _in_order(target: int, rooms: list[int]) -> list[int]:
    parts = []
    for room in rooms:
        parts.append(min(room, target))
        target -= parts[-1]
    return parts


def _whole_notes(need: int, parts: list[int], rooms: list[int], least: int) -> list[int]:
    """What parts too small had goes to the other notes by arrival, then to those without one."""
    parts = [part if part >= least else 0 for part in parts]
    missing = need - sum(parts)
    rows = sorted(range(len(parts)), key=lambda row: (parts[row] == 0, row))
    for row in rows:
        more = min(rooms[row] - parts[row], missing)
        parts[row] += more
        missing -= more
    for row, part in enumerate(parts):
        if 0 < part < least:
            short = least - part
            enough = sum(max(other - least, 0) for other in parts) >= short
            parts[row] = least if enough else 0
            for other in reversed(range(len(parts) if enough else 0)):
                if other != row:
                    spared = min(short, max(parts[other] - least, 0))
                    parts[other] -= spared
                    short -= spared
    return parts


_RULES: Mapping[str, Callable[[int, list[int], int], list[int]]] = MappingProxyType(
    {"pro_rata": _pro_rata, "equal_share": _equal_share}
)
_STEPS = ("fifo", "oldest", "pro_rata_floors", *_RULES)
_MAX_STEPS = 20
# A lottery's seed is eight bytes.
_MAX_SEED = 2**64 - 1
