"""What a borrower pays and when: exact amortisation in whole cents.

Interest of a period is the balance times the rate times the part of a year, rounded half up to the
cent. The balance is always a whole number of cents, so a schedule is the same on every machine,
adds up exactly, and ends at exactly zero.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from fractions import Fraction

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.arrays import SAME
from p2pmatch.errors import InvalidValue, refusal
from p2pmatch.finance.amortise import METHODS, Columns, amortise, level_part, period_growth
from p2pmatch.finance.daycount import check_date, due_dates, year_fraction
from p2pmatch.finance.split import HasNotes, Split, share_out
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE, round_half_up

__all__ = ["MAX_PAYMENTS", "Schedule", "schedule"]

#: The most payments a schedule may have: more than fifty years of daily ones.
MAX_PAYMENTS = 20_000
#: What a prepayment changes: the number of payments, or their size.
_AFTER_PREPAYMENT = ("shorter", "lower")


@attrs.frozen(repr=False)
class Schedule:
    """What is paid when, as columns with one row a payment.

    Parameters
    ----------
    amount : what is lent, minor units.
    rate : nominal, ppm a year, exact.
    method : how the principal is paid back, one of `METHODS`.
    level : the level payment of an annuity, or the level principal part, minor units; else 0.
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
    level: int
    payments: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    interest: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    principal: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    balance: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    day_count: str | None = None
    periods_per_year: int = 12
    start: date | None = None
    dates: tuple[date, ...] | None = None

    def __len__(self) -> int:
        return len(self.payments)

    def __repr__(self) -> str:
        return f"<{len(self)} payments, {self.amount} minor units lent, {self.method}>"

    @property
    def total_interest(self) -> int:
        """All the interest, minor units. O(n)."""
        return int(self.interest.sum())

    @property
    def total_paid(self) -> int:
        """All the payments, minor units. O(n)."""
        return int(self.payments.sum())

    def split(self, notes: HasNotes, *, servicing: int = 0) -> Split:
        """Share every payment among the notes that fund the loan.

        Principal is shared by the notes' amounts, interest by amount times rate: while each note
        has the same part of the principal outstanding, that is each note's own interest. With the
        schedule at the notes' blended rate (`Loan.exact_rate`) nobody gains or loses by it.

        Parameters
        ----------
        notes : such as `Loan.notes`; their amounts add up to the loan.
        servicing : what lenders pay the platform, ppm a year of what they have outstanding.

        Returns
        -------
        Split, one row a note.

        Raises
        ------
        InvalidValue : for notes that are no columns (`Notes.of` makes some of a list) or do not add
            up to the loan, or a fee out of range.

        Notes
        -----
        After every payment each note has received its exact share of the interest, and of the
        principal, to less than one cent, and of the payments to one cent at most. The last is
        tested, not proved, and may be anything less than two cents for notes so small that they get
        no cent of principal in some payments. See `p2pmatch.finance.split`. O(notes x payments x
        log).

        Examples
        --------
        >>> from p2pmatch import Note, Notes
        >>> notes = Notes.of([Note("o1", "ann", 6_000, 50_000), Note("o2", "ben", 4_000, 60_000)])
        >>> s = schedule(principal=10_000, rate=54_000, term=3)
        >>> split = s.split(notes)
        >>> s.payments.tolist(), split.payments.tolist()
        ([3363, 3363, 3364], [[2016, 2017, 2017], [1347, 1346, 1347]])
        """
        fee = checks.check_whole(checks.as_plain(servicing), "servicing", 0, MAX_RATE)
        return share_out(
            notes, self.interest, self.principal, fee, self._parts(len(self), self.dates)
        )

    def prepay(
        self,
        *,
        after: int | None = None,
        on: date | None = None,
        amount: int | None = None,
        then: str = "shorter",
    ) -> "Schedule":
        """The schedule when principal is paid back early.

        Parameters
        ----------
        after : the payment that it comes with, 1 for the first.
        on : or the day on which it comes, with the interest until then; for loans with dates.
        amount : the principal paid early, minor units; None: all that is owed, so the loan ends.
        then : "shorter" (the payments stay, and end earlier) or "lower" (they end when they did).
            Interest-only loans have no level part that could end them earlier.

        Returns
        -------
        Schedule, with a payment made larger or put in, and new ones after it.

        Raises
        ------
        InvalidValue : for a payment or day that the schedule does not have, an amount out of range,
            or "shorter" for an interest-only loan.
        Refused : for more than is owed.
        UnknownName : for any other `then`.

        Examples
        --------
        >>> s = schedule(principal=100_000, rate=90_000, term=36)
        >>> s.prepay(after=12).payments.tolist()[10:]
        [3180, 72786]
        >>> early = s.prepay(after=12, amount=20_000)
        >>> len(early), early.payments[11:].tolist()[:3], early.balance[-1].item()
        (29, [23180, 3180, 3180], 0)
        >>> s.prepay(after=12, amount=20_000, then="lower").payments.tolist()[11:14]
        [23180, 2266, 2266]
        """
        checks.check_name(then, _AFTER_PREPAYMENT, "then")
        interest, principal, dates = self._until(after, on)
        rows = len(principal)
        owed = self.amount - sum(principal)
        extra = owed
        if amount is not None:
            extra = checks.check_whole(checks.as_plain(amount), "amount", 1, MAX_AMOUNT)
        if extra > owed:
            raise refusal("above_outstanding", "amount", extra, f"at most {owed}")
        shorter = then == "shorter"
        if shorter and self.method == "interest_only" and extra < owed:
            raise InvalidValue("contradiction", "then", then, "'lower' for an interest-only loan")
        principal[-1] += extra
        level = self.level
        if extra < owed:
            periods = len(self) if dates is None else len(dates)
            parts = self._parts(periods, dates)[rows:]
            growth, whole = period_growth(self.rate, parts)
            if not shorter:
                level = level_part(owed - extra, growth, whole, self.method)
            due, paid = amortise(owed - extra, growth, whole, self.method, level)
            while shorter and paid[-1] == 0:
                del due[-1], paid[-1]
            interest, principal = interest + due, principal + paid
        payments, dues, parts_paid, balance = _columns(self.amount, interest, principal)
        return attrs.evolve(
            self,
            level=level,
            payments=payments,
            interest=dues,
            principal=parts_paid,
            balance=balance,
            dates=None if dates is None else dates[: len(principal)],
        )

    def _until(
        self, after: int | None, on: date | None
    ) -> tuple[list[int], list[int], tuple[date, ...] | None]:
        """Interest and principal until a prepayment, its own row the last; and the dates then."""
        dates = self.dates
        if on is None or after is not None:
            if on is not None:
                raise InvalidValue("contradiction", "on", on, "a payment or a day, not both")
            rows = checks.check_whole(checks.as_plain(after), "after", 1, len(self))
            return self.interest[:rows].tolist(), self.principal[:rows].tolist(), dates
        if self.start is None or dates is None or self.day_count is None:
            raise InvalidValue("contradiction", "on", on, "after=, for a loan without dates")
        day = check_date(on, "on", self.start)
        if not self.start < day <= dates[-1]:
            accepted = f"a day after {self.start}, until {dates[-1]}"
            raise InvalidValue("out_of_order", "on", day, accepted)
        rows = bisect_left(dates, day)
        if dates[rows] == day:
            return self._until(rows + 1, None)
        before, owed = (
            (dates[rows - 1], int(self.balance[rows - 1])) if rows else (self.start, self.amount)
        )
        part = year_fraction(before, day, self.day_count)
        accrued = round_half_up(owed * self.rate * part / FULL_SHARE)
        return (
            [*self.interest[:rows].tolist(), accrued],
            [*self.principal[:rows].tolist(), 0],
            (*dates[:rows], day, *dates[rows:]),
        )

    def _parts(self, periods: int, dates: tuple[date, ...] | None) -> list[Fraction]:
        return parts_of_year(periods, self.day_count, self.periods_per_year, self.start, dates)


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
        "interest_only" (the principal with the last payment).
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
    checks.check_name(method, METHODS, "method")
    periods_per_year = checks.check_whole(
        checks.as_plain(periods_per_year), "periods_per_year", 1, 366
    )
    due = _due(term, day_count, start, dates)
    parts = parts_of_year(term, day_count, periods_per_year, start, due)
    growth, whole = period_growth(exact_rate, parts)
    level = level_part(principal, growth, whole, method)
    return Schedule(
        principal,
        exact_rate,
        method,
        level,
        *_columns(principal, *amortise(principal, growth, whole, method, level)),
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
    due = checks.in_order(dates, term + 1)
    if not isinstance(due, tuple):
        raise InvalidValue("wrong_type", "dates", dates, f"a list of {term} dates")
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


def _columns(amount: int, interest: Sequence[int], principal: Sequence[int]) -> Columns:
    due = np.array(interest, dtype=np.int64)
    paid = np.array(principal, dtype=np.int64)
    columns = due + paid, due, paid, amount - paid.cumsum()
    for column in columns:
        column.flags.writeable = False
    return columns
