"""Comparing ten terms and ten amounts, beside the ten largest of these quotes made one by one.

    python -m benchmarks.compare [--small] [--write]

A book of a million offers of 1 to 300 units at 1 001 rates, a tenth of them in each of ten terms;
one comparison is a hundred quotes. Three books: without limits; with a limit per lender and loan;
with a cap on one lender's share of a loan. For each, three sizes of the largest request. Every row
must be the quote made by itself before a time is shown. What is shown is made of processor time,
the fastest of fifteen runs of each side, alternating.
"""

import argparse
import time
from typing import Any

import attrs
import numpy as np

from benchmarks.report import heading, table, write
from p2pmatch import Limits, Marketplace, Request, Rules

TERMS = tuple(range(12, 132, 12))
BOOKS: dict[str, dict[str, Any]] = {
    "no limits": {},
    "limit per loan": {"lender_limits": Limits(per_loan=20_000)},
    "share cap": {"max_share": 20_000},
}


def market_of(offers: int, **rules: Any) -> Marketplace:
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
        quotes = market.compare(request, amounts=amounts, terms=TERMS, now=0)
        end = time.process_time()
        rows = list(quotes)
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
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    offers = 20_000 if options.small else 1_000_000
    found = []
    for name, rules in BOOKS.items():
        market = market_of(offers, **rules)
        for largest in (1_000_000, 3_000_000, 10_000_000):
            notes, each, ratio, read = measure(market, largest)
            found.append({"book": name, "notes": notes, "each": each, "ratio": ratio, "read": read})
    text = table(
        ["book", "notes", "one quote, µs", "times ten largest quotes", "every row read"],
        [
            [
                row["book"],
                f"{row['notes']}",
                f"{row['each'] * 1e6:.0f}",
                f"{row['ratio']:.2f}",
                f"{row['read']:.2f}",
            ]
            for row in found
        ],
    )
    print(text)
    if options.write:
        said = (
            f"`python -m benchmarks.compare --write`; ten terms and ten amounts on {offers:,} "
            "offers; fastest of\nfifteen. One by one, the hundred quotes would cost 5.5 times the "
            "ten largest where a quote's cost is its\nnotes, and 10 times where it is the call. A "
            "row that needs no more than its notes is built when it is\nread; the last column "
            "reads every row."
        )
        write("compare", heading("A comparison against its quotes", said) + "\n" + text, found)


if __name__ == "__main__":
    main()
