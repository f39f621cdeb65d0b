"""Match now or cancel; and hold a pricing rule to its contract."""

import attrs
import numpy as np
import pytest

from p2pmatch import Accepted, InvariantError, Priced
from p2pmatch import events as e
from tests.helpers import market, request


@attrs.frozen
class Flat:
    """One rate for all, a row too few if told so."""

    rate: int
    short: bool = False

    def price(self, accepted: Accepted) -> Priced:
        rates = np.full_like(accepted.asks, self.rate)
        return Priced(rates[1:] if self.short else rates, "flat")


def test_the_events_of_a_request() -> None:
    made = market(("a", "ann", 100, 5))
    loan, rest = made.submit(request(150), now=3).events
    assert isinstance(loan, e.LoanMade)
    assert isinstance(rest, e.RequestUnfunded)
    assert (loan.now, loan.loan.principal) == (3, 100)
    assert (rest.amount, rest.reason, rest.request) == (50, "not_enough_room", request(150))


def test_a_pricing_rule_gives_the_rates_of_the_notes() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), pricing=Flat(70_000))
    loan = made.submit(request(150), now=3).loan
    assert loan is not None
    assert loan.notes.rates.tolist() == [70_000, 70_000]
    assert loan.rate == loan.marginal_rate == 70_000
    assert {note.rate_source for note in loan.notes} == {"flat"}


@pytest.mark.parametrize("rule", [Flat(59_999), Flat(200_001), Flat(70_000, short=True)])
def test_a_rate_one_side_did_not_accept_is_our_bug_and_changes_nothing(rule: Flat) -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), pricing=rule)
    before = made.digest()
    with pytest.raises(InvariantError, match="Flat"):
        made.submit(request(150), now=3)
    assert made.digest() == before
