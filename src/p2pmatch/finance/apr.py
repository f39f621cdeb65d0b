"""The annual percentage rate of a loan, by the rule that is named."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.finance.daycount import add_months, check_date
from p2pmatch.finance.solve import MAX_UNITS, Flow, Flows, in_order, pairs
from p2pmatch.units import MAX_BOOK

__all__ = ["APR_RULES", "Time", "apr"]

#: A time: periods or years since the first advance, or a date.
Time = int | Fraction | date
# No time is further off: a hundred years of days.
_MAX_PERIODS = 36_600


def _split_period(time: object, _: object, field: str) -> tuple[Fraction, Fraction]:
    """Whole unit-periods compound; the fraction before the first bears simple interest."""
    exact = _check_time(time, field, "an int or a Fraction of unit-periods")
    return Fraction(int(exact)), exact % 1


def _years(time: object, first: object, field: str) -> tuple[Fraction, Fraction]:
    """Years and their fractions compound alike; dates count whole months first, then days."""
    if isinstance(first, date):
        start = check_date(first, field)
        return years_between(start, check_date(time, field, start)), Fraction(0)
    return _check_time(time, field, "an int or a Fraction of years, or dates"), Fraction(0)


#: How the rules by name count time: (periods, fraction with simple interest).
APR_RULES: Mapping[str, Callable[[object, object, str], tuple[Fraction, Fraction]]] = (
    MappingProxyType({"eu": _years, "us": _split_period})
)


def years_between(start: date, end: date) -> Fraction:
    """The years from one date to a later one as the European directives count them.

    A whole number of months is so many twelfths, also where a month has no such day and its last
    stands for it. Otherwise months are counted backwards from `end`, and the days left over are
    divided by the days of the year that ends with the last of them (Directive 2014/17/EU, annex I,
    remark (c), which spells out what 2008/48/EC leaves open).

    Examples
    --------
    >>> years_between(date(2024, 1, 15), date(2024, 7, 15))
    Fraction(1, 2)
    >>> years_between(date(2023, 1, 1), date(2023, 2, 11)) - Fraction(1, 12)
    Fraction(2, 73)
    """
    months = 12 * (end.year - start.year) + end.month - start.month
    if add_months(start, months) == end:
        return Fraction(months, 12)
    if add_months(end, -months) < start:
        months -= 1
    last = add_months(end, -months)
    days_in_year = (last - add_months(last, -12)).days
    return Fraction(months, 12) + Fraction((last - start).days, days_in_year)


def _check_time(value: object, field: str, accepted: str) -> Fraction:
    plain = checks.as_plain(value)
    if type(plain) is not int and not isinstance(plain, Fraction):
        raise InvalidValue("wrong_type", field, value, accepted)
    if plain < 0:
        raise InvalidValue("negative", field, value, "times from the first advance on")
    if plain > _MAX_PERIODS or plain.denominator > MAX_UNITS:
        accepted = f"at most {_MAX_PERIODS}, in parts of at least 1/{MAX_UNITS}"
        raise InvalidValue("too_large", field, value, accepted)
    return Fraction(plain)


def apr(
    *,
    advances: Iterable[tuple[Time, int]],
    payments: Iterable[tuple[Time, int]],
    rule: str,
    periods_per_year: int = 12,
) -> int:
    """The annual percentage rate of a loan.

    Parameters
    ----------
    advances : (time, minor units) of what the borrower receives, fees taken off, in order of time.
    payments : (time, minor units) of what the borrower pays, in order of time.
    rule : "us" (Regulation Z, 12 CFR 1026, appendix J, actuarial: the rate a unit-period times the
        unit-periods a year; a fraction of a period bears simple interest) or "eu" (Directive
        2008/48/EC, annex I: the effective rate a year). A rate means nothing without its rule.
    periods_per_year : unit-periods a year, for "us": 12 for months, 52 for weeks.

    Times are counted from the first advance, which stands at 0 or at its date. For "us" they are
    unit-periods as int or Fraction; for "eu" they are years as int or Fraction, or all are dates.

    Returns
    -------
    int, ppm a year, rounded half up; the rounding is certain. Below 0 where less is paid than
    received.

    Raises
    ------
    InvalidValue : for flows of one sign, times out of order, several possible rates, a rate over
        `MAX_SOLVED`, or values of a wrong kind.
    UnknownName : for a rule that is not there.

    Notes
    -----
    About 25 evaluations of the flows, each O(n): a millisecond or two for 36 payments. See `Flows`
    for why there is one rate and why it is found.

    Examples
    --------
    >>> months = [(k, 23_000) for k in range(1, 25)]
    >>> apr(advances=[(0, 500_000)], payments=months, rule="us")
    96857
    >>> years = [(Fraction(k, 12), 23_000) for k in range(1, 25)]
    >>> apr(advances=[(0, 500_000)], payments=years, rule="eu")
    101275
    """
    count = APR_RULES[checks.check_name(rule, APR_RULES, "rule")]
    periods_per_year = checks.check_whole(
        checks.as_plain(periods_per_year), "periods_per_year", 1, 366
    )
    received, paid = _pairs(advances, "advances"), _pairs(payments, "payments")
    if not received:
        raise InvalidValue("empty", "advances", [], "at least one advance")
    first = received[0][0]
    flows: list[Flow] = []
    for field, side, sign in (("advances", received, 1), ("payments", paid, -1)):
        times = in_order([count(time, first, field) for time, _ in side], field)
        flows += [Flow(*time, sign * amount) for time, (_, amount) in zip(times, side, strict=True)]
    if flows[0].time:
        raise InvalidValue("contradiction", "advances", first, "the first advance at time 0")
    flows.sort(key=lambda flow: flow.time)
    return Flows(flows, "payments", periods_per_year if rule == "us" else 1).rate()


def _pairs(flows: Iterable[tuple[Time, int]], field: str) -> list[tuple[Time, int]]:
    """The flows, each amount a whole number of minor units."""
    return [
        (time, checks.check_whole(checks.as_plain(amount), field, 0, MAX_BOOK))
        for time, amount in pairs(flows, field)
    ]
