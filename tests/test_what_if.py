from typing import Any

import pytest

from p2pmatch import BorrowerLimits, Marketplace, P2PMatchError, WhatIf
from tests.helpers import market, offer, request


def book(**rules: Any) -> Marketplace:
    made = market(("o1", "ann", 4_000, 5), ("o2", "ben", 3_000, 7), terms=[12, 24, 36, 48], **rules)
    made.post(offer("o3", "cleo", 9_000, 6, terms={24}), now=0)
    return made


def asked(amount: int, percent: int, made: Marketplace | None = None, **more: Any) -> WhatIf:
    return (made or book()).what_if(request(amount, percent, **more), now=1)


def values(answer: WhatIf) -> dict[str, tuple[int, int]]:
    return {change.field: (change.before, change.after) for change in answer.changes}


def test_each_change_by_itself() -> None:
    answer = asked(6_000, 6, min_amount=None)
    assert not answer.filled
    assert values(answer) == {
        "max_rate": (60_000, 70_000),
        "amount": (6_000, 4_000),
        "min_amount": (6_000, 4_000),
        "term": (36, 24),
    }
    assert answer.max_rate is not None
    assert answer.max_rate.quote.rate == 56_667
    assert answer.max_rate.request.max_rate == 70_000
    assert str(answer).splitlines() == [
        "max_rate 7.0000% instead of 6.0000%: 60.00 at 5.6667%",
        "amount 40.00 instead of 60.00: 40.00 at 5.0000%",
        "min_amount 40.00 instead of 60.00: 40.00 at 5.0000%",
        "term 24 instead of 36: 60.00 at 5.3333%",
    ]


def test_a_filled_request_needs_no_change() -> None:
    answer = asked(4_000, 5)
    assert answer.filled
    assert answer.changes == ()
    assert str(answer) == "nothing: the request would be filled as it is"


def test_where_no_change_would_do() -> None:
    assert values(asked(6_000, 1, market())) == {}
    assert str(asked(6_000, 1, market())) == "no single change would fill the request"
    assert values(asked(60_000, 20)) == {"amount": (60_000, 7_000)}


def test_a_loan_of_part_needs_no_lower_least_amount() -> None:
    assert values(asked(6_000, 6, min_amount=3_000, term=48)) == {
        "max_rate": (60_000, 70_000),
        "amount": (6_000, 4_000),
        "term": (48, 24),
    }


def test_the_nearest_term_and_the_shorter_of_two() -> None:
    made = market(terms=[12, 24, 36])
    for term in (12, 36):
        made.post(offer(f"o{term}", "ann", 900, 5, terms={term}), now=0)
    assert values(asked(500, 9, made, term=24)) == {"term": (24, 12)}


def test_the_least_amount_follows_a_lower_amount() -> None:
    answer = asked(6_000, 6, min_amount=5_000)
    assert answer.amount is not None
    assert (answer.amount.request.amount, answer.amount.request.min_amount) == (4_000, 4_000)


def test_the_borrowers_limit_leaves_the_amount() -> None:
    made = book(borrower_limits=BorrowerLimits(total=2_500))
    assert values(asked(3_000, 20, made)) == {"amount": (3_000, 2_500)}


def test_a_call_market_refuses_and_so_does_a_wrong_request() -> None:
    with pytest.raises(P2PMatchError) as refused:
        asked(500, 5, book(matching="call"))
    assert refused.value.code == "call_market"
    with pytest.raises(P2PMatchError) as refused:
        asked(500, 5, grade="Z")
    assert refused.value.code == "unknown_grade"
