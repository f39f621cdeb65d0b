"""How a balance comes down to zero, in whole cents: the one loop that every schedule is made by."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

import numpy as np
import numpy.typing as npt

from p2pmatch.errors import InvalidValue
from p2pmatch.units import FULL_SHARE, round_half_up

__all__ = [
    "METHODS",
    "Columns",
    "amortise",
    "annuity_factor",
    "equal_factor",
    "half_up",
    "level_part",
    "period_growth",
]

#: How the principal is paid back.
METHODS = ("annuity", "equal_principal", "interest_only")

#: Payments, interest, principal and balance: int64, shape (n,).
Columns = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]
]


def amortise(
    amount: int, growth: Sequence[int], whole: int, method: str, level: int
) -> tuple[list[int], list[int]]:
    """Interest and principal of every payment. O(periods).

    Parameters
    ----------
    amount : owed at the start, minor units.
    growth, whole : each period's interest on one unit, over one denominator; see `period_growth`.
    method : one of `METHODS`.
    level : the level payment, or the level principal part.

    Raises
    ------
    InvalidValue : where a level payment does not cover a period's interest, which can only be when
        periods are very unequal.
    """
    interest, principal = [], []
    owed = amount
    last = len(growth) - 1
    for row, grown in enumerate(growth):
        due = half_up(owed * grown, whole)
        paid = owed if row == last else min(owed, level - due if method == "annuity" else level)
        if paid < 0:
            raise InvalidValue(
                "contradiction", "dates", row, f"periods whose interest a payment of {level} covers"
            )
        owed -= paid
        interest.append(due)
        principal.append(paid)
    return interest, principal


def period_growth(rate: Fraction, parts: Sequence[Fraction]) -> tuple[list[int], int]:
    """Each period's interest on one unit, over one denominator. O(periods).

    Parameters
    ----------
    rate : ppm a year.
    parts : which part of a year each period is.

    Examples
    --------
    >>> period_growth(Fraction(90_000), [Fraction(1, 12), Fraction(1, 6)])
    ([3, 6], 400)
    """
    year = lcm(*{part.denominator for part in parts})
    whole = rate.denominator * FULL_SHARE * year
    growth = [rate.numerator * part.numerator * (year // part.denominator) for part in parts]
    common = gcd(whole, *growth)
    return [grown // common for grown in growth], whole // common


def level_part(amount: int, growth: Sequence[int], whole: int, method: str) -> int:
    """The level payment or principal part, rounded half up to the cent; 0 for interest only."""
    if method == "interest_only":
        return 0
    if method == "equal_principal":
        return round_half_up(Fraction(amount, len(growth)))
    above, below = annuity_factor(growth, whole)
    return half_up(amount * above, below)


def half_up(above: int, below: int) -> int:
    """The whole number nearest to above / below, halves upwards."""
    return (2 * above + below) // (2 * below)


def annuity_factor(growth: Sequence[int], whole: int) -> tuple[int, int]:
    """The level payment that pays back one unit, as a numerator and a denominator, never rounded.

    It is one over the sum of the discount factors, which is built from the last period backwards;
    for equal periods at interest i it is i / (1 - (1 + i)^-n).

    Examples
    --------
    >>> Fraction(*annuity_factor([1, 1], 100)) == 1 / (Fraction(100, 101) + Fraction(100, 101) ** 2)
    True
    """
    if min(growth) == max(growth):
        return equal_factor(growth[0], whole, len(growth))
    above, below = 0, 1
    for grown in reversed(growth):
        above, below = (above + below) * whole, below * (whole + grown)
    return below, above


def equal_factor(grown: int, whole: int, periods: int) -> tuple[int, int]:
    """`annuity_factor` for equal periods, each with interest of grown / whole."""
    if grown == 0:
        return 1, periods
    common = gcd(grown, whole)
    grown, unit = grown // common, whole // common
    later = (unit + grown) ** periods
    return grown * later, unit * (later - unit**periods)
