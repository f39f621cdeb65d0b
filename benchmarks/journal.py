"""Keeping a marketplace: opening from a snapshot, replaying, and what a store costs a call.

    python -m benchmarks.journal [--small] [--write]

- open: a book of N offers opened from a snapshot in a SQLite file, against unpickling the columns
  it was posted from (protocol 5, ids as lists, numbers as arrays). The first call that looks an
  offer up by its id makes the index; its time is shown beside.
- replay: a journal of bulk posts, by offer; and one of single calls (seven posts, a cancellation
  and two requests in ten), against making the same calls on a marketplace that keeps nothing.
- kept: the same single calls made on a store in memory, and in a SQLite file in batches of a
  hundred, against making them on a marketplace that keeps nothing; and synced one by one, which
  measures the disk.

Every book must have the digest it should before a time is shown. Times are processor time, the
least of several runs (of the last two, time on the clock: they wait); what counts are the ratios.
"""

import argparse
import gc
import pickle
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import p2pmatch
from p2pmatch import Marketplace, Offer, Request, Rules
from p2pmatch.columns import read_offers
from p2pmatch.journal import replay
from p2pmatch.stores import MemoryStore, SqliteStore

RULES = Rules(grades=("A", "B", "C"), terms=(12, 36))
RESULTS = Path(__file__).parent / "results" / "journal.md"


def least(run: Callable[[], Any], times: int, clock: Callable[[], float]) -> float:
    """The least time of several runs, seconds."""
    seconds = []
    for _ in range(times):
        gc.collect()
        start = clock()
        kept = run()
        seconds.append(clock() - start)
        del kept
    return min(seconds)


def book(offers: int) -> dict[str, Any]:
    """Columns of offers, two of three of them in two cells."""
    draw = np.random.default_rng(7)
    return {
        "offer_id": [f"offer-{i}" for i in range(offers)],
        "lender_id": [f"lender-{i}" for i in draw.integers(0, offers // 5 + 1, offers).tolist()],
        "amount": draw.integers(1_000, 100_000, offers),
        "min_rate": draw.integers(0, 1_001, offers) * 100,
        "grades": ["B" if i % 3 else "A|B" for i in range(offers)],
        "terms": ["36"] * offers,
    }


def opening(offers: int, times: int) -> tuple[float, float, float]:
    """Seconds to open from a snapshot, to unpickle the columns, and of the first look by id."""
    columns = book(offers)
    pickled = pickle.dumps(columns, protocol=5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "market.db")
        with SqliteStore(path) as store:
            market = Marketplace.open(store, RULES)
            market.post_many(columns, now=0)
            market.snapshot()
            digest = market.digest()

        def opened() -> Marketplace:
            with SqliteStore(path) as store:
                return Marketplace.open(store, RULES)

        again = opened()
        assert again.digest() == digest
        del market, columns
        seconds = least(opened, times, time.process_time)
        by_id = least(lambda: again.offer("offer-1"), 1, time.process_time)
        unpickled = least(lambda: pickle.loads(pickled), times, time.process_time)  # noqa: S301
    return seconds, unpickled, by_id


def replaying_bulk(offers: int, times: int) -> tuple[float, float]:
    """Seconds to replay bulk posts of ten thousand offers, and to make them."""
    checked = read_offers(book(offers))
    bulks = [checked[row : row + 10_000] for row in range(0, offers, 10_000)]
    store = MemoryStore()

    def post(market: Marketplace) -> Marketplace:
        for bulk in bulks:
            market.post_many(bulk, now=0)
        return market

    digest = post(Marketplace.open(store, RULES)).digest()
    assert replay(store).digest() == digest
    replayed = least(lambda: replay(store), times, time.process_time)
    made = least(lambda: post(Marketplace(RULES)), times, time.process_time)
    return replayed, made


def calls(market: Marketplace, count: int, batch: int = 1) -> Marketplace:
    """Single calls, `batch` of them written together."""
    for first in range(0, count, batch):
        with market.batch():
            for number in range(first, min(first + batch, count)):
                call(market, number)
    return market


def call(market: Marketplace, number: int) -> None:
    kind = number % 10
    grade = "ABC"[number % 3]
    if kind in (4, 9):
        request = Request(
            request_id=f"r{number}",
            borrower_id=f"b{number % 997}",
            amount=20_000,
            max_rate=200_000,
            grade=grade,
            term=36,
            min_amount=1,
        )
        market.submit(request, now=number)
    elif kind == 7:
        market.cancel(f"o{number - 1}", now=number)
    else:
        offer = Offer(
            offer_id=f"o{number}",
            lender_id=f"l{number % 5_003}",
            amount=5_000 + number % 77,
            min_rate=50_000 + number % 97 * 100,
            grades={grade},
            terms={36},
        )
        market.post(offer, now=number)


def single_calls(count: int, times: int) -> dict[str, float]:
    """Seconds for the same calls, by what is done with them."""
    store = MemoryStore()
    digest = calls(Marketplace.open(store, RULES), count).digest()
    assert replay(store).digest() == digest == calls(Marketplace(RULES), count).digest()
    seconds = {
        "made": least(lambda: calls(Marketplace(RULES), count), times, time.process_time),
        "replayed": least(lambda: replay(store), times, time.process_time),
        "kept in memory": least(
            lambda: calls(Marketplace.open(MemoryStore(), RULES), count), times, time.process_time
        ),
    }
    for name, batch in (("kept in hundreds", 100), ("kept one by one", 1)):
        with (
            tempfile.TemporaryDirectory() as folder,
            SqliteStore(Path(folder, "market.db")) as file,
        ):
            market = Marketplace.open(file, RULES)
            some = count if batch > 1 else count // 10
            run = partial(calls, market, some, batch)
            seconds[name] = least(run, 1, time.perf_counter) * count / some
    return seconds


def table(offers: int, count: int, times: int) -> list[str]:
    """The results, as rows of a table."""
    seconds, unpickled, by_id = opening(offers, times)
    rows = ["| what | ratio | against | a second |", "|---|---:|---|---:|"]
    rows.append(
        f"| open {offers:,} offers from a snapshot | {seconds / unpickled:.2f} "
        f"| unpickling their columns | {offers / seconds:,.0f} offers |"
    )
    rows.append(
        f"| the same, with the index by id | {(seconds + by_id) / unpickled:.2f} "
        f"| unpickling their columns | {offers / (seconds + by_id):,.0f} offers |"
    )
    replayed, made = replaying_bulk(offers, times)
    rows.append(
        f"| replay {offers:,} offers posted in bulk | {replayed / made:.2f} "
        f"| posting them | {offers / replayed:,.0f} offers |"
    )
    found = single_calls(count, times)
    made = found.pop("made")
    for name, spent in found.items():
        rows.append(
            f"| {count:,} single calls {name} | {spent / made:.2f} "
            f"| keeping nothing | {count / spent:,.0f} calls |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small book, once")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/journal.md")
    options = parser.parse_args()
    rows = table(20_000, 2_000, 1) if options.small else table(1_000_000, 30_000, 3)
    print("\n".join(rows))
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        head = HEAD.format(
            python=platform.python_version(),
            numpy=np.__version__,
            p2pmatch=p2pmatch.__version__,
            machine=f"{platform.system()} {platform.machine()}, two cores",
        )
        RESULTS.write_text(head + "\n".join(rows) + "\n")


HEAD = """\
# Keeping a marketplace

`python -m benchmarks.journal --write`; processor time, the least of three runs; against a SQLite
file, time on the clock, once. p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine},
shared: the times are noisy, the ratios are what to read.

"""


if __name__ == "__main__":
    main()
