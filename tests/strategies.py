"""Marketplaces in the small: few rates, few parties, few cells, and limits that pinch.

One generator serves seeded histories and hypothesis alike: it draws from anything that has the
methods of `random.Random`, which `st.randoms(use_true_random=False)` gives as well.
"""

from fractions import Fraction
from random import Random
from typing import Any

from p2pmatch import (
    BorrowerLimits,
    Limits,
    Lottery,
    Offer,
    Posted,
    Request,
    Rules,
    Split,
    Step,
    Steps,
)

GRADES = ("A", "B")
TERMS = (12, 36)
TAGS = ("green", "new", "shop")


class Draw:
    """Draws offers, requests, limits and changes that fit one set of rules."""

    def __init__(self, random: Random, *, large: bool = False) -> None:
        self.random = random
        self.rules = self._rules(1_000_000 if large else 1)
        self.unit = self.rules.smallest_note
        self.parties = [f"p{i}" for i in range(random.choice([2, 4, 9]))]
        self.ids = 0

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def _rules(self, scale: int) -> Rules:
        random = self.random
        increment = random.choice([1, 1, 5, 25]) * scale
        least = increment * random.choice([1, 1, 2, 5])
        grades = GRADES[: random.choice([1, 2])]
        terms = TERMS[: random.choice([1, 2])]
        matching = "call" if self.chance(15) else "immediate"
        point = random.choice([0, 1, Fraction(1, 3)]) if matching == "call" else 0
        return Rules(
            grades=grades,
            terms=terms,
            allocation=self.allocation(),
            pricing="pay_as_offered" if matching == "call" else self.pricing(grades, terms),
            matching=matching,
            clearing_point=point,
            increment=increment,
            min_note=random.choice([None, least]) if least == increment else least,
            max_share=self.share() if self.chance(30) else None,
            lender_limits=self._limits(least) if self.chance(40) else Limits(),
            borrower_limits=BorrowerLimits(total=least * random.randrange(1, 60))
            if self.chance(15)
            else BorrowerLimits(),
        )

    def allocation(self) -> Any:
        steps = Steps(
            [
                Step("oldest", share=self.random.choice([100_000, 400_000, 1_000_000])),
                Step("pro_rata_floors", drop_below=self.random.choice([0, 2, 50, 2_000_000])),
                Step("equal_share", share=250_000, at_most=self.random.choice([None, 3, 60])),
                Step(self.random.choice(["fifo", "pro_rata", "equal_share"])),
            ][self.random.randrange(4) :]
        )
        rules = ["pro_rata", "equal_share", Split(self.share()), Lottery(self.random.randrange(99))]
        return self.random.choice(["fifo"] * 3 + [*rules, steps])

    def pricing(self, grades: tuple[str, ...], terms: tuple[int, ...]) -> Any:
        posted = {
            (grade, term): self.random.choice([40_000, 50_000, 60_000])
            for grade in grades
            for term in terms
            if self.chance(90)
        }
        named = ["uniform_marginal", "uniform_first_rejected", "midpoint"]
        rules = ["pay_as_offered"] * 3 + named + ([Posted(posted)] if posted else [])
        return self.random.choice(rules)

    def share(self) -> int:
        return self.random.choice([50_000, 100_000, 250_000, 333_333, 500_000, 1_000_000])

    def _limits(self, least: int) -> Limits:
        drawn: dict[str, Any] = {
            name: least * self.random.randrange(1, 12) + self.random.choice([0, 0, 1])
            for name in ("per_loan", "per_borrower", "per_grade", "total")
            if self.chance(35)
        }
        if self.chance(20):
            drawn["max_share"] = self.share()
        return Limits(**drawn)

    def limits(self) -> Limits:
        return self._limits(self.unit) if self.chance(85) else Limits(per_loan=1)

    def borrower_limits(self) -> BorrowerLimits:
        return BorrowerLimits(total=self.money(40)) if self.chance(80) else BorrowerLimits()

    def money(self, notes: int) -> int:
        """Some money, about as many smallest notes at most, seldom a whole number of them."""
        whole = self.unit * self.random.randrange(1, notes + 1)
        return max(whole + self.random.choice([0, 0, 0, 1, -1, self.rules.increment]), 1)

    def rate(self) -> int:
        return self.random.choice([0, 40_000, 50_000, 50_000, 60_000, 70_001])

    def tags(self, percent: int) -> frozenset[str]:
        return frozenset(tag for tag in TAGS if self.chance(percent))

    def offer_id(self) -> str:
        self.ids += 1
        return f"o{self.ids}"

    def cells(self) -> dict[str, Any]:
        grades, terms = self.rules.grades, self.rules.terms
        return {
            "grades": None if self.chance(40) else {self.random.choice(grades)},
            "terms": None if self.chance(40) else {self.random.choice(terms)},
        }

    def offer(self, now: int, *, card: bool = True) -> Offer:
        needs = self.tags(8)
        cells = self.cells()
        rate: Any = self.rate()
        if card and self.chance(15):
            rate = {grade: self.rate() for grade in cells["grades"] or self.rules.grades}
        return Offer(
            offer_id=self.offer_id(),
            lender_id=self.random.choice(self.parties),
            amount=self.money(12),
            min_rate=rate,
            max_per_loan=self.money(6) if self.chance(25) else None,
            max_share=self.share() if self.chance(10) else None,
            requires=needs,
            refuses=self.tags(8) - needs,
            expires_at=now + self.random.randrange(1, 6) if self.chance(15) else None,
            **cells,
        )

    def request(self, now: int = 0) -> Request:
        self.ids += 1
        amount = self.rules.increment * self.random.randrange(1, 150)
        if self.chance(50):
            amount = self.unit * self.random.randrange(1, 40)
        return Request(
            request_id=f"r{self.ids}",
            borrower_id=self.random.choice([*self.parties, "bob", "bea"]),
            amount=amount,
            max_rate=self.random.choice([45_000, 50_000, 60_000, 90_000, 90_000]),
            grade=self.random.choice(self.rules.grades),
            term=self.random.choice(self.rules.terms),
            min_amount=self.random.randrange(1, amount + 1) if self.chance(70) else None,
            tags=self.tags(30),
            expires_at=now + self.random.randrange(1, 15) if self.chance(20) else None,
        )

    def changes(self, now: int) -> dict[str, Any]:
        """What to amend: one thing mostly, now and then several, sound or not."""
        makers: list[tuple[str, Any]] = [
            ("amount", self.money(18)),
            ("amount", self.money(18)),
            ("amount", self.money(18)),
            ("min_rate", self.rate()),
            ("min_rate", {grade: self.rate() for grade in self.rules.grades}),
            ("grades", self.cells()["grades"]),
            ("terms", self.cells()["terms"]),
            ("max_per_loan", self.random.choice([None, self.money(6)])),
            ("max_share", self.random.choice([None, self.share()])),
            ("requires", self.tags(10)),
            ("refuses", self.tags(10)),
            ("expires_at", self.random.choice([None, now + self.random.randrange(0, 5)])),
        ]
        if self.chance(5):
            # A rate card for one grade only: the offer leaves the others.
            grade = self.random.choice(self.rules.grades)
            return {"min_rate": {grade: self.rate()}, "grades": {grade}}
        count = self.random.choice([1, 1, 1, 2, 3])
        return dict(self.random.choice(makers) for _ in range(count))
