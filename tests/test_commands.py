"""What an amendment may hold: what an offer's fields would, read once."""

from typing import Any

import pytest

from p2pmatch import Listing, Marketplace, Offer, P2PMatchError, Rules
from p2pmatch.commands import AMENDABLE, AmendOffer
from p2pmatch.journal import verify
from p2pmatch.stores import MemoryStore
from tests.helpers import offer, request

RULES = Rules(grades=["A", "1"], terms=[36])


def test_all_but_who_an_offer_is_may_be_changed() -> None:
    assert {"offer_id", "lender_id"}.isdisjoint(AMENDABLE)
    assert len(AMENDABLE) == 9


def test_changes_are_held_as_an_offer_holds_them() -> None:
    given: dict[str, Any] = {
        "grades": ["A"],
        "terms": iter([36]),
        "min_rate": {"A": True + 4},
        "max_per_loan": None,
    }
    changes = AmendOffer(offer_id="o", changes=given, now=0).changes
    made = Offer(offer_id="o", lender_id="l", amount=1, **{**given, "terms": [36]})
    assert changes == {name: getattr(made, name) for name in given}
    assert changes is not given


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"requires": {"a\nb"}}, "malformed", "requires"),
        ({"requires": None}, "wrong_type", "requires"),
        ({"min_rate": {1: 5}}, "wrong_type", "min_rate"),
        ({"min_rate": {}}, "empty", "min_rate"),
        ({"min_rate": {"A": b"5"}}, "wrong_type", "min_rate"),
        ({"grades": []}, "empty", "grades"),
        ({"terms": {0}}, "zero", "terms"),
        ({"amount": 0}, "zero", "amount"),
        ({"max_share": 1_000_001}, "too_large", "max_share"),
        ({"amount": 5, "lender_id": "x"}, "unknown_field", "changes"),
        ([("amount", 5)], "wrong_type", "changes"),
    ],
)
def test_what_no_offer_takes_is_no_change(changes: Any, code: str, field: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        AmendOffer(offer_id="o", changes=changes, now=0)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("changes", [{"requires": {"a\nb"}}, {"min_rate": {1: 5}}])
def test_a_journal_verifies_after_a_refused_amendment(changes: dict[str, Any]) -> None:
    # Once the journal had a text for what JSON has not, which is another amendment.
    store = MemoryStore()
    market = Marketplace.open(store, RULES)
    market.post(offer("o", "ann", 10, 5), now=0)
    before = market.digest()
    with pytest.raises(P2PMatchError):
        market.amend("o", **changes, now=1)
    assert market.digest() == before
    verify(store)


@pytest.mark.parametrize("now", [3, 6])
def test_what_can_be_read_once_is_read_once(now: int) -> None:
    # Where something is due a command is decided twice.
    market = Marketplace(RULES)
    market.post(offer("o", "ann", 10, 5), now=0)
    market.submit(request(10_000, 5), now=0, time_in_force=Listing(closes_at=5))
    market.amend("o", requires=(tag for tag in ["a"]), now=now)
    assert market.offer_terms("o").requires == {"a"}
