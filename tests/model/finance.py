"""Schedules, splits' exact shares and values of flows in plain fractions: slow, and easy to read.

Nothing here is shared with the library.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def level(amount: int, interests: Sequence[Fraction], method: str) -> int:
    """The level payment or principal part; `interests` is each period's interest on one unit."""
    if method == "interest_only":
        return 0
    if method == "equal_principal":
        return half_up(Fraction(amount, len(interests)))
    discount, discounts = Fraction(1), Fraction(0)
    for interest in interests:
        discount /= 1 + interest
        discounts += discount
    return half_up(amount / discounts)


def rows(
    amount: int, interests: Sequence[Fraction], method: str, level_part: int
) -> list[tuple[int, int, int, int]]:
    """Payment, interest, principal and balance of every period."""
    found = []
    balance = amount
    for number, interest in enumerate(interests, 1):
        due = half_up(balance * interest)
        if number == len(interests):
            principal = balance
        elif method == "annuity":
            principal = min(balance, level_part - due)
        else:
            principal = min(balance, level_part)
        balance -= principal
        found.append((due + principal, due, principal, balance))
    return found


def value(flows: Sequence[tuple[Fraction, Fraction, int]], rate: Fraction) -> Fraction:
    """What flows at (whole periods, fraction of one, amount) are worth at a rate a period."""
    return sum(
        (
            Fraction(amount) / ((1 + rate) ** int(periods) * (1 + fraction * rate))
            for periods, fraction, amount in flows
        ),
        Fraction(0),
    )
