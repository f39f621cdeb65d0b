"""Allocation rules beside fifo: the same loans, the last rate shared by each rule.

    python benchmarks/sharing.py [--small] [--write]

K offers of 1 to 19 units at 1 001 rates, requests of 2 000 until 80 % of the book is lent: the
plain workload of sweep.py. All rules must lend the same money before a time is shown. Rules that
share a rate read the whole of it and give more, smaller notes, so a loan and a note are compared
apart.
Medians of three rounds in which the rules take turns; `--write` puts the table into
benchmarks/results.
"""

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import p2pmatch
from p2pmatch import AllocationRule, Lottery, Marketplace, Rules, Split, Step, Steps, rate

sys.path.insert(0, str(Path(__file__).parent))
from sweep import REQUEST, book, requests

RESULTS = Path(__file__).parent / "results" / "sharing.md"
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


def run(offers: int, rule: str | AllocationRule) -> tuple[float, int, int, int]:
    """Seconds, loans, notes and money of one round."""
    columns = book(offers, limits=False)
    asked = requests(min(4_000, int(columns["amount"].sum()) * 8 // 10 // REQUEST))
    market = Marketplace(Rules(grades=["A"], terms=[36], allocation=rule))
    market.post_many(columns, now=0)
    loans = notes = money = 0
    start = time.perf_counter()
    for request in asked:
        loan = market.submit(request, now=0).loan
        if loan is not None:
            loans += 1
            notes += len(loan.notes)
            money += loan.principal
    return time.perf_counter() - start, loans, notes, money


def table(sizes: list[int], times: int) -> str:
    rows = ["| offers | rule | notes a loan | time a loan, fifo = 1 | time a note, fifo = 1 |"]
    rows.append("|---:|---|---:|---:|---:|")
    for offers in sizes:
        rounds = [{name: run(offers, rule) for name, rule in RULES.items()} for _ in range(times)]
        assert len({done[3] for done in rounds[0].values()}) == 1, "the rules lend different money"
        for name in RULES:
            _, loans, notes, _ = rounds[0][name]
            ratio = statistics.median(done[name][0] / done["fifo"][0] for done in rounds)
            a_note = ratio * rounds[0]["fifo"][2] / notes
            rows.append(
                f"| {offers:,} | {name} | {notes / loans:.0f} | {ratio:.1f} | {a_note:.2f} |"
            )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book only, once")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/sharing.md")
    options = parser.parse_args()
    sizes = [10_000] if options.small else [10_000, 100_000, 1_000_000]
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
# Allocation rules beside fifo

`python benchmarks/sharing.py --write`; medians of three rounds.
p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine}.
A rule that shares a rate gives every offer at it a note: a thousand of them at a million offers.

"""


if __name__ == "__main__":
    main()
