"""Which rate each note of a loan bears: one rule, one file."""

from collections.abc import Mapping
from types import MappingProxyType

from p2pmatch.errors import UnknownName
from p2pmatch.pricing.midpoint import Midpoint
from p2pmatch.pricing.pay_as_offered import PayAsOffered
from p2pmatch.pricing.posted import Posted
from p2pmatch.pricing.rule import Accepted, Priced, PricingRule, priced
from p2pmatch.pricing.uniform_first_rejected import UniformFirstRejected
from p2pmatch.pricing.uniform_marginal import UniformMarginal

__all__ = [
    "PRICING_RULES",
    "Accepted",
    "Midpoint",
    "PayAsOffered",
    "Posted",
    "Priced",
    "PricingRule",
    "UniformFirstRejected",
    "UniformMarginal",
    "priced",
    "pricing_rule",
]

#: The rules that go by a bare name.
PRICING_RULES: Mapping[str, PricingRule] = MappingProxyType(
    {
        "midpoint": Midpoint(),
        "pay_as_offered": PayAsOffered(),
        "uniform_first_rejected": UniformFirstRejected(),
        "uniform_marginal": UniformMarginal(),
    }
)

_ACCEPTED = f"one of {sorted(PRICING_RULES)}, Posted({{(grade, term): rate}})"


def pricing_rule(rule: object) -> PricingRule:
    """The rule of that name, or the rule itself; raises UnknownName with the list of names.

    Examples
    --------
    >>> pricing_rule("pay_as_offered")
    PayAsOffered()
    """
    if isinstance(rule, str) and rule in PRICING_RULES:
        return PRICING_RULES[rule]
    # A class has the method too, but is no rule before it is made.
    if isinstance(rule, PricingRule) and not isinstance(rule, type):
        return rule
    raise UnknownName("unknown_rule", "pricing", rule, _ACCEPTED)
