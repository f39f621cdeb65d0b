"""Filling loans of about two hundred notes: the library beside a plain Python sorted book.

    python benchmarks/sweep.py [--small] [--write]

Two workloads on K standing offers at 1 001 rates, each request for 2 000 units:

- plain: offers of 1 to 19 units, every lender once, until 80 % of the book is lent;
- limits: offers of 100 to 300 units, at most 10 from one lender per loan, several offers a lender.

Both engines must agree on the number of notes and the money lent before a time is shown. What is
shown is the median of three runs, as a ratio; `--write` puts the table into benchmarks/results.
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

REQUEST = 2_000
RESULTS = Path(__file__).parent / "results" / "sweep.md"


def book(offers: int, *, limits: bool) -> dict[str, Any]:
    """Columns of standing offers, the same for every run."""
    draw = np.random.default_rng(7)
    low, high = (100, 301) if limits else (1, 20)
    lenders = draw.integers(0, max(offers // 5, 1), offers) if limits else np.arange(offers)
    return {
        "offer_id": [f"o{i}" for i in range(offers)],
        "lender_id": [f"l{i}" for i in lenders.tolist()],
        "amount": draw.integers(low, high, offers),
        "min_rate": draw.integers(0, 1_001, offers) * 100,
    }


def requests(count: int) -> list[Request]:
    return [
        Request(
            request_id=f"r{i}",
            borrower_id=f"b{i}",
            amount=REQUEST,
            max_rate=200_000,
            grade="A",
            term=36,
        )
        for i in range(count)
    ]


def with_library(columns: dict[str, Any], count: int, per_lender: int | None) -> Callable[[], Any]:
    """One submit at a time; returns the run, which gives (notes, money)."""
    rules = Rules(grades=["A"], terms=[36], lender_limits=Limits(per_loan=per_lender))
    market = Marketplace(rules)
    market.post_many(columns, now=0)
    asked = requests(count)

    def run() -> tuple[int, int]:
        notes = money = 0
        for request in asked:
            loan = market.submit(request, now=0).loan
            if loan is not None:
                notes += len(loan.notes.amounts)
                money += loan.principal
        return notes, money

    return run


def with_plain_python(
    columns: dict[str, Any], count: int, per_lender: int | None
) -> Callable[[], Any]:
    """A list of offers sorted by rate and arrival, walked from the first with money left.

    Bare: no checks, ids, events or exposures, which the library does within its time.
    """
    order = np.argsort(columns["min_rate"], kind="stable").tolist()
    amounts = columns["amount"].tolist()
    line = [[columns["lender_id"][i], amounts[i]] for i in order]

    def run() -> tuple[int, int]:
        notes = money = first = 0
        for _ in range(count):
            need = REQUEST
            taken: list[tuple[int, int]] = []
            given: dict[str, int] = {}
            at = first
            while need and at < len(line):
                lender, left = line[at]
                part = min(left, need)
                if per_lender is not None:
                    part = min(part, per_lender - given.get(lender, 0))
                    given[lender] = given.get(lender, 0) + part
                if part:
                    taken.append((at, part))
                    need -= part
                at += 1
            if need:
                continue
            for place, part in taken:
                line[place][1] -= part
            while first < len(line) and line[first][1] == 0:
                first += 1
            notes += len(taken)
            money += REQUEST
        return notes, money

    return run


def measure(offers: int, *, limits: bool, times: int = 3) -> tuple[int, int, float, float]:
    """Notes, notes a loan, and the median seconds of the library and of plain Python."""
    columns = book(offers, limits=limits)
    money = int(columns["amount"].sum())
    count = min(2_000, money // REQUEST // 4) if limits else min(4_000, money * 8 // 10 // REQUEST)
    cap = 10 if limits else None
    seconds: dict[str, list[float]] = {"library": [], "plain": []}
    answers = set()
    for _ in range(times):
        for name, engine in (("library", with_library), ("plain", with_plain_python)):
            run = engine(columns, count, cap)
            start = time.perf_counter()
            answers.add(run())
            seconds[name].append(time.perf_counter() - start)
    assert len(answers) == 1, f"the engines disagree: {answers}"
    ((notes, _),) = answers
    return (
        notes,
        notes // count,
        statistics.median(seconds["library"]),
        statistics.median(seconds["plain"]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book only")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/sweep.md")
    options = parser.parse_args()
    sizes = [10_000] if options.small else [10_000, 100_000, 1_000_000]
    rows = ["| workload | offers | notes a loan | times bare Python | notes/s, millions |"]
    rows.append("|---|---:|---:|---:|---:|")
    for limits in (False, True):
        for offers in sizes:
            notes, a_loan, library, plain = measure(offers, limits=limits)
            name = "limits" if limits else "plain"
            speed = notes / library / 1e6
            rows.append(f"| {name} | {offers:,} | {a_loan} | {plain / library:.1f} | {speed:.2f} |")
    table = "\n".join(rows)
    print(table)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(HEAD.format(**versions()) + table + "\n")


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "p2pmatch": p2pmatch.__version__,
        "machine": f"{platform.system()} {platform.machine()}, two cores",
    }


HEAD = """\
# Sweeps against plain Python

`python benchmarks/sweep.py --write`; medians of three; one `submit` at a time, notes as columns.
p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine}. The times of a shared machine are
noisy; the ratios are what to read. The other side is a bare loop: no checks, ids, events.

"""


if __name__ == "__main__":
    main()
