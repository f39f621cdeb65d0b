"""An order book from elsewhere as a judge: fifo, where its rules are also ours.

Its sell limit orders are offers of lenders without limits, its immediate-or-cancel buy orders are
requests that accept part of what they ask; cancelling, and reducing in place, are the same. Its pro
rata is not ours: it gives what rounding leaves over by other rules, and in fractions.
"""

from random import Random
from typing import Any

import pytest

from p2pmatch import Marketplace, Rules
from tests.helpers import offer, request

orderbook: Any = pytest.importorskip("tracebook.core.orderbook")
orders: Any = pytest.importorskip("tracebook.core.order")


@pytest.mark.parametrize("seed", range(12))
def test_fills_are_those_of_another_order_book(seed: int) -> None:
    random = Random(seed)
    book = orderbook.OrderBook("cell", matching_algorithm="fifo", tick_size=1.0)
    factory = orders.OrderFactory()
    market = Marketplace(Rules(grades=["A"], terms=[36]))
    names: dict[str, int] = {}
    posted: dict[str, int] = {}
    for step in range(250):
        kind = random.choice(["post"] * 4 + ["buy"] * 2 + ["cancel", "reduce"])
        standing = [name for name in names if market.offer(name).remaining]
        if kind == "post":
            name, percent, amount = f"o{step}", random.randrange(1, 9), random.randrange(1, 20)
            market.post(offer(name, name, amount, percent), now=step)
            order = factory.create_limit_order("cell", orders.OrderSide.SELL, percent, amount)
            names[name], posted[name] = order.order_id, amount
            assert book.add_order(order) == []
        elif kind == "buy":
            percent, amount = random.randrange(1, 9), random.randrange(1, 60)
            asked = request(amount, percent=percent, request_id=f"r{step}")
            loan = market.submit(asked, now=step).loan
            order = factory.create_ioc_order("cell", orders.OrderSide.BUY, percent, amount)
            trades = [(t.sell_order_id, t.quantity, t.price) for t in book.add_order(order)]
            notes = [] if loan is None else list(loan.notes)
            assert [(names[n.offer_id], n.amount, n.rate / 10_000) for n in notes] == trades
        elif standing and kind == "cancel":
            name = random.choice(standing)
            market.cancel(name, now=step)
            assert book.cancel_order(names[name])
        elif standing:
            name = random.choice(standing)
            left = market.offer(name).remaining
            less = random.randrange(left)
            if less:
                posted[name] -= less
                market.amend(name, amount=posted[name], now=step)
                assert book.reduce_order(names[name], less)
    depth = market.ladder("A", 36)
    resting = book.get_resting_orders(orders.OrderSide.SELL)
    assert sum(order.remaining_quantity for order in resting) == (
        depth.available[-1] if len(depth.available) else 0
    )
