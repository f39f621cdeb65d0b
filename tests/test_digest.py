"""What a digest depends on: all that decides later events, and nothing that does not."""

import numpy as np

from p2pmatch import Marketplace, Rules
from p2pmatch.pricing import Accepted, Priced, PricingRule


class AtAsk:
    """A pricing rule of somebody's own that says nothing of itself."""

    def price(self, accepted: Accepted) -> Priced:
        """Each note at what its offer asks."""
        return Priced(accepted.asks, "own_ask")


class Plus(AtAsk):
    """One that says what makes it another."""

    def __init__(self, more: int) -> None:
        self.more = more

    def __repr__(self) -> str:
        return f"Plus({self.more})"

    def price(self, accepted: Accepted) -> Priced:
        """Each note at a little more, as far as the borrower accepts it."""
        return Priced(np.minimum(accepted.asks + self.more, accepted.max_rate), "more")


def digest(pricing: str | PricingRule) -> str:
    return Marketplace(Rules(grades=["A"], terms=[36], pricing=pricing)).digest()


def test_a_rule_that_says_nothing_of_itself_is_its_name() -> None:
    # Once the digest told where in memory it lies.
    assert digest(AtAsk()) == digest(AtAsk())
    assert digest(AtAsk()) != digest("pay_as_offered")
    assert digest(Plus(1)) == digest(Plus(1))
    assert len({digest(rule) for rule in (AtAsk(), Plus(1), Plus(2), "midpoint")}) == 4
