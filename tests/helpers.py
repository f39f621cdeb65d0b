"""Short ways to say offers, requests and what became of them."""

from collections.abc import Callable
from typing import Any

import pytest

from p2pmatch import Marketplace, Offer, P2PMatchError, Request, Rules
from p2pmatch.marketplace import Result


def market(*offers: tuple[str, str, int, int], **rules: Any) -> Marketplace:
    """A marketplace of one cell with offers (id, lender, amount, rate in percent)."""
    fields: dict[str, Any] = {"grades": ["A"], "terms": [36], **rules}
    made = Marketplace(Rules(**fields))
    for offer_id, lender_id, amount, percent in offers:
        made.post(offer(offer_id, lender_id, amount, percent), now=0)
    return made


def offer(offer_id: str, lender_id: str, amount: int, percent: int, **more: Any) -> Offer:
    """An offer whose rate is in whole percent."""
    return Offer(
        offer_id=offer_id, lender_id=lender_id, amount=amount, min_rate=percent * 10_000, **more
    )


def many(count: int, **columns: list[Any]) -> dict[str, list[Any]]:
    """Columns of offers o0, o1, ... of one unit each at 5 %, of lenders l0, l1, ..."""
    return {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{i}" for i in range(count)],
        "amount": [1] * count,
        "min_rate": [50_000] * count,
        **columns,
    }


def request(amount: int, percent: int = 20, **more: Any) -> Request:
    """A request of bob's, partial loans welcome unless said otherwise."""
    fields: dict[str, Any] = {
        "request_id": "r1",
        "borrower_id": "bob",
        "grade": "A",
        "term": 36,
        "min_amount": 1,
        **more,
    }
    return Request(amount=amount, max_rate=percent * 10_000, **fields)


def refusal_of(call: Callable[[], object]) -> str:
    """All that a call's refusal says: the field, the value, what is wrong, what is accepted."""
    with pytest.raises(P2PMatchError) as refused:
        call()
    return str(refused.value)


def notes(result: Result) -> list[tuple[str, int]]:
    """The notes as (offer, amount)."""
    return [] if result.loan is None else [(n.offer_id, n.amount) for n in result.loan.notes]
