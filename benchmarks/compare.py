"""Comparing ten terms and ten amounts, beside the ten largest of these quotes made one by one.

    python benchmarks/compare.py [--small] [--write]

A book of a million offers of 1 to 300 units at 1 001 rates, a tenth of them in each of ten terms;
one comparison is a hundred quotes. Three books: without limits; with a limit per lender and loan;
with a cap on one lender's share of a loan. For each, three sizes of the largest request. Every row
must be the quote made by itself before a time is shown. What is shown is made of processor time,
the fastest of fifteen runs of each side, alternating.
"""

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import p2pmatch
from p2pmatch import Limits, Marketplace, Request, Rules

TERMS = tuple(range(12, 132, 12))
RESULTS = Path(__file__).parent / "results" / "compare.md"
BOOKS: dict[str, dict[str, Any]] = {
    "no limits": {},
    "limit per loan": {"lender_limits": Limits(per_loan=20_000)},
    "share cap": {"max_share": 20_000},
}


def market_of(offers: int, **rules: Any) -> Marketplace:  # noqa: ANN401 - any of the rules
    """A book of so many offers, the same for every run."""
    draw = np.random.default_rng(7)
    market = Marketplace(Rules(grades=["A"], terms=TERMS, **rules))
    market.post_many(
        {
            "offer_id": [f"o{i}" for i in range(offers)],
            "lender_id": [f"l{i}" for i in draw.integers(0, offers // 5, offers).tolist()],
            "amount": draw.integers(100, 30_001, offers),
            "min_rate": draw.integers(0, 1_001, offers) * 100,
            "terms": [(TERMS[i],) for i in draw.integers(0, len(TERMS), offers).tolist()],
        },
        now=0,
    )
    return market


def measure(market: Marketplace, largest: int, times: int = 15) -> tuple[int, float, float, float]:
    """Notes of the largest quote, seconds of one such quote, and the two ratios."""
    request = Request(
        request_id="r",
        borrower_id="bob",
        amount=largest,
        max_rate=200_000,
        grade="A",
        term=TERMS[0],
        min_amount=1,
    )
    amounts = [largest * i // 10 for i in range(1, 11)]
    singles = [attrs.evolve(request, term=term) for term in TERMS]
    alone, together, read = [], [], []
    for _ in range(times):
        start = time.process_time()
        for single in singles:
            market.quote(single, now=0)
        middle = time.process_time()
        table = market.compare(request, amounts=amounts, terms=TERMS, now=0)
        end = time.process_time()
        rows = list(table)
        all_read = time.process_time()
        alone.append(middle - start)
        together.append(end - middle)
        read.append(all_read - middle)
    for row in rows:
        assert row == market.quote(row.request, now=0), "a row differs from its quote"
    notes = max(len(row.loan.notes) for row in rows if row.loan is not None)
    fastest = min(alone)
    return notes, fastest / len(singles), min(together) / fastest, min(read) / fastest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a book of twenty thousand offers")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/compare.md")
    options = parser.parse_args()
    offers = 20_000 if options.small else 1_000_000
    rows = ["| book | notes | one quote, us | times ten largest quotes | every row read |"]
    rows.append("|---|---:|---:|---:|---:|")
    for name, rules in BOOKS.items():
        market = market_of(offers, **rules)
        for largest in (1_000_000, 3_000_000, 10_000_000):
            notes, each, ratio, read = measure(market, largest)
            rows.append(f"| {name} | {notes} | {each * 1e6:.0f} | {ratio:.2f} | {read:.2f} |")
    table = "\n".join(rows)
    print(table)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(HEAD.format(offers=offers, **versions()) + table + "\n")


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "p2pmatch": p2pmatch.__version__,
        "machine": f"{platform.system()} {platform.machine()}, two cores",
    }


HEAD = """\
# A comparison against its quotes

`python benchmarks/compare.py --write`; ten terms and ten amounts on {offers:,} offers; fastest of
fifteen. p2pmatch {p2pmatch}, Python {python}, numpy {numpy}, {machine}. One by one, the hundred
quotes would cost 5.5 times the ten largest where a quote's cost is its notes, and 10 times where it
is the call. A row that needs no more than its notes is built when it is read; the last column reads
every row. Under a share cap each amount has rooms of its own, so little can be shared.

"""


if __name__ == "__main__":
    main()
