"""W3a and W3b: offers of 100 to 300, several a lender, with tags, under limits across offers.

    python -m benchmarks.w3 [--small] [--write]

At most 10 from one lender per loan (a), and at most 30 from one lender to one borrower over all
loans (b). No order book has such limits, so: the same by hand in plain Python, and as a bare
compiled loop.
"""

import argparse
from typing import Any

from benchmarks.report import heading, seconds, table, write
from benchmarks.w2 import ENGINES
from benchmarks.workload import W3A, W3B, Shape, build

__all__ = ["run"]


def run(shape: Shape, offers: int, times: int) -> dict[str, Any]:
    """Seconds by engine."""
    work = build(shape, offers)
    (notes, _), taken = seconds(work, ENGINES, times)
    return {
        "shape": shape.name,
        "offers": offers,
        "requests": work.count,
        "notes": notes,
        "seconds": taken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the smallest book only")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="offers, ascending")
    parser.add_argument("--times", type=int, default=3, help="rounds; the medians are shown")
    options = parser.parse_args()
    sizes = [10_000] if options.small else [int(size) for size in options.sizes.split(",")]
    found = [run(shape, offers, options.times) for shape in (W3A, W3B) for offers in sizes]
    rows = []
    for shape in (W3A, W3B):
        for name in ENGINES:
            cells = []
            for each in found:
                if each["shape"] == shape.name:
                    taken = each["seconds"]
                    rate = each["requests"] / taken[name]
                    cells.append(f"{rate:,.0f} ({taken['plain Python'] / taken[name]:.1f})")
            rows.append([f"{shape.name}, {name}", *cells])
    shown = table(["loans/s (times plain Python)", *(f"{n:,} offers" for n in sizes)], rows)
    text = heading(
        "W3: limits", f"`python -m benchmarks.w3 --write`; medians of {options.times}.", ["numba"]
    )
    page = f"{text}\n{shown}\n"
    print(page)
    if options.write:
        write("w3", page, found)


if __name__ == "__main__":
    main()
