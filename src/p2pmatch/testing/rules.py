"""What every allocation and every pricing rule must keep to, on any level and any notes."""

import numpy as np

from p2pmatch.allocation import AllocationRule, Level
from p2pmatch.pricing import Accepted, PricingRule

__all__ = ["check_allocation", "check_pricing"]


def check_allocation(rule: AllocationRule, level: Level) -> None:
    """Raise AssertionError unless the rule's parts are notes within the rooms, and the same twice.

    It must place the need to within a note; to the last unit where a note may be one increment.

    Examples
    --------
    >>> from p2pmatch import ALLOCATION_RULES
    >>> level = Level(need=50, rooms=np.array([30, 60]), increment=5, min_note=10,
    ...               request_id="r", offer_ids=["a", "b"])
    >>> check_allocation(ALLOCATION_RULES["pro_rata"], level)
    """
    parts = rule.allocate(level)
    rooms, need, unit, least = level.rooms, level.need, level.increment, level.min_note
    assert parts.dtype == np.int64, f"parts are {parts.dtype}; accepted: int64"
    assert parts.shape == rooms.shape, f"{parts.shape} parts for {rooms.shape} rooms"
    assert ((parts >= 0) & (parts <= rooms)).all(), f"{parts} is not within the rooms {rooms}"
    assert not (parts % unit).any(), f"{parts} are not multiples of {unit}"
    assert (parts[parts > 0] >= least).all(), f"a part of {parts} is below the least note, {least}"
    placed = int(parts.sum())
    assert placed <= need, f"{placed} is more than was wanted, {need}"
    short = min(need, int(rooms.sum())) - placed
    assert short < max(least, 1), f"{short} could have been placed"
    assert least > unit or short == 0, f"{short} could have been placed"
    assert (rule.allocate(level) == parts).all(), "the same level gives other parts"


def check_pricing(rule: PricingRule, accepted: Accepted) -> None:
    """Raise AssertionError unless every note's rate is one both sides accept, and the same twice.

    Examples
    --------
    >>> from p2pmatch import PRICING_RULES
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]),
    ...                     asks=np.array([50_000, 60_000]), max_rate=90_000)
    >>> check_pricing(PRICING_RULES["midpoint"], accepted)
    """
    priced = rule.price(accepted)
    rates, asks = priced.rates, accepted.asks
    assert rates.dtype == np.int64, f"rates are {rates.dtype}; accepted: int64"
    assert rates.shape == asks.shape, f"{rates.shape} rates for {asks.shape} notes"
    assert (rates >= asks).all(), f"{rates} is less than what was asked, {asks}"
    assert (rates <= accepted.max_rate).all(), f"{rates} is above {accepted.max_rate}"
    assert priced.source, "a rate without a source"
    again = rule.price(accepted)
    assert (again.rates == rates).all(), "the same notes give other rates"
    assert again.source == priced.source, "the same notes give another source"
