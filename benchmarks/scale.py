"""How the cost of a loan and the bytes of an offer grow with the book and the cells.

    python -m benchmarks.scale [--small] [--write]

W3a, one `submit` at a time, each book in a process of its own. Offers stand in one cell each, or in
all of them. Books of more than 25 million places are left out: they would not fit this machine.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.report import heading, table, write
from benchmarks.workload import W3A, build
from p2pmatch import Marketplace
from p2pmatch.columns import read_offers, read_requests

__all__ = ["CELLS", "book", "measure"]

#: Cells, as grades and terms.
CELLS = {1: (1, 1), 24: (6, 4), 240: (20, 12)}
_MOST_PLACES = 25_000_000


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096


def book(offers: int, cells: int, *, everywhere: bool) -> dict[str, Any]:
    """Microseconds a loan and bytes an offer."""
    grades, terms = CELLS[cells]
    work = build(
        W3A,
        offers,
        1_500,
        tuple(f"G{i}" for i in range(grades)),
        tuple(12 * (i + 1) for i in range(terms)),
        everywhere=everywhere,
    )
    columns, requests = read_offers(work.offers), list(read_requests(work.requests))
    market = Marketplace(work.rules)
    gc.collect()
    before = _resident()
    market.post_many(columns, now=0)
    size = _resident() - before
    money = 0
    for request in requests[: len(requests) // 3]:  # the first loans warm it up
        market.submit(request, now=1)
    timed = requests[len(requests) // 3 :]
    start = time.process_time()
    for request in timed:
        loan = market.submit(request, now=1).loan
        money += 0 if loan is None else loan.principal
    took = time.process_time() - start
    return {
        "us_per_loan": took / len(timed) * 1e6,
        "bytes_per_offer": size / offers,
        "money": money,
    }


def measure(offers: int, cells: int, *, everywhere: bool) -> dict[str, Any]:
    """`book`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--book", str(offers), str(cells)]
    command += ["1" if everywhere else "0"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout)
    return {"offers": offers, "cells": cells, "everywhere": everywhere, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest books only")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    parser.add_argument("--book", nargs=3, type=int, help="one book: offers, cells, everywhere")
    options = parser.parse_args()
    if options.book:
        offers, cells, everywhere = options.book
        print(json.dumps(book(offers, cells, everywhere=bool(everywhere))))
        return
    sizes = [10_000] if options.small else [10_000, 100_000, 1_000_000, 4_000_000]
    found = [
        measure(offers, cells, everywhere=everywhere)
        for cells in CELLS
        for everywhere in ((True,) if cells == 1 else (False, True))
        for offers in sizes
        if not everywhere or offers * cells <= _MOST_PLACES
    ]
    rows = []
    for each in found:
        like = [
            other
            for other in found
            if (other["cells"], other["everywhere"]) == (each["cells"], each["everywhere"])
        ]
        stands = "all" if each["everywhere"] else "one"
        rows.append(
            [
                f"{each['offers']:,}",
                str(each["cells"]),
                stands,
                f"{each['us_per_loan']:.0f}",
                f"{each['us_per_loan'] / like[0]['us_per_loan']:.2f}",
                f"{each['bytes_per_offer']:.0f}",
            ]
        )
    head = ["offers", "cells", "stands in", "µs a loan", "of the smallest", "bytes an offer"]
    text = heading("Scale", "`python -m benchmarks.scale --write`; W3a, one `submit` at a time.")
    page = f"{text}\n{table(head, rows)}\n"
    print(page)
    if options.write:
        write("scale", page, found)


if __name__ == "__main__":
    main()
