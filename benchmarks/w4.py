"""W4: a day's mix of calls, one at a time: how many a second, and how long each kind takes.

    python -m benchmarks.w4 [--small] [--write]

60 % post, 15 % cancel, 5 % amend, 15 % quote, 5 % submit, on a book with limits. Times are without
what it takes to read the clock, and also given as multiples of a plain Python loop of a hundred
steps, timed in the same run.
"""

import argparse
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.report import heading, table, write
from benchmarks.workload import W3A, build
from p2pmatch import Marketplace, Offer, Request
from p2pmatch.columns import read_offers

__all__ = ["run"]

_KINDS = ("post", "cancel", "amend", "quote", "submit")
_PARTS = (0.60, 0.15, 0.05, 0.15, 0.05)


def run(offers: int, calls: int) -> dict[str, Any]:
    """Microseconds of every call, by kind; and of the yardsticks."""
    work = build(W3A, offers)
    market = Marketplace(work.rules)
    columns = read_offers(work.offers)
    start = time.process_time()
    market.post_many(columns, now=0)
    bulk = (time.process_time() - start) / offers
    draw = np.random.default_rng(11)
    kinds = draw.choice(len(_KINDS), calls, p=_PARTS).tolist()
    rates = (draw.integers(0, 1_001, calls) * 100).tolist()
    amounts = draw.integers(100, 301, calls).tolist()
    standing = draw.permutation(offers)[:calls].tolist()
    taken: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    gc.collect()
    begin = time.process_time()
    for call, kind in enumerate(kinds):
        name = _KINDS[kind]
        if name == "post":
            offer = Offer(
                offer_id=f"n{call}",
                lender_id=f"l{call % 1_000}",
                amount=amounts[call],
                min_rate=rates[call],
            )
            start = time.process_time()
            market.post(offer, now=1)
        elif name in {"cancel", "amend"}:
            target = f"o{standing[call]}"
            if market.offer(target).state != "standing":
                continue
            start = time.process_time()
            if name == "cancel":
                market.cancel(target, now=1)
            else:
                market.amend(target, amount=400 + call % 7, now=1)
        else:
            request = Request(
                request_id=f"r{call}",
                borrower_id=f"b{call}",
                amount=2_000,
                max_rate=200_000,
                grade="A",
                term=36,
            )
            start = time.process_time()
            if name == "quote":
                market.quote(request, now=1)
            else:
                market.submit(request, now=1)
        taken[name].append((time.process_time() - start) * 1e6)
    whole = time.process_time() - begin
    clock = _median(lambda: None)
    return {
        "offers": offers,
        "calls_per_second": calls / whole,
        "bulk_offers_per_second": 1 / bulk,
        "clock": clock,
        "yardstick": _median(lambda: sum(i for i in range(100))) - clock,
        "kinds": {
            name: [float(np.percentile(each, p)) - clock for p in (50, 99, 100)]
            for name, each in taken.items()
        },
    }


def _median(call: Callable[[], object]) -> float:
    """Microseconds, with those it takes to read the clock."""
    taken = []
    for _ in range(1_000):
        start = time.process_time()
        call()
        taken.append((time.process_time() - start) * 1e6)
    return float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small book")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    found = run(10_000 if options.small else 1_000_000, 3_000 if options.small else 40_000)
    unit = found["yardstick"]
    rows = [
        [name, f"{p50:.0f}", f"{p99:.0f}", f"{most:.0f}", f"{p50 / unit:.1f}", f"{p99 / p50:.1f}"]
        for name, (p50, p99, most) in found["kinds"].items()
    ]
    head = ["call", "p50 µs", "p99 µs", "max µs", "p50 in yardsticks", "p99 / p50"]
    one = 1e6 / found["kinds"]["post"][0]
    bulk = found["bulk_offers_per_second"]
    text = heading("W4: a day's mix", "`python -m benchmarks.w4 --write`; one call at a time.")
    page = (
        f"{text}\n{table(head, rows)}\n\nBook of {found['offers']:,} offers; "
        f"{found['calls_per_second']:,.0f} calls/s in the mix. `post_many` of columns already "
        f"read: {bulk / 1e6:.2f} million offers/s, {bulk / one:.1f} times as many as one by one. "
        f"The yardstick is a plain Python sum over a generator of a hundred steps: {unit:.1f} µs; "
        f"to read the clock takes {found['clock']:.1f} µs, which are taken off.\n"
    )
    print(page)
    if options.write:
        write("w4", page, found)


if __name__ == "__main__":
    main()
