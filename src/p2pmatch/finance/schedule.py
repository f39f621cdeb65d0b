"""What a borrower pays and when: exact amortisation in whole cents.

Interest of a period is the balance times the rate times the part of a year, rounded half up to the
cent. The balance is always a whole number of cents, so a schedule is the same on every machine,
adds up exactly, and ends at exactly zero.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from math import lcm

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.errors import InvalidValue, UnknownName
from p2pmatch.finance.daycount import check_date, due_dates, year_fraction
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE, round_half_up

__all__ = ["MAX_PAYMENTS", "METHODS", "Schedule", "schedule"]

#: The most payments a schedule may have: more than fifty years of daily ones.
MAX_PAYMENTS = 20_000
#: How the principal is paid back.
METHODS = ("annuity", "equal_principal", "interest_only")


@attrs.frozen(eq=False)
class Schedule:
    """What is paid when, as columns with one row a payment.

    Parameters
    ----------
    amount : what is lent, minor units.
    rate : nominal, ppm a year, exact.
    method : how the principal is paid back, one of `METHODS`.
    payments, interest, principal : int64, shape (n,): each payment and its two parts, minor units.
    balance : int64, shape (n,): what is still owed after each payment, minor units.
    day_count : how the days are counted; None: equal periods.
    periods_per_year : how many equal periods a year has; without a day count.
    start : when the money is lent; None: equal periods.
    dates : when each payment is due; None: equal periods.

    The columns are read-only.
    """

    amount: int
    rate: Fraction
    method: str
    payments: npt.NDArray[np.int64]
    interest: npt.NDArray[np.int64]
    principal: npt.NDArray[np.int64]
    balance: npt.NDArray[np.int64]
    day_count: str | None = None
    periods_per_year: int = 12
    start: date | None = None
    dates: tuple[date, ...] | None = None

    def __len__(self) -> int:
        return len(self.payments)

    @property
    def total_interest(self) -> int:
        """All the interest, minor units. O(n)."""
        return int(self.interest.sum())

    @property
    def total_paid(self) -> int:
        """All the payments, minor units. O(n)."""
        return int(self.payments.sum())


def schedule(
    *,
    principal: int,
    rate: int | Fraction,
    term: int,
    method: str = "annuity",
    periods_per_year: int = 12,
    day_count: str | None = None,
    start: date | None = None,
    dates: Sequence[date] | None = None,
) -> Schedule:
    """Work out every payment of a loan.

    Parameters
    ----------
    principal : what is lent, minor units, 1 to `MAX_AMOUNT`.
    rate : nominal, ppm a year, 0 to `MAX_RATE`; a Fraction where a blended rate is exact.
    term : how many payments, 1 to `MAX_PAYMENTS`; months, unless the periods say otherwise.
    method : "annuity" (level payments), "equal_principal" (level principal parts) or
    "interest_only"
        (the principal with the last payment).
    periods_per_year : how many equal periods a year has, 1 to 366.
    day_count : a key of `DAY_COUNTS`: interest accrues by days; needs `start`. None: every period
        bears the same part of a year.
    start : when the money is lent.
    dates : when the payments are due, in order, after `start`; default: the same day of each month.

    Returns
    -------
    Schedule, with `term` rows.

    Raises
    ------
    InvalidValue : for values out of range, dates out of order, or days without a day count.
    UnknownName : for a method or day count that is not there.

    Notes
    -----
    The level payment, or level principal part, is the exact one rounded half up to the cent. No
    payment is more than what is owed, and the last payment is what is owed: it absorbs the
    rounding. Half a cent a period grows with the interest, so at extreme rates and terms the last
    payment is far from the others, or rows at the end are 0; they still add up.

    O(term) whole-number steps, and for the level payment a number of about 32 x term bits.

    Examples
    --------
    >>> s = schedule(principal=100_000, rate=90_000, term=36)
    >>> s.payments[:2].tolist(), s.payments[-1].item(), s.balance[-1].item()
    ([3180, 3180], 3178, 0)
    """
    principal = checks.check_whole(checks.as_plain(principal), "principal", 1, MAX_AMOUNT)
    exact_rate = _check_rate(rate)
    term = checks.check_whole(checks.as_plain(term), "term", 1, MAX_PAYMENTS)
    if method not in METHODS:
        raise UnknownName("unknown_rule", "method", method, f"one of {list(METHODS)}")
    periods_per_year = checks.check_whole(
        checks.as_plain(periods_per_year), "periods_per_year", 1, 366
    )
    due = _due(term, day_count, start, dates)
    parts = parts_of_year(term, day_count, periods_per_year, start, due)
    columns = amortise(principal, exact_rate, parts, method)
    return Schedule(
        principal,
        exact_rate,
        method,
        *columns,
        day_count=day_count,
        periods_per_year=periods_per_year,
        start=start,
        dates=due,
    )


def _check_rate(rate: object) -> Fraction:
    accepted = f"an int or a Fraction of ppm, from 0 to {MAX_RATE}"
    plain = checks.as_plain(rate)
    if type(plain) is not int and not isinstance(plain, Fraction):
        raise InvalidValue("wrong_type", "rate", rate, accepted)
    if plain < 0:
        raise InvalidValue("negative", "rate", rate, accepted)
    if plain > MAX_RATE:
        raise InvalidValue("too_large", "rate", rate, accepted)
    return Fraction(plain)


def _due(
    term: int, day_count: str | None, start: object, dates: Sequence[date] | None
) -> tuple[date, ...] | None:
    """The dates on which payments are due; None where periods are equal."""
    if day_count is None:
        for field, value in (("start", start), ("dates", dates)):
            if value is not None:
                raise InvalidValue("contradiction", field, value, "dates with a day_count only")
        return None
    first = check_date(start, "start")
    if dates is None:
        return due_dates(first, term)
    due = tuple(dates)
    if len(due) != term:
        raise InvalidValue("contradiction", "dates", len(due), f"term dates, here {term}")
    for before, day in zip((first, *due), due, strict=False):
        if check_date(day, "dates") <= before:
            raise InvalidValue("out_of_order", "dates", day, f"a date after {before}")
    return due


def parts_of_year(
    periods: int,
    day_count: str | None,
    periods_per_year: int,
    start: date | None,
    dates: Sequence[date] | None,
) -> list[Fraction]:
    """Which part of a year each period is. O(periods)."""
    if day_count is None or start is None or dates is None:
        return [Fraction(1, periods_per_year)] * periods
    return [
        year_fraction(before, day, day_count)
        for before, day in zip((start, *dates), dates, strict=False)
    ]


Columns = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]
]


def amortise(
    amount: int, rate: Fraction, parts: Sequence[Fraction], method: str, level: int | None = None
) -> Columns:
    """The columns payments, interest, principal and balance of a loan. O(periods).

    Parameters
    ----------
    amount : owed at the start, minor units.
    rate : ppm a year.
    parts : which part of a year each period is.
    method : one of `METHODS`.
    level : the level payment, or the level principal part; None: worked out.
    """
    growth, whole = _growth(rate, parts)
    if level is None:
        level = level_part(amount, growth, whole, method)
    interest, principal = [], []
    owed = amount
    last = len(growth) - 1
    for row, grown in enumerate(growth):
        due = (2 * owed * grown + whole) // (2 * whole)
        paid = owed if row == last else min(owed, level - due if method == "annuity" else level)
        if paid < 0:
            raise InvalidValue(
                "too_large", "dates", row, "periods whose interest the level payment covers"
            )
        owed -= paid
        interest.append(due)
        principal.append(paid)
    return _columns(amount, interest, principal)


def _columns(amount: int, interest: Sequence[int], principal: Sequence[int]) -> Columns:
    due = np.array(interest, dtype=np.int64)
    paid = np.array(principal, dtype=np.int64)
    columns = due + paid, due, paid, amount - paid.cumsum()
    for column in columns:
        column.flags.writeable = False
    return columns


def _growth(rate: Fraction, parts: Sequence[Fraction]) -> tuple[list[int], int]:
    """Each period's interest on one unit, over one denominator."""
    interest = {part: rate * part / FULL_SHARE for part in set(parts)}
    whole = lcm(*(exact.denominator for exact in interest.values()))
    over_whole = {
        part: exact.numerator * (whole // exact.denominator) for part, exact in interest.items()
    }
    return [over_whole[part] for part in parts], whole


def level_part(amount: int, growth: Sequence[int], whole: int, method: str) -> int:
    """The level payment or principal part, rounded half up to the cent.

    The payment that brings the balance to zero is the amount over the sum of the discount factors;
    the sum is built from the last period backwards as one fraction, never rounded.
    """
    if method == "interest_only":
        return 0
    if method == "equal_principal":
        return round_half_up(Fraction(amount, len(growth)))
    above, below = 0, 1  # the sum of the discount factors, as above / below
    for grown in reversed(growth):
        above, below = (above + below) * whole, below * (whole + grown)
    return (2 * amount * below + above) // (2 * above)
