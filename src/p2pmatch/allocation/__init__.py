"""How the money wanted at one rate is divided among the offers at that rate: one rule, one file."""

from collections.abc import Mapping
from types import MappingProxyType

from p2pmatch.allocation.equal_share import EqualShare
from p2pmatch.allocation.fifo import Fifo
from p2pmatch.allocation.lottery import Lottery
from p2pmatch.allocation.pro_rata import ProRata
from p2pmatch.allocation.rule import AllocationRule, Level, allocated
from p2pmatch.allocation.steps import Split, Step, Steps
from p2pmatch.errors import UnknownName

__all__ = [
    "ALLOCATION_RULES",
    "AllocationRule",
    "EqualShare",
    "Fifo",
    "Level",
    "Lottery",
    "ProRata",
    "Split",
    "Step",
    "Steps",
    "allocated",
    "allocation_rule",
]

#: The rules that go by a bare name.
ALLOCATION_RULES: Mapping[str, AllocationRule] = MappingProxyType(
    {"equal_share": EqualShare(), "fifo": Fifo(), "pro_rata": ProRata()}
)

_ACCEPTED = f"one of {sorted(ALLOCATION_RULES)}, Split(share), Lottery(seed), Steps([...])"


def allocation_rule(rule: object) -> AllocationRule:
    """The rule of that name, or the rule itself; raises UnknownName with the list of names.

    Examples
    --------
    >>> allocation_rule("fifo")
    Fifo()
    """
    if isinstance(rule, str) and rule in ALLOCATION_RULES:
        return ALLOCATION_RULES[rule]
    # A class has the method too, but is no rule before it is made.
    if isinstance(rule, AllocationRule) and not isinstance(rule, type):
        return rule
    raise UnknownName("unknown_rule", "allocation", rule, _ACCEPTED)
