"""Which rate each note of a loan bears: one rule, one file."""

from collections.abc import Mapping
from types import MappingProxyType

from p2pmatch.errors import UnknownName
from p2pmatch.pricing.pay_as_offered import PayAsOffered
from p2pmatch.pricing.rule import Accepted, PricingRule

__all__ = ["PRICING_RULES", "Accepted", "PayAsOffered", "PricingRule", "pricing_rule"]

#: The rules that go by a bare name.
PRICING_RULES: Mapping[str, PricingRule] = MappingProxyType({"pay_as_offered": PayAsOffered()})


def pricing_rule(rule: object) -> PricingRule:
    """The rule of that name, or the rule itself; raises UnknownName with the list of names.

    Examples
    --------
    >>> pricing_rule("pay_as_offered")
    PayAsOffered()
    """
    if isinstance(rule, str) and rule in PRICING_RULES:
        return PRICING_RULES[rule]
    if isinstance(rule, PricingRule):
        return rule
    raise UnknownName("unknown_rule", "pricing", rule, f"one of {sorted(PRICING_RULES)}")
