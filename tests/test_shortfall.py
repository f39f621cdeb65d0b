"""What each reason costs, by hand, one market each."""

from typing import Any

import pytest

from p2pmatch import BorrowerLimits, Limits, Marketplace, Posted
from p2pmatch.reasons import REASONS
from tests.helpers import market, offer, request


def lacks(made: Marketplace, amount: int = 1_000, percent: int = 20, **more: Any) -> dict[str, int]:
    quote = made.quote(request(amount, percent, **more), now=1)
    found = {lack.reason: lack.amount for lack in quote.shortfalls}
    assert sum(found.values()) == quote.unfunded
    assert len(found) == len(quote.shortfalls)
    assert all(lack.meaning == REASONS[lack.reason] for lack in quote.shortfalls)
    return found


def test_each_reason_by_itself() -> None:
    assert lacks(market()) == {"empty_book": 1_000}
    assert lacks(market(("o1", "ann", 400, 5))) == {"empty_book": 600}
    assert lacks(market(("o1", "ann", 2_000, 5))) == {}
    assert lacks(market(("o1", "ann", 2_000, 21))) == {"rate": 1_000}
    assert lacks(market(("o1", "bob", 2_000, 5))) == {"same_party": 1_000}
    limited = market(("o1", "ann", 2_000, 5), borrower_limits=BorrowerLimits(total=700))
    assert lacks(limited) == {"borrower_limit": 300}
    shared = market(("o1", "ann", 2_000, 5), ("o2", "ben", 100, 5), max_share=500_000)
    assert lacks(shared) == {"max_share": 800}  # ann 100, ben 100
    assert lacks(market(("o1", "ann", 400, 5)), min_amount=500) == {
        "below_min_amount": 400,
        "empty_book": 600,
    }


@pytest.mark.parametrize("name", ["per_loan", "per_borrower", "per_grade", "total"])
def test_a_limit_by_its_name(name: str) -> None:
    made = market(("o1", "ann", 2_000, 5), lender_limits=Limits(**{name: 300}))
    assert lacks(made) == {name: 700}


def test_the_caps_of_an_offer() -> None:
    made = market()
    made.post(offer("o1", "ann", 2_000, 5, max_per_loan=300), now=0)
    assert lacks(made) == {"offer_max_per_loan": 700}
    made.post(offer("o2", "ben", 2_000, 5, max_share=500_000), now=0)
    # 300 + F / 2 = F; with the first cap lifted nothing is missing.
    assert lacks(made) == {"offer_max_per_loan": 400}
    tagged = market()
    tagged.post(offer("o1", "ann", 2_000, 5, requires={"green"}), now=0)
    assert lacks(tagged) == {"tags": 1_000}
    shared = market()
    shared.post(offer("o1", "ann", 2_000, 5, max_share=999_999), now=0)
    assert lacks(shared) == {"offer_max_share": 1_000}


def test_the_parts_of_an_offer_share_its_caps() -> None:
    made = market()
    made.post(offer("o1", "ann", 400, 5, max_per_loan=300), now=0)
    made.amend("o1", amount=2_000, now=0)
    assert lacks(made) == {"offer_max_per_loan": 700}
    made.amend("o1", max_share=200_000, now=0)
    assert lacks(made) == {"offer_max_share": 1_000}


def test_the_smallest_note() -> None:
    # Sixty would be lent, and no other note can spare the ten that the second lacks.
    made = market(("o1", "ann", 50, 5), ("o2", "ben", 90, 6), min_note=50)
    assert lacks(made, 90) == {"below_min_note": 40}
    # What is below a note does not stand in the book, whatever notes may be.
    assert lacks(market(("o1", "ann", 49, 5), min_note=50), 49) == {"empty_book": 49}


def test_what_two_reasons_hold_back_is_charged_to_the_later_one() -> None:
    made = market()
    made.post(offer("o1", "ann", 300, 30), now=0)
    made.post(offer("o2", "ben", 300, 30, requires={"green"}), now=0)
    # ann's waits for the rate alone; ben's for the tag as well, which is lifted after it.
    assert lacks(made) == {"rate": 300, "tags": 300, "empty_book": 400}


def test_posted_rates() -> None:
    rules = {"pricing": Posted({("A", 36): 60_000}), "terms": [12, 36]}
    made = market(("o1", "ann", 2_000, 5), ("o2", "ben", 2_000, 7), **rules)
    assert lacks(made, percent=5) == {"rate": 1_000}
    assert lacks(made, 3_000, percent=6) == {"empty_book": 1_000}
    assert lacks(made, term=12) == {"no_posted_rate": 1_000}


def test_what_has_expired_is_not_in_the_book() -> None:
    made = market()
    made.post(offer("o1", "ann", 2_000, 5, expires_at=1), now=0)
    assert lacks(made) == {"empty_book": 1_000}
