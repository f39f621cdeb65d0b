"""Order books from the package index on workload W2, each in a process of its own.

    python -m benchmarks.peers nanobook --offers 10000 --requests 40

Prints one line of JSON: notes, money, seconds. Offers are limit orders to sell, requests limit
orders to buy. Only filling the requests is timed, and reading each note's amount, as a user must.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.workload import NEED, W2, build

__all__ = ["PEERS", "Peer", "measure"]

# Above every offer's rate.
_TOP = 1_000_000
#: Puts the offers, as (amount, rate), into a book; gives what fills one request: amounts by note.
Peer = Callable[[list[tuple[int, int]]], Callable[[], Iterable[int]]]


def _nanobook(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    from nanobook import Exchange

    book = Exchange()
    for amount, rate in offers:
        book.submit_limit("sell", rate + 1, amount)
    return lambda: [trade.quantity for trade in book.submit_limit("buy", _TOP, NEED, "ioc").trades]


def _liquibook(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    import liquibook

    fills: list[int] = []

    class Listener(liquibook.OrderListener):  # type: ignore[misc] # untyped
        def __init__(self) -> None:
            liquibook.OrderListener.__init__(self)

        def on_accept(self, order: Any) -> None:
            pass

        def on_fill(self, order: Any, matched: Any, quantity: int, cost: int) -> None:
            fills.append(quantity)

    book, listener = liquibook.DepthOrderBook(), Listener()
    kept: list[Any] = [listener]  # the book does not own its orders
    for amount, rate in offers:
        kept.append(liquibook.SimpleOrder(False, rate + 1, amount))
        book.add(kept[-1])
    book.set_order_listener(listener)

    def fill() -> Iterable[int]:
        fills.clear()
        order = liquibook.SimpleOrder(True, _TOP, NEED)
        kept.append(order)
        book.add(order)
        return list(fills)

    return fill


def _litebook(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    from litebook import OrderBook, OrderType

    book = OrderBook(tick_size=1.0)
    for amount, rate in offers:
        book.add(book.create_order(OrderType.Sell, price=rate + 1.0, quantity=float(amount)))
    return lambda: [
        int(fill.quantity)
        for fill in book.add(
            book.create_order(OrderType.Buy, price=float(_TOP), quantity=float(NEED))
        )
    ]


def _lightmatchingengine(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

    engine = LightMatchingEngine()
    for amount, rate in offers:
        engine.add_order("cell", rate + 1, amount, Side.SELL)
    return lambda: [
        trade.trade_qty
        for trade in engine.add_order("cell", _TOP, NEED, Side.BUY)[1]
        if trade.trade_side == Side.SELL
    ]


def _akhil4n_orderbook(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    from decimal import Decimal

    from orderbook import Order, OrderBook, OrderSide

    book = OrderBook()
    for amount, rate in offers:
        book.add_limit_order(Order(OrderSide.ASK, Decimal(rate + 1), amount))

    def fill() -> Iterable[int]:
        known = len(book.trade_log)
        book.add_limit_order(Order(OrderSide.BID, Decimal(_TOP), NEED))
        return [trade.quantity_filled for trade in book.trade_log[known:]]

    return fill


def _order_matching(offers: list[tuple[int, int]]) -> Callable[[], Iterable[int]]:
    from loguru import logger
    from order_matching.enums import Side
    from order_matching.matching_engine import MatchingEngine
    from order_matching.order import LimitOrder
    from order_matching.orders import Orders

    logger.remove()
    engine = MatchingEngine(seed=1)
    begin = datetime(2024, 1, 1)  # noqa: DTZ001 - the engine wants it so
    number = 0

    def order(side: Any, price: int, size: int) -> Any:
        nonlocal number
        number += 1
        when = begin + timedelta(seconds=number)
        return LimitOrder(
            side=side,
            price=float(price),
            size=float(size),
            timestamp=when,
            order_id=str(number),
            trader_id=str(number),
        )

    standing = [order(Side.SELL, rate + 1, amount) for amount, rate in offers]
    engine.place(Orders(standing))
    engine.match(timestamp=begin)

    def fill() -> Iterable[int]:
        engine.place(Orders([order(Side.BUY, _TOP, NEED)]))
        return [int(t.size) for t in engine.match(timestamp=begin).trades]

    return fill


#: By the name of the distribution.
PEERS: dict[str, Peer] = {
    "nanobook": _nanobook,
    "liquibook": _liquibook,
    "litebook": _litebook,
    "lightmatchingengine": _lightmatchingengine,
    "akhil4n-orderbook": _akhil4n_orderbook,
    "order-matching": _order_matching,
}


def measure(name: str, offers: int, requests: int, seconds: float) -> dict[str, Any] | str:
    """Run a peer in its own process; what it says, or why there is nothing."""
    try:
        version(name)
    except PackageNotFoundError:
        return "not installed"
    command = [sys.executable, "-m", "benchmarks.peers", name]
    command += ["--offers", str(offers), "--requests", str(requests)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done within {seconds:g} s"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"failed: {last}"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=list(PEERS))
    parser.add_argument("--offers", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    work = build(W2, options.offers, options.requests or 4_000)
    rows = zip(work.offers["amount"].tolist(), work.offers["min_rate"].tolist(), strict=True)
    fill = PEERS[options.name](list(rows))
    notes = money = 0
    start = time.process_time()
    for _ in range(work.count):
        amounts = fill()
        notes += len(list(amounts))
        money += sum(amounts)
    seconds = time.process_time() - start
    print(json.dumps({"notes": notes, "money": money, "seconds": seconds}))


if __name__ == "__main__":
    main()
