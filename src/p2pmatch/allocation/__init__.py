"""How the money wanted at one rate is divided among the offers at that rate: one rule, one file."""

from collections.abc import Mapping
from types import MappingProxyType

from p2pmatch.allocation.fifo import Fifo
from p2pmatch.allocation.rule import AllocationRule, Level
from p2pmatch.errors import UnknownName

__all__ = ["ALLOCATION_RULES", "AllocationRule", "Fifo", "Level", "allocation_rule"]

#: The rules that go by a bare name.
ALLOCATION_RULES: Mapping[str, AllocationRule] = MappingProxyType({"fifo": Fifo()})


def allocation_rule(rule: object) -> AllocationRule:
    """The rule of that name, or the rule itself; raises UnknownName with the list of names.

    Examples
    --------
    >>> allocation_rule("fifo")
    Fifo()
    """
    if isinstance(rule, str) and rule in ALLOCATION_RULES:
        return ALLOCATION_RULES[rule]
    if isinstance(rule, AllocationRule):
        return rule
    raise UnknownName("unknown_rule", "allocation", rule, f"one of {sorted(ALLOCATION_RULES)}")
