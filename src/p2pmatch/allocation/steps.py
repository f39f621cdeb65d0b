"""Several ways of sharing, one after the other, as exchanges define theirs."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, cast

import attrs
import numpy as np

from p2pmatch import checks
from p2pmatch.allocation.equal_share import shared_equally
from p2pmatch.allocation.notes import in_order, without_dust
from p2pmatch.allocation.pro_rata import proportional, shared_by_room
from p2pmatch.allocation.rule import Level
from p2pmatch.arrays import Amounts
from p2pmatch.errors import InvalidValue
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT

__all__ = ["STEP_RULES", "Split", "Step", "Steps"]

# The most steps one rule may have.
_MAX_STEPS: Final = 20


def _fifo(need: int, rooms: Amounts, _: int) -> Amounts:
    return in_order(need, rooms, 0)


def _oldest(need: int, rooms: Amounts, _: int) -> Amounts:
    parts = np.zeros_like(rooms)
    parts[0] = min(need, int(rooms[0]))
    return parts


def _pro_rata(need: int, rooms: Amounts, least: int) -> Amounts:
    return _where_a_note_fits(shared_by_room, need, rooms, least)


def _pro_rata_floors(need: int, rooms: Amounts, _: int) -> Amounts:
    return proportional(need, rooms)[0]


def _equal_share(need: int, rooms: Amounts, least: int) -> Amounts:
    return _where_a_note_fits(shared_equally, need, rooms, least)


_Share = Callable[[int, Amounts, int], Amounts]


def _where_a_note_fits(share: _Share, need: int, rooms: Amounts, least: int) -> Amounts:
    parts = np.zeros_like(rooms)
    rows = np.flatnonzero(rooms >= least)
    if len(rows):
        parts[rows] = share(min(need, int(rooms[rows].sum())), rooms[rows], least)
    return parts


#: What a step can do with its money; all but "oldest" and "pro_rata_floors" place the whole of it.
STEP_RULES: Mapping[str, _Share] = MappingProxyType(
    {
        "fifo": _fifo,
        "oldest": _oldest,
        "pro_rata": _pro_rata,
        "pro_rata_floors": _pro_rata_floors,
        "equal_share": _equal_share,
    }
)


@attrs.frozen(eq=False, repr=False)
class Step(Record):
    """One way of sharing a part of the money wanted at a rate.

    Parameters
    ----------
    rule : a key of `STEP_RULES`: "fifo"; "oldest", the offer that came first alone; "pro_rata", by
        largest remainder; "pro_rata_floors", rounded down, what is left over goes on to the next
        step; "equal_share".
    share : the most it places, ppm of the money still wanted when its turn comes.
    at_most : the most it places, minor units; None: no such bound.
    drop_below : parts it would give below this are dropped, minor units; what they had goes on to
        the next step.
    """

    rule: str = attrs.field(converter=checks.text, validator=checks.one_of(STEP_RULES))
    share: int = attrs.field(
        default=FULL_SHARE, converter=checks.plain, validator=checks.whole(1, FULL_SHARE)
    )
    at_most: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    drop_below: int = attrs.field(
        default=0, converter=checks.plain, validator=checks.whole(0, MAX_AMOUNT)
    )

    @property
    def places_all(self) -> bool:
        """Whether nothing is ever left for another step."""
        bounded = self.share < FULL_SHARE or self.at_most is not None or self.drop_below
        return not bounded and self.rule not in {"oldest", "pro_rata_floors"}


def _steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """A collection as a tuple; what is none is left for the validator."""
    return cast("tuple[Step, ...]", checks.in_order(steps))


def _check_steps(_: object, __: object, steps: object) -> None:
    accepted = f"1 to {_MAX_STEPS} Step(...)"
    if not isinstance(steps, tuple) or not all(isinstance(step, Step) for step in steps):
        raise InvalidValue("wrong_type", "steps", steps, accepted)
    if not steps:
        raise InvalidValue("empty", "steps", steps, accepted)
    if len(steps) > _MAX_STEPS:
        raise InvalidValue("too_large", "steps", len(steps), accepted)
    for step in steps[:-1]:
        if step.places_all:
            raise InvalidValue("contradiction", "steps", step, "a bound, for steps follow")
    if not steps[-1].places_all:
        accepted = "a last step without bounds: fifo, pro_rata or equal_share"
        raise InvalidValue("contradiction", "steps", steps[-1], accepted)


@attrs.frozen(eq=False, repr=False)
class Steps(Record):
    """An ordered list of steps: each shares what those before it have left.

    A step sees the room that is left, and its bounds are rounded down to the increment. Where the
    smallest note is more than an increment, parts that end up below it go to the others by arrival.

    Parameters
    ----------
    steps : the last of them must place everything.

    Examples
    --------
    The oldest offer first up to 40 %, then pro rata with shares under 2 dropped, then fifo:

    >>> rule = Steps([Step("oldest", share=400_000), Step("pro_rata_floors", drop_below=2),
    ...               Step("fifo")])
    >>> level = Level(need=50, rooms=np.array([30, 60, 1, 40]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c", "d"])
    >>> rule.allocate(level).tolist()
    [24, 16, 0, 10]
    """

    steps: tuple[Step, ...] = attrs.field(converter=_steps, validator=_check_steps)

    def allocate(self, level: Level) -> Amounts:
        """Share step by step. O(n) a step, O(n log n) for equal shares."""
        return level.in_units(self._in_units(level.increment))

    def _in_units(self, unit: int) -> _Share:
        def share(need: int, rooms: Amounts, least: int) -> Amounts:
            parts = np.zeros_like(rooms)
            for step in self.steps:
                target = step.share * (need - int(parts.sum())) // FULL_SHARE
                if step.at_most is not None:
                    target = min(target, step.at_most // unit)
                if target:
                    more = STEP_RULES[step.rule](target, rooms - parts, least)
                    parts += np.where(more * unit < step.drop_below, 0, more)
            return without_dust(need, parts, rooms, least)

        return share


@attrs.frozen(eq=False, repr=False)
class Split(Record):
    """A fraction by arrival, the rest in proportion to the room that is left.

    Parameters
    ----------
    fifo_share : ppm; `rate("40%")` says it well.

    Examples
    --------
    >>> level = Level(need=50, rooms=np.array([30, 60, 10]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c"])
    >>> Split(400_000).allocate(level).tolist()  # 20 to the first; 30 shared by 10, 60 and 10
    [24, 22, 4]
    """

    fifo_share: int = attrs.field(converter=checks.plain, validator=checks.whole(0, FULL_SHARE))

    def allocate(self, level: Level) -> Amounts:
        """Share in two steps. O(n)."""
        return self._steps.allocate(level)

    @property
    def _steps(self) -> "Steps":
        fifo = [Step("fifo", share=self.fifo_share)] if self.fifo_share else []
        return (
            Steps([*fifo, Step("pro_rata")])
            if self.fifo_share < FULL_SHARE
            else Steps([Step("fifo")])
        )
