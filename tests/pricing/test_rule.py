"""What holds for every pricing rule, and what is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import (
    PRICING_RULES,
    Accepted,
    InvariantError,
    Marketplace,
    Offer,
    Posted,
    Priced,
    PricingRule,
    Request,
    Rules,
)
from p2pmatch.pricing import Midpoint, pricing_rule
from tests.helpers import refusal_of
from tests.pricing.notes import accepted

SOURCES = {"own_ask", "marginal", "first_rejected", "max_rate", "midpoint", "posted"}


@pytest.mark.parametrize(
    "rule", [*PRICING_RULES.values(), Posted({("A", 36): 90_000})], ids=[*PRICING_RULES, "posted"]
)
@given(
    asks=st.lists(st.integers(0, 90_000), min_size=1, max_size=9),
    left_out=st.none() | st.integers(0, 90_000),
)
def test_every_rule_respects_both_sides(
    rule: PricingRule, asks: list[int], left_out: int | None
) -> None:
    notes = accepted(*((ask, 1) for ask in sorted(asks)), left_out=left_out)
    priced = rule.price(notes)
    assert (priced.rates >= sorted(asks)).all()
    assert (priced.rates <= 90_000).all()
    assert priced.source in SOURCES


def test_a_name_and_a_rule_are_the_same() -> None:
    assert pricing_rule("midpoint") == pricing_rule(Midpoint()) == Midpoint()


@pytest.mark.parametrize("rule", ["midpiont", Midpoint, None, 5, "Midpoint"])
def test_what_is_no_rule_is_refused_with_the_list(rule: Any) -> None:
    assert refusal_of(lambda: Rules(grades=["A"], terms=[36], pricing=rule)) == (
        f"pricing: {rule!r} is not a rule; accepted: one of ['midpoint', 'pay_as_offered', "
        "'uniform_first_rejected', 'uniform_marginal'], Posted({(grade, term): rate})"
    )


class Watching:
    """Gives the asks, and keeps what it was handed."""

    def __init__(self) -> None:
        self.seen: list[Accepted] = []

    def price(self, accepted: Accepted) -> Priced:
        self.seen.append(accepted)
        return Priced(accepted.asks, "watched")


def test_a_rule_of_ones_own_sees_the_notes_and_the_request() -> None:
    rule = Watching()
    market = Marketplace(Rules(grades=["A", "B"], terms=[12, 36], pricing=rule))
    for number, ask in enumerate([50_000, 60_000, 70_000]):
        market.post(Offer(offer_id=f"o{number}", lender_id="ann", amount=100, min_rate=ask), now=1)
    asked = Request(
        request_id="r", borrower_id="bob", amount=150, max_rate=90_000, grade="B", term=12
    )
    loan = market.submit(asked, now=2).loan
    (seen,) = rule.seen
    assert (seen.grade, seen.term, seen.max_rate) == ("B", 12, 90_000)
    assert (seen.amounts.tolist(), seen.asks.tolist()) == ([100, 50], [50_000, 60_000])
    assert loan is not None
    assert {note.rate_source for note in loan.notes} == {"watched"}


class Small:
    """Rates in fewer bits."""

    def price(self, accepted: Accepted) -> Priced:
        return Priced((accepted.asks + 1).astype(np.int32), "small")


def test_rates_in_fewer_bits_are_taken() -> None:
    market = Marketplace(Rules(grades=["A"], terms=[36], pricing=Small()))
    market.post(Offer(offer_id="o", lender_id="ann", amount=100, min_rate=50_000), now=1)
    asked = Request(
        request_id="r", borrower_id="bob", amount=50, max_rate=90_000, grade="A", term=36
    )
    loan = market.submit(asked, now=2).loan
    assert loan is not None
    assert (loan.notes.rates.dtype, loan.notes.rates.tolist()) == (np.int64, [50_001])


class Broken:
    """Gives whatever it was told to give."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __repr__(self) -> str:
        return "Broken"

    def price(self, accepted: Accepted) -> Priced:
        answer: Priced = self.answer
        return answer


def rates(*each: float) -> npt.NDArray[Any]:
    return np.array(each)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Priced(rates(49_999, 60_000), "x"), "a rate one side did not accept"),
        (Priced(rates(50_000, 90_001), "x"), "a rate one side did not accept"),
        (Priced(rates(50_000), "x"), "no Priced(one int64 rate for each note, a word)"),
        (Priced(rates(*[60_000] * 3), "x"), "no Priced(one int64 rate for each note, a word)"),
        (
            Priced(rates(50_000, 60_000).astype(np.uint64), "x"),
            "no Priced(one int64 rate for each note, a word)",
        ),
        (Priced(rates(50_000.5, 60_000), "x"), "no Priced(one int64 rate for each note, a word)"),
        (Priced([50_000, 60_000], "x"), "no Priced(one int64 rate for each note, a word)"),
        (Priced(rates(50_000, 60_000), None), "no Priced(one int64 rate for each note, a word)"),
        (rates(50_000, 60_000), "no Priced(one int64 rate for each note, a word)"),
        (None, "no Priced(one int64 rate for each note, a word)"),
    ],
)
def test_a_rule_that_breaks_its_word_is_found_out(answer: Any, said: str) -> None:
    market = Marketplace(Rules(grades=["A"], terms=[36], pricing=Broken(answer)))
    for number, ask in enumerate([50_000, 60_000]):
        market.post(Offer(offer_id=f"o{number}", lender_id="ann", amount=100, min_rate=ask), now=1)
    asked = Request(
        request_id="r", borrower_id="bob", amount=200, max_rate=90_000, grade="A", term=36
    )
    before = market.digest()
    with pytest.raises(InvariantError) as broken:
        market.submit(asked, now=2)
    assert str(broken.value) == f"Broken gave {said}"
    assert market.digest() == before
    market.check()
