"""What comes in bulk is numbered as one by one, and lies as it ranks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pmatch import Marketplace, Offer, P2PMatchError, Rules, commands
from p2pmatch.errors import InvariantError
from p2pmatch.invariants import check
from p2pmatch.keys import arrivals_of
from p2pmatch.state import State
from p2pmatch.testing import histories, rules, tell
from tests.examples import of_hundred
from tests.helpers import many


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=12), max_size=4))
def test_lenders_are_numbered_as_they_come(batches: list[list[str]]) -> None:
    one, many = (State(Rules(grades=["A"], terms=[36])) for _ in range(2))
    for batch in batches:
        numbers = [one.lender_number(lender) for lender in batch]
        assert many.numbers_of_lenders(batch).tolist() == numbers
        assert many.lender_names == one.lender_names == list(many.lenders)
        assert many.lenders == one.lenders


def two_grades() -> Marketplace:
    return Marketplace(Rules(grades=["A", "B"], terms=[36]))


def in_bulk(rates: list[int], grades: list[str], **more: Any) -> Marketplace:
    """Offers o0, o1, ... at these rates, in percent, posted together at 0."""
    market = two_grades()
    percent = [rate * 10_000 for rate in rates]
    market.post_many(many(len(rates), min_rate=percent, grades=grades, **more), now=0)
    return market


def lying(market: Marketplace) -> list[str]:
    """The offers as the table has them."""
    state = market._state
    return state.offer_names.at(np.arange(state.table.count, dtype=np.int32))


def queued(market: Marketplace, grade: str) -> list[str]:
    return [entry.offer_id for entry in market.queue(grade, 36)]


def test_offers_that_come_together_lie_as_they_rank() -> None:
    market = in_bulk([9, 7, 8, 7], [""] * 4)
    assert lying(market) == ["o1", "o3", "o2", "o0"]
    assert queued(market, "A") == queued(market, "B") == lying(market)
    assert [status.offer_id for status in market.offers()] == ["o0", "o1", "o2", "o3"]
    assert market.offer("o0").lender_id == market.offer_terms("o0").lender_id


def test_those_of_a_cell_lie_together() -> None:
    market = in_bulk([9, 7, 8, 7, 5], ["A", "B", "A", "", "B"])
    assert lying(market) == ["o3", "o2", "o0", "o4", "o1"]
    # What stands in several cells is ranked among the others of each.
    assert queued(market, "A") == ["o3", "o2", "o0"]
    assert queued(market, "B") == ["o4", "o1", "o3"]
    assert arrivals_of(
        market._state.ladders[0].standing(market._state.table.remaining, 1)[0]
    ).tolist() == [3, 2, 0]


def test_an_offer_that_is_not_there_is_none_of_the_book() -> None:
    state = in_bulk([7], [""])._state
    assert state.slot_of("o0") == 0
    with pytest.raises(InvariantError, match="o1"):
        state.slot_of("o1")


def test_no_offers_at_all_are_no_trouble() -> None:
    market = in_bulk([], [])
    assert (list(market.offers()), lying(market)) == ([], [])


def test_those_whose_time_is_up_together_go_in_the_order_in_which_they_came() -> None:
    market = in_bulk([9, 7, 8], [""] * 3, expires_at=[5, 5, None])
    market.post(Offer(offer_id="x", lender_id="ann", amount=3, min_rate=10, expires_at=5), now=0)
    gone: list[Any] = []
    market.subscribe(gone.append)
    market.advance(5)
    assert [event.offer_id for event in gone[:-1]] == ["o0", "o1", "x"]


@given(st.data())
@settings(max_examples=of_hundred(60), suppress_health_check=[HealthCheck.too_slow])
def test_what_lies_elsewhere_is_the_same_memory(data: st.DataObject) -> None:
    """Whole histories; each bulk post against single ones."""
    drawn = data.draw(rules())
    bulk, single = Marketplace(drawn), Marketplace(drawn)
    for command in data.draw(histories(drawn)):
        try:
            tell(bulk, command)
        except P2PMatchError:
            continue
        if isinstance(command, commands.PostOffers):
            for offer in command.offers:
                single.post(offer, now=command.now)
            if not len(command.offers):
                single.advance(command.now)
        else:
            tell(single, command)
        check(bulk._state)
        assert bulk.digest() == single.digest()
        for grade, term in drawn.cells:
            assert bulk.queue(grade, term) == single.queue(grade, term)
    assert list(bulk.offers()) == list(single.offers())
    assert list(bulk.loans()) == list(single.loans())
