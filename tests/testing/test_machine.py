"""The machine that is handed out lives through its own histories."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pmatch import Marketplace, P2PMatchError, Rules, commands
from p2pmatch.stores import MemoryStore
from p2pmatch.testing import MarketplaceMachine, histories, offers, requests, rules, tell
from p2pmatch.testing.machine import CALLS
from tests.examples import of_hundred
from tests.helpers import offer
from tests.house.test_complete import ALL_COMMANDS

TestMachine = MarketplaceMachine.TestCase
TestMachine.settings = settings(
    max_examples=of_hundred(30), stateful_step_count=25, suppress_health_check=list(HealthCheck)
)


def test_every_command_can_be_told() -> None:
    assert {*CALLS, commands.AmendOffer} == ALL_COMMANDS


def test_an_offer_is_amended_by_the_call_for_it() -> None:
    market = Marketplace(Rules(grades=["A"], terms=[36]))
    tell(market, commands.PostOffer(offer=offer("o1", "ann", 50, 5), now=0))
    tell(market, commands.AmendOffer(offer_id="o1", changes={"amount": 70}, now=1))
    assert market.offer("o1").amount == 70


@settings(max_examples=of_hundred(40), suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_drawn_for_rules_is_taken_under_them(data: st.DataObject) -> None:
    drawn = data.draw(rules())
    market = Marketplace(drawn)
    market.post(data.draw(offers(drawn, now=3)), now=3)
    market.submit(data.draw(requests(drawn, now=4)), now=4)


@settings(max_examples=of_hundred(40), suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_history_is_the_same_with_and_without_a_store(data: st.DataObject) -> None:
    drawn = data.draw(rules())
    plain, kept = Marketplace(drawn), Marketplace.open(MemoryStore(), drawn)
    for command in data.draw(histories(drawn)):
        outcomes = []
        for market in (plain, kept):
            try:
                outcomes.append(tell(market, command))
            except P2PMatchError as refusal:
                outcomes.append(str(refusal))
        assert outcomes[0] == outcomes[1]
        assert plain.digest() == kept.digest()
