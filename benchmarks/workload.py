"""The workloads, the same for every engine and every run: seeded columns of offers and requests."""

from typing import Any

import attrs
import numpy as np

from p2pmatch import Limits, Rules

__all__ = ["NEED", "W2", "W3A", "W3B", "Shape", "Workload", "build"]

#: What every request asks for: about two hundred notes' worth.
NEED = 2_000
# Offers stand at 1 001 rates, this many ppm apart.
_RATES, _STEP = 1_001, 100
_MAX_RATE = 200_000
# What an offer may require and refuse, and what a request may bear; two thirds of them: nothing.
_TAG_RULES = [("", "")] * 4 + [("green", ""), ("", "new")]
_TAGS = [""] * 4 + ["green", "new"]


@attrs.frozen
class Shape:
    """What tells one workload from another.

    least, most : an offer's amount.
    offers_each : offers of one lender.
    loans_each : requests of one borrower.
    share : of the money in the book, what is asked for in all, percent.
    """

    name: str
    least: int
    most: int
    offers_each: int = 1
    loans_each: int = 1
    per_loan: int | None = None
    per_borrower: int | None = None
    tags: bool = False
    share: int = 80


#: Offers of 1 to 19 units, no limit, until 80 % of the book is lent.
W2 = Shape("W2", 1, 19)
#: Offers of 100 to 300, five a lender, at most 10 from one lender per loan, tags on a third.
W3A = Shape("W3a", 100, 300, offers_each=5, per_loan=10, tags=True, share=25)
#: The same, and at most 30 from one lender to one borrower, who borrows eight times.
W3B = attrs.evolve(W3A, name="W3b", loans_each=8, per_borrower=30)


@attrs.frozen(eq=False)
class Workload:
    """Columns as `post_many` and `submit_many` take them, and the rules they go with."""

    shape: Shape
    rules: Rules
    offers: dict[str, Any]
    requests: dict[str, Any]

    @property
    def count(self) -> int:
        """How many requests there are."""
        return len(self.requests["request_id"])


def build(
    shape: Shape,
    offers: int,
    most_requests: int = 4_000,
    grades: tuple[str, ...] = ("A",),
    terms: tuple[int, ...] = (36,),
    *,
    everywhere: bool = True,
) -> Workload:
    """A book of `offers` offers and the requests for it.

    Parameters
    ----------
    everywhere : whether each offer stands in all cells, or each in one of them.
    """
    draw = np.random.default_rng(7)
    lenders = draw.permutation(np.arange(offers) // shape.offers_each)
    columns: dict[str, Any] = {
        "offer_id": [f"o{i}" for i in range(offers)],
        "lender_id": [f"l{i}" for i in lenders.tolist()],
        "amount": draw.integers(shape.least, shape.most + 1, offers),
        "min_rate": draw.integers(0, _RATES, offers) * _STEP,
    }
    if not everywhere:
        columns["grades"] = [grades[i] for i in draw.integers(0, len(grades), offers).tolist()]
        columns["terms"] = [str(terms[i]) for i in draw.integers(0, len(terms), offers).tolist()]
    if shape.tags:
        rules = [_TAG_RULES[i] for i in draw.integers(0, len(_TAG_RULES), offers).tolist()]
        columns["requires"] = [needs for needs, _ in rules]
        columns["refuses"] = [bars for _, bars in rules]
    money = int(columns["amount"].sum())
    count = min(most_requests, money * shape.share // 100 // NEED)
    requests: dict[str, Any] = {
        "request_id": [f"r{i}" for i in range(count)],
        "borrower_id": [f"b{i // shape.loans_each}" for i in range(count)],
        "amount": np.full(count, NEED),
        "max_rate": np.full(count, _MAX_RATE),
        "grade": [grades[i] for i in draw.integers(0, len(grades), count).tolist()],
        "term": np.array(terms)[draw.integers(0, len(terms), count)],
    }
    if shape.tags:
        requests["tags"] = [_TAGS[i] for i in draw.integers(0, len(_TAGS), count).tolist()]
    limits = Limits(per_loan=shape.per_loan, per_borrower=shape.per_borrower)
    return Workload(
        shape, Rules(grades=grades, terms=terms, lender_limits=limits), columns, requests
    )
