"""Schedules of many loans in one call, beside a loop that makes them one by one.

    python -m benchmarks.schedules [--small] [--write]

Two workloads of N loans with terms of 12 to 60 months: a hundred different rates, as a platform
posts them, and a blended rate for each loan. Both ways must give the same cents in every column
before a time is shown. What is shown is the median of three runs, as a ratio.
"""

import argparse
import statistics
import time

import numpy as np
import numpy.typing as npt

from benchmarks.report import heading, table, write
from p2pmatch.finance import Schedule, schedule, schedules

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
        start = time.process_time()
        many = schedules(principals=columns[0], rates=columns[1], terms=columns[2])
        seconds["call"].append(time.process_time() - start)
        start = time.process_time()
        single = one_by_one(*lists)
        seconds["loop"].append(time.process_time() - start)
        for together, alone in zip(many, single, strict=True):
            assert all(np.array_equal(getattr(together, c), getattr(alone, c)) for c in COLUMNS)
    return statistics.median(seconds["call"]), statistics.median(seconds["loop"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the fewest loans only")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    found = []
    for name, rates in (("a hundred", 100), ("one a loan", 300_000)):
        for count in [2_000] if options.small else [2_000, 20_000, 100_000]:
            call, loop = measure(count, rates)
            found.append({"rates": name, "loans": count, "call": call, "loop": loop})
    text = table(
        ["rates", "loans", "times the loop", "loans/s, thousands"],
        [
            [
                row["rates"],
                f"{row['loans']:,}",
                f"{row['loop'] / row['call']:.0f}",
                f"{row['loans'] / row['call'] / 1e3:.0f}",
            ]
            for row in found
        ],
    )
    print(text)
    if options.write:
        said = (
            "`python -m benchmarks.schedules --write`; medians of three; terms of 12 to 60 months."
        )
        title = "Schedules of many loans against one by one"
        write("schedules", heading(title, said) + "\n" + text, found)


if __name__ == "__main__":
    main()
