"""The effective rate a year of dated flows, as spreadsheets' XIRR gives it."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from itertools import pairwise

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.finance.daycount import check_date
from p2pmatch.finance.solve import Flow, Flows, pairs
from p2pmatch.units import MAX_BOOK

__all__ = ["xirr"]


def xirr(flows: Iterable[tuple[date, int]]) -> int:
    """The effective rate a year at which the flows are worth nothing together, by ACT/365F.

    Parameters
    ----------
    flows : (date, minor units) pairs in order of date; money out below 0 and money in above, or the
        other way round.

    Returns
    -------
    int, ppm a year, rounded half up; the rounding is certain. Below 0 where money is lost.

    Raises
    ------
    InvalidValue : for flows of one sign, dates out of order, several possible rates, a rate over
        `MAX_SOLVED` or so near to -100 % that it rounds to it.

    Notes
    -----
    About 25 evaluations of the flows, each O(n). See `Flows` for why there is one rate and why it
    is found.

    Examples
    --------
    >>> xirr([(date(2023, 1, 1), -100_000), (date(2024, 1, 1), 110_000)])
    100000
    """
    dated = [
        (
            check_date(day, "flows"),
            checks.check_whole(checks.as_plain(amount), "flows", -MAX_BOOK, MAX_BOOK),
        )
        for day, amount in pairs(flows, "flows")
    ]
    for (before, _), (after, _) in pairwise(dated):
        if after < before:
            raise InvalidValue("out_of_order", "flows", after, f"a date from {before} on")
    return Flows(
        (
            Flow(Fraction((day - dated[0][0]).days, 365), Fraction(0), amount)
            for day, amount in dated
        ),
        "flows",
    ).rate()
