"""W2: offers of 1 to 19 units, requests of 2 000, about two hundred notes each, no limit.

    python -m benchmarks.w2 [--small] [--write]

The library, one `submit` at a time and by `submit_many`, beside plain Python, a bare compiled loop,
and the order books of the package index, each in a process of its own.
"""

import argparse
import statistics
from functools import partial
from typing import Any

from benchmarks.engines import bare_loop, library, library_in_bulk, plain_python
from benchmarks.peers import PEERS, measure
from benchmarks.report import heading, seconds, table, write
from benchmarks.workload import W2, build

__all__ = ["ENGINES", "run"]

ENGINES = {
    "submit": library,
    "submit_many": partial(library_in_bulk, compiled=False),
    "submit_many, compiled": partial(library_in_bulk, compiled=True),
    "plain Python": plain_python,
    "bare compiled loop": bare_loop,
}


def run(offers: int, times: int, limit: float, peers: list[str]) -> dict[str, Any]:
    """Seconds by engine, and why a peer has none."""
    work = build(W2, offers)
    (notes, money), taken = seconds(work, ENGINES, times)
    skipped: dict[str, str] = {}
    for name in peers:
        several: list[float] = []
        while len(several) < times:
            answer = measure(name, offers, work.count, limit)
            if isinstance(answer, str):
                skipped[name] = answer
                break
            assert (answer["notes"], answer["money"]) == (notes, money), f"{name} disagrees"
            several.append(answer["seconds"])
        else:
            taken[name] = statistics.median(several)
    return {"offers": offers, "notes": notes, "seconds": taken, "skipped": skipped}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book, and no peers")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    parser.add_argument("--limit", type=float, default=60, help="seconds a peer may take")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="offers, ascending")
    parser.add_argument("--times", type=int, default=3, help="rounds; the medians are shown")
    options = parser.parse_args()
    sizes = [10_000] if options.small else [int(size) for size in options.sizes.split(",")]
    found = []
    peers = [] if options.small else list(PEERS)
    for offers in sizes:
        found.append(run(offers, options.times, options.limit, peers))
        # Who is not done here would not be done with ten times as much.
        peers = [name for name in peers if name not in found[-1]["skipped"]]
    names = sorted({name for each in found for name in each["seconds"]})
    rows = []
    for name in names:
        cells = []
        for each in found:
            taken = each["seconds"]
            if name in taken:
                rate = each["notes"] / taken[name] / 1e6
                cells.append(f"{rate:.2f} ({taken['plain Python'] / taken[name]:.1f})")
            else:
                cells.append("-")
        rows.append([name, *cells])
    shown = table(["million notes/s (times plain Python)", *(f"{n:,} offers" for n in sizes)], rows)
    skipped = "\n".join(
        f"- {name} at {each['offers']:,}: {why}"
        for each in found
        for name, why in each["skipped"].items()
    )
    text = heading(
        "W2: no limits",
        f"`python -m benchmarks.w2 --write`; medians of {options.times}.",
        list(PEERS),
    )
    page = f"{text}\n{shown}\n" + (f"\nNot measured:\n\n{skipped}\n" if skipped else "")
    print(page)
    if options.write:
        write("w2", page, found)


if __name__ == "__main__":
    main()
