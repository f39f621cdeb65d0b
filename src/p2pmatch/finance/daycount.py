"""Day counts: the part of a year between two dates, exact, by the names that contracts use."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from p2pmatch import checks
from p2pmatch.errors import InvalidValue

__all__ = ["DAY_COUNTS", "add_months", "due_dates", "year_fraction"]

_JANUARY_FIRST = (1, 1)
# More than lie between any two dates.
_MONTHS = 12 * date.max.year


def _actual_360(start: date, end: date) -> Fraction:
    return Fraction((end - start).days, 360)


def _actual_365_fixed(start: date, end: date) -> Fraction:
    return Fraction((end - start).days, 365)


def _actual_actual_isda(start: date, end: date) -> Fraction:
    """Days in leap years over 366, days in other years over 365."""
    if start.year == end.year:
        return Fraction((end - start).days, _days_in_year(start.year))
    first = Fraction((date(start.year, 12, 31) - start).days + 1, _days_in_year(start.year))
    last = Fraction((end - date(end.year, *_JANUARY_FIRST)).days, _days_in_year(end.year))
    return first + (end.year - start.year - 1) + last


def _days_in_year(year: int) -> int:
    return (date(year, 12, 31) - date(year, *_JANUARY_FIRST)).days + 1


def _month_end(year: int, month: int) -> int:
    """The last day of a month."""
    if month == 2:
        return _days_in_year(year) - 337
    return 30 if month in {4, 6, 9, 11} else 31


def _thirty_e_360(start: date, end: date) -> Fraction:
    """The 31st counts as the 30th, on both sides."""
    return _thirty_360(start, min(start.day, 30), end, min(end.day, 30))


def _thirty_360_us(start: date, end: date) -> Fraction:
    """February's last day counts as the 30th; the 31st at the end only after a 30th."""
    first, last = start.day, end.day
    if _ends_february(start):
        if _ends_february(end):
            last = 30
        first = 30
    first = min(first, 30)
    if last == 31 and first == 30:
        last = 30
    return _thirty_360(start, first, end, last)


def _ends_february(day: date) -> bool:
    return day.month == 2 and day.day == _month_end(day.year, 2)


def _thirty_360(start: date, first: int, end: date, last: int) -> Fraction:
    months = 12 * (end.year - start.year) + end.month - start.month
    return Fraction(30 * months + last - first, 360)


#: The day counts by name. Each gives the exact part of a year from one date to a later one.
DAY_COUNTS: Mapping[str, Callable[[date, date], Fraction]] = MappingProxyType(
    {
        "30E/360": _thirty_e_360,
        "30/360 US": _thirty_360_us,
        "ACT/360": _actual_360,
        "ACT/365F": _actual_365_fixed,
        "ACT/ACT ISDA": _actual_actual_isda,
    }
)


def year_fraction(start: date, end: date, day_count: str) -> Fraction:
    """The part of a year from `start` to `end`, by a named day count.

    Parameters
    ----------
    start, end : dates, in order.
    day_count : a key of `DAY_COUNTS`.

    Returns
    -------
    Fraction of a year, exact.

    Raises
    ------
    UnknownName : for a day count that is not in the table.
    InvalidValue : for what is no date, and for an end before the start.

    Notes
    -----
    O(1). The rules are those of the 2006 ISDA Definitions, section 4.16: (b), (d), (e) and (g); the
    US rule is the one with February's end counted as the 30th.

    Examples
    --------
    >>> year_fraction(date(2024, 1, 31), date(2024, 3, 1), "30E/360")
    Fraction(31, 360)
    >>> year_fraction(date(2023, 12, 1), date(2024, 1, 31), "ACT/ACT ISDA") - Fraction(31, 365)
    Fraction(5, 61)
    """
    rule = DAY_COUNTS[checks.check_name(day_count, DAY_COUNTS, "day_count")]
    return rule(check_date(start, "start"), check_date(end, "end", not_before=start))


def check_date(value: object, field: str, not_before: date | None = None) -> date:
    """Return `value` if it is a plain date, not before another; raise InvalidValue otherwise."""
    if type(value) is not date:
        raise InvalidValue("wrong_type", field, value, "a datetime.date, without a time")
    if not_before is not None and value < not_before:
        raise InvalidValue("out_of_order", field, value, f"a date from {not_before} on")
    return value


def add_months(start: date, months: int) -> date:
    """The same day some months later; the month's last day where it has no such day.

    Raises
    ------
    InvalidValue : for what is no date or no int, and for a date outside the years 1 to 9999.

    Examples
    --------
    >>> add_months(date(2024, 1, 31), 1)
    datetime.date(2024, 2, 29)
    """
    check_date(start, "start")
    months = checks.check_whole(checks.as_plain(months), "months", -_MONTHS, _MONTHS)
    year, month = divmod(12 * start.year + start.month - 1 + months, 12)
    if year > date.max.year:
        raise InvalidValue("too_large", "months", months, f"a date up to {date.max}")
    if year < date.min.year:
        raise InvalidValue("too_small", "months", months, f"a date from {date.min} on")
    return date(year, month + 1, min(start.day, _month_end(year, month + 1)))


def due_dates(start: date, term: int) -> tuple[date, ...]:
    """The same day of each of the `term` months after `start`, by `add_months`. O(term).

    Raises
    ------
    InvalidValue : for what is no date, or no term of 1 month or more.

    Examples
    --------
    >>> [str(day) for day in due_dates(date(2024, 1, 31), 3)]
    ['2024-02-29', '2024-03-31', '2024-04-30']
    """
    months = checks.check_whole(checks.as_plain(term), "term", 1, _MONTHS)
    return tuple(add_months(start, month) for month in range(1, months + 1))
