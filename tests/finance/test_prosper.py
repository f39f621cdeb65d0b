"""Loans recorded by Prosper: their monthly payments to the cent, and the fees behind their APRs."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from statistics import median

import attrs
import numpy as np
import pytest

from p2pmatch import amount, rate
from p2pmatch.finance import apr, schedules
from p2pmatch.units import round_half_up
from tests.shared import shared

#: Where the origination fees implied by the recorded APRs gather, in ppm of the loan; and the least
#: fees, in cents. Read off the data: no published list was at hand.
FEES = frozenset(
    {5_000, 10_000, 19_500, 20_000, 29_500, 30_000, 39_500, 40_000, 45_000, 49_500, 50_000}
)
LEAST = frozenset({2_500, 5_000, 7_500})

YEAR = 31_556_952  # seconds


@attrs.frozen
class Recorded:
    """One loan as it was recorded, and the level payment that we find."""

    grade: str
    year: int
    principal: int
    payment: int | None
    apr: int | None
    payments: list[int]


def recorded() -> Iterator[Recorded]:
    with shared("data", "prosper", "requests.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = schedules(
        principals=np.array([amount(row["amount"]) for row in rows]),
        rates=[rate(row["max_rate"]) for row in rows],
        terms=[int(row["term"]) for row in rows],
    )
    for row, s in zip(rows, found, strict=True):
        yield Recorded(
            row["grade"],
            1970 + int(row["submitted_at"]) // YEAR,
            s.amount,
            amount(row["recorded_monthly_payment"] or "0") or None,
            rate(row["recorded_apr"]) if row["recorded_apr"] else None,
            s.payments.tolist(),
        )


def test_the_recorded_monthly_payments() -> None:
    """Half up to the cent is Prosper's own rule.

    What differs: loans with 0 recorded, which say nothing; a few that are a cent off, on loans
    that end in odd amounts; and loans with a lower payment recorded than their rate and amount give,
    all of them old: what was recorded is what was due when the data was drawn.
    """
    differs = Counter(
        "none"
        if loan.payment is None
        else "same"
        if loan.payment == loan.payments[0]
        else "a cent"
        if abs(loan.payment - loan.payments[0]) == 1
        else "lower"
        if loan.payment < loan.payments[0]
        else "higher"
        for loan in recorded()
    )
    total = differs.total()
    said = total - differs["none"]
    assert total > 1_800
    assert differs["same"] / said > 0.95
    assert (differs["same"] + differs["a cent"] + differs["none"]) / total > 0.95
    assert differs["higher"] <= 2


def implied_fee(loan: Recorded) -> float:
    """What the borrower did not get, cents: the amount less the payments' value at the APR."""
    assert loan.apr is not None
    growth = 1 + loan.apr / 12e6
    return loan.principal - sum(paid / growth**k for k, paid in enumerate(loan.payments, 1))


def listed_fee(loan: Recorded) -> int | None:
    """The fee on the lists that is the implied one, cents."""
    off = implied_fee(loan)
    # The APR is recorded to 0.001 %, which on these loans is 0.002 % of the amount.
    near = loan.principal * 30e-6 + 1
    fees = [*(round_half_up(Fraction(loan.principal * ppm, 10**6)) for ppm in FEES), *LEAST]
    return next((cents for cents in sorted(fees) if abs(off - cents) <= near), None)


def test_the_fees_implied_by_the_recorded_aprs() -> None:
    loans = [loan for loan in recorded() if loan.apr]
    fees = [listed_fee(loan) for loan in loans]
    assert sum(cents is not None for cents in fees) / len(loans) > 0.99
    by_grade = defaultdict(list)
    for loan in loans:
        by_grade[loan.grade, loan.year].append(implied_fee(loan) / loan.principal)
    # Within a grade and year half of the loans or more bear the same part, to 0.01 % of the amount;
    # the others bear the least fee, or those of the list before or after.
    stable = [
        sum(abs(part - median(parts)) <= 1e-4 for part in parts) >= len(parts) / 2
        for parts in by_grade.values()
        if len(parts) >= 20
    ]
    assert sum(stable) / len(stable) > 0.9
    assert median(by_grade["C", 2013]) == pytest.approx(0.0495, abs=1e-5)


def test_with_the_fee_taken_off_the_us_rule_gives_the_recorded_apr() -> None:
    loans = [loan for loan in recorded() if loan.apr and listed_fee(loan) is not None][::8]
    assert len(loans) > 200
    for loan in loans:
        advance = loan.principal - (listed_fee(loan) or 0)
        found = apr(advances=[(0, advance)], payments=list(enumerate(loan.payments, 1)), rule="us")
        assert found == pytest.approx(loan.apr, abs=30), loan
