"""Call auctions beside a sort: one `uncross` of many offers against many requests in one cell.

    python benchmarks/call.py [--small] [--write]

Offers of 1 to 19 units and requests of 1 to 199, both at 1 001 rates, seeded.

- without limits: `uncross` beside one stable argsort by numpy of the same two arrays of rates, and
  beside the crossing alone (volume and rate) in plain Python over lists sorted beforehand;
- with a limit per lender and loan: `uncross` beside the same loans submitted one by one to a
  market that matches at once, under the same limit.

All must agree on volume and rate, or on the money lent, before a time is shown. Ratios are medians
of three; `--write` puts the table into benchmarks/results.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import p2pmatch
from p2pmatch import Limits, Marketplace, Request, Rules

RESULTS = Path(__file__).parent / "results" / "call.md"
RATES, STEP, HIGHEST = 1_001, 100, 200_000

Columns = dict[str, Any]


def offers(count: int) -> Columns:
    draw = np.random.default_rng(3)
    return {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{i}" for i in range(count)],
        "amount": draw.integers(1, 20, count),
        "min_rate": draw.integers(0, RATES, count) * STEP,
    }


def requests(count: int, *, any_rate: bool = False) -> Columns:
    """With `any_rate` they pay whatever is asked, so that all of them get what they want."""
    draw = np.random.default_rng(4)
    rates = draw.integers(0, RATES, count) * STEP
    return {
        "request_id": [f"r{i}" for i in range(count)],
        "borrower_id": [f"b{i}" for i in range(count)],
        "amount": draw.integers(1, 200, count),
        "max_rate": np.full(count, HIGHEST) if any_rate else rates,
        "min_amount": [1] * count,
        "grade": ["A"] * count,
        "term": [36] * count,
    }


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def crossed_in_python(book: Columns, asked: Columns) -> tuple[int, int]:
    """Volume and lowest clearing rate, by walking both sides; the lists are sorted beforehand."""
    asks = sorted(zip(book["min_rate"].tolist(), book["amount"].tolist(), strict=True))
    bids = sorted(zip((-asked["max_rate"]).tolist(), asked["amount"].tolist(), strict=True))
    volume = at = 0
    left = asks[0][1]
    last_ask = low = asks[0][0]
    for bid, amount in bids:
        wanted = amount
        while wanted and at < len(asks) and asks[at][0] <= -bid:
            part = min(wanted, left)
            wanted, left, volume = wanted - part, left - part, volume + part
            last_ask = low = asks[at][0]
            if not left:
                at += 1
                left = asks[at][1] if at < len(asks) else 0
        if wanted:
            low = max(last_ask, -bid)
            break
    return volume, low


def without_limits(book_size: int, request_count: int) -> tuple[float, float, int]:
    """The time of `uncross` over that of the argsort, and over plain Python; and the loans."""
    book, asked = offers(book_size), requests(request_count)
    market = Marketplace(Rules(grades=["A"], terms=[36], matching="call"))
    market.post_many(book, now=0)
    market.submit_many(asked, now=0)
    sorting, _ = seconds(
        lambda: (
            np.argsort(book["min_rate"], kind="stable"),
            np.argsort(asked["max_rate"], kind="stable"),
        )
    )
    plain, (volume, rate) = seconds(lambda: crossed_in_python(book, asked))
    ours, done = seconds(lambda: market.uncross("A", 36, now=1))
    assert (done.volume, done.rate) == (volume, rate), "the engines disagree"
    return ours / sorting, ours / plain, len(done.loans)


def with_limits(book_size: int, request_count: int, per_loan: int) -> tuple[float, int]:
    """The time of `uncross` over that of the same requests submitted one by one; and the loans."""
    book, asked = offers(book_size), requests(request_count, any_rate=True)
    rules: dict[str, Any] = {
        "grades": ["A"],
        "terms": [36],
        "lender_limits": Limits(per_loan=per_loan),
    }
    called, at_once = Marketplace(Rules(**rules, matching="call")), Marketplace(Rules(**rules))
    called.post_many(book, now=0)
    at_once.post_many(book, now=0)
    called.submit_many(asked, now=0)
    one_by_one = [
        Request(**dict(zip(asked, map(_plain, row), strict=True)))
        for row in zip(*asked.values(), strict=True)
    ]

    def submit() -> int:
        results = (at_once.submit(request, now=0).loan for request in one_by_one)
        return sum(loan.principal for loan in results if loan is not None)

    apart, lent = seconds(submit)
    together, done = seconds(lambda: called.uncross("A", 36, now=1))
    # The auction may use the matched supply only, so the limit can turn the last loans away.
    turned_away = sum(amount for _, amount, _ in done.unfunded)
    assert done.volume + turned_away == lent, "the engines disagree"
    return together / apart, len(done.loans)


def _plain(value: object) -> Any:  # noqa: ANN401 - a field of a request
    return value.item() if isinstance(value, np.generic) else value


def table(sizes: list[tuple[int, int]], times: int) -> str:
    rows = [
        "| offers | requests | limit | loans | times argsort | times plain Python | times submit |"
    ]
    rows.append("|---:|---:|---|---:|---:|---:|---:|")
    for book_size, request_count in sizes:
        runs = [without_limits(book_size, request_count) for _ in range(times)]
        argsort, plain = (statistics.median(run[i] for run in runs) for i in (0, 1))
        shown = f"{book_size:,} | {request_count:,}"
        rows.append(f"| {shown} | none | {runs[0][2]:,} | {argsort:.1f} | {plain:.2f} | |")
        limited = [with_limits(book_size, request_count // 5, 10) for _ in range(times)]
        ratio = statistics.median(run[0] for run in limited)
        shown = f"{book_size:,} | {request_count // 5:,}"
        rows.append(f"| {shown} | 10 a loan | {limited[0][1]:,} | | | {ratio:.2f} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book only, once")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/call.md")
    options = parser.parse_args()
    sizes = [(10_000, 1_000)] if options.small else [(100_000, 10_000), (1_000_000, 100_000)]
    text = table(sizes, 1 if options.small else 3)
    print(text)
    if options.write:
        head = HEAD.format(
            python=platform.python_version(),
            numpy=np.__version__,
            p2pmatch=p2pmatch.__version__,
            machine=f"{platform.system()} {platform.machine()}, two cores",
        )
        RESULTS.write_text(head + text + "\n")


HEAD = """\
# Call auctions beside a sort

`python benchmarks/call.py --write`; medians of three.
p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine}.

- *times argsort*: `uncross`, with loans and notes, over one stable argsort of both sides' rates.
- *times plain Python*: over finding volume and rate alone in a Python loop.
- *times submit*: over the same requests submitted one by one to a market that matches at once,
  under the same limit of 10 a lender and loan.

"""


if __name__ == "__main__":
    main()
