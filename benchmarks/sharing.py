"""Allocation rules beside fifo: the same loans, the last rate shared by each rule.

    python -m benchmarks.sharing [--small] [--write]

Workload W2: offers of 1 to 19 units at 1 001 rates, requests of 2 000 until 80 % of the book is
lent. All rules must lend the same money before a time is shown. Rules that share a rate read the
whole of it and give more, smaller notes, so a loan and a note are compared apart. Medians of three
rounds in which the rules take turns.
"""

import argparse
import statistics
import time
from typing import Any

import attrs

from benchmarks.engines import library
from benchmarks.report import heading, table, write
from benchmarks.workload import W2, build
from p2pmatch import AllocationRule, Lottery, Split, Step, Steps, rate

__all__ = ["RULES", "measure"]

RULES: dict[str, str | AllocationRule] = {
    "fifo": "fifo",
    "pro_rata": "pro_rata",
    "equal_share": "equal_share",
    "Split(40%)": Split(rate("40%")),
    "Steps: oldest, pro rata, fifo": Steps(
        [Step("oldest"), Step("pro_rata_floors", drop_below=2), Step("fifo")]
    ),
    "Lottery": Lottery(seed=7),
}


def measure(offers: int, times: int) -> list[dict[str, Any]]:
    """By rule: notes a loan, and the time of a loan and of a note as multiples of fifo's."""
    work = build(W2, offers)
    taken: dict[str, list[float]] = {name: [] for name in RULES}
    notes: dict[str, int] = {}
    lent = set()
    for _ in range(times):
        for name, rule in RULES.items():
            run = library(attrs.evolve(work, rules=attrs.evolve(work.rules, allocation=rule)))
            start = time.perf_counter()
            notes[name], money = run()
            taken[name].append(time.perf_counter() - start)
            lent.add(money)
    assert len(lent) == 1, f"the rules lend different money: {lent}"
    found = []
    for name in RULES:
        pairs = zip(taken[name], taken["fifo"], strict=True)
        a_loan = statistics.median(mine / fifo for mine, fifo in pairs)
        found.append(
            {
                "offers": offers,
                "rule": name,
                "notes_a_loan": notes[name] / work.count,
                "time_a_loan": a_loan,
                "time_a_note": a_loan * notes["fifo"] / notes[name],
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book only, once")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    sizes = [10_000] if options.small else [10_000, 100_000, 1_000_000]
    found = [row for offers in sizes for row in measure(offers, 1 if options.small else 3)]
    text = table(
        ["rule", "offers", "notes a loan", "time a loan, fifo = 1", "time a note, fifo = 1"],
        [
            [
                row["rule"],
                f"{row['offers']:,}",
                f"{row['notes_a_loan']:.0f}",
                f"{row['time_a_loan']:.1f}",
                f"{row['time_a_note']:.2f}",
            ]
            for row in found
        ],
    )
    print(text)
    if options.write:
        said = (
            "`python -m benchmarks.sharing --write`; medians of three rounds. A rule that shares a "
            "rate gives\nevery offer at it a note: a thousand of them at a million offers."
        )
        write("sharing", heading("Allocation rules beside fifo", said) + "\n" + text, found)


if __name__ == "__main__":
    main()
