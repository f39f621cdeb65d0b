"""On what an offer lends, in the form in which columns have it: one number where nothing is set."""

from typing import Final

from p2pmatch.units import FULL_SHARE

__all__ = ["NEVER", "NO_CAP", "NO_SHARE", "Place", "TagRule", "tags_fit", "unless"]

# "No limit" as the neutral element of a minimum: larger than anything it is compared with.
NO_CAP: Final = 2**62
NO_SHARE: Final = 2 * FULL_SHARE
NEVER: Final = 2**63 - 1

#: The grades and the terms an offer stands in; None: all.
Place = tuple[frozenset[str] | None, frozenset[int] | None]
#: The tags an offer requires and those it refuses.
TagRule = tuple[frozenset[str], frozenset[str]]


def unless(value: int, absent: int) -> int | None:
    """None if `value` is the number that stands for "not set"."""
    return None if value == absent else value


def tags_fit(tag_rule: TagRule, tags: frozenset[str]) -> bool:
    """Whether an offer with this rule may lend to a request with these tags."""
    required, refused = tag_rule
    return required <= tags and not refused & tags
