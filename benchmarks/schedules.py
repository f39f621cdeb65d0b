"""Schedules of many loans in one call, beside a loop that makes them one by one.

    python benchmarks/schedules.py [--small] [--write]

Two workloads of N loans with terms of 12 to 60 months: a hundred different rates, as a platform
posts them, and a blended rate for each loan. Both ways must give the same cents in every column
before a time is shown. What is shown is the median of three runs, as a ratio; `--write` puts the
table into benchmarks/results.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

import p2pmatch
from p2pmatch.finance import Schedule, schedule, schedules

RESULTS = Path(__file__).parent / "results" / "schedules.md"
COLUMNS = ("payments", "interest", "principal", "balance")
Loans = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def loans(count: int, rates: int) -> Loans:
    """Principals, rates and terms, the same for every run."""
    draw = np.random.default_rng(5)
    principals = draw.integers(50_000, 4_000_000, count)
    steps = 300_000 // rates
    return (
        principals,
        50_000 + steps * draw.integers(0, rates, count),
        draw.integers(1, 6, count) * 12,
    )


def one_by_one(principals: list[int], rates: list[int], terms: list[int]) -> list[Schedule]:
    return [
        schedule(principal=principal, rate=rate, term=term)
        for principal, rate, term in zip(principals, rates, terms, strict=True)
    ]


def measure(count: int, rates: int, times: int = 3) -> tuple[float, float]:
    """The median seconds of one call and of the loop."""
    columns = loans(count, rates)
    lists = [column.tolist() for column in columns]
    seconds: dict[str, list[float]] = {"call": [], "loop": []}
    for _ in range(times):
        start = time.perf_counter()
        many = schedules(principals=columns[0], rates=columns[1], terms=columns[2])
        seconds["call"].append(time.perf_counter() - start)
        start = time.perf_counter()
        single = one_by_one(*lists)
        seconds["loop"].append(time.perf_counter() - start)
        for together, alone in zip(many, single, strict=True):
            assert all(np.array_equal(getattr(together, c), getattr(alone, c)) for c in COLUMNS)
    return statistics.median(seconds["call"]), statistics.median(seconds["loop"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the fewest loans only")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    rows = ["| rates | loans | times the loop | loans/s, thousands |", "|---|---:|---:|---:|"]
    for name, rates in (("a hundred", 100), ("one a loan", 300_000)):
        for count in [2_000] if options.small else [2_000, 20_000, 100_000]:
            call, loop = measure(count, rates)
            rows.append(f"| {name} | {count:,} | {loop / call:.0f} | {count / call / 1e3:.0f} |")
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
# Schedules of many loans against one by one

`python benchmarks/schedules.py --write`; medians of three; terms of 12 to 60 months.
p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine}. The times of a shared machine are
noisy; the ratios are what to read.

"""


if __name__ == "__main__":
    main()
