"""The schedules of many loans at once: the same cents as one by one, in whole-number columns."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.arrays import SAME, Amounts
from p2pmatch.errors import InvalidValue
from p2pmatch.finance.amortise import METHODS, equal_factor, half_up
from p2pmatch.finance.schedule import MAX_PAYMENTS, Schedule
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE

__all__ = ["MAX_CELLS", "Schedules", "schedules"]


#: The most cells (loans times the longest term) worked out in one call.
MAX_CELLS = 100_000_000

# A factor of level payments is kept to 58 binary places, an amount times it to 20. Its floor and
# what multiplication in halves drops come to less than 6 units of the last place.
_FACTOR_BITS = 58
_BITS = 20
_DOUBT = 6


@attrs.frozen(repr=False)
class Schedules(Record, Sequence[Schedule]):
    """The schedules of many loans, as columns that look like a list of `Schedule`.

    Parameters
    ----------
    amounts, rates, terms, levels : int64, shape (n,): what is lent, its rate, the number of
        payments, and the level payments or principal parts.
    payments, interest, principal, balance : int64, shape (n, longest term), minor units; 0 after a
        loan's own term.
    method, periods_per_year : the same for all of them.

    A schedule is made when it is asked for. The columns are read-only.
    """

    amounts: Amounts = attrs.field(eq=SAME)
    rates: Amounts = attrs.field(eq=SAME)
    terms: Amounts = attrs.field(eq=SAME)
    levels: Amounts = attrs.field(eq=SAME)
    payments: Amounts = attrs.field(eq=SAME)
    interest: Amounts = attrs.field(eq=SAME)
    principal: Amounts = attrs.field(eq=SAME)
    balance: Amounts = attrs.field(eq=SAME)
    method: str
    periods_per_year: int

    def __attrs_post_init__(self) -> None:
        loans = self.amounts, self.rates, self.terms, self.levels
        for column in (*loans, self.payments, self.interest, self.principal, self.balance):
            column.flags.writeable = False

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __len__(self) -> int:
        return len(self.amounts)

    @overload
    def __getitem__(self, index: int) -> Schedule: ...
    @overload
    def __getitem__(self, index: slice) -> list[Schedule]: ...
    def __getitem__(self, index: int | slice) -> Schedule | list[Schedule]:
        rows = range(len(self))[index]
        if isinstance(rows, range):
            return [self[row] for row in rows]
        term = int(self.terms[rows])
        return Schedule(
            int(self.amounts[rows]),
            Fraction(int(self.rates[rows])),
            self.method,
            int(self.levels[rows]),
            self.payments[rows, :term],
            self.interest[rows, :term],
            self.principal[rows, :term],
            self.balance[rows, :term],
            periods_per_year=self.periods_per_year,
        )

    def __repr__(self) -> str:
        return f"<{len(self)} schedules, {int(self.terms.sum())} payments>"


def schedules(
    *,
    principals: npt.ArrayLike,
    rates: npt.ArrayLike,
    terms: npt.ArrayLike,
    method: str = "annuity",
    periods_per_year: int = 12,
) -> Schedules:
    """Work out every payment of many loans with equal periods.

    Parameters
    ----------
    principals, rates, terms : ints, shape (n,) each, or one for all: as in `schedule`.
    method, periods_per_year : as in `schedule`, the same for all.

    Returns
    -------
    Schedules; each is equal to what `schedule` gives, bit for bit.

    Raises
    ------
    InvalidValue : for columns of other shapes or kinds, values out of range, or more cells (loans
        times the longest term) than `MAX_CELLS`.
    UnknownName : for a method that is not there.

    Notes
    -----
    One vector step a period. The factor of level payments is worked out once for each pair of rate
    and term, exactly, and cut to 58 binary places; a payment that comes so near to half a cent that
    this could matter is worked out again in full.

    Examples
    --------
    >>> many = schedules(principals=[100_000, 250_000], rates=90_000, terms=[36, 12])
    >>> many.levels.tolist(), many[1].payments[-1].item()
    ([3180, 21863], 21863)
    """
    checks.check_name(method, METHODS, "method")
    periods_per_year = checks.check_whole(
        checks.as_plain(periods_per_year), "periods_per_year", 1, 366
    )
    amounts, ppms, counts = _columns(principals, rates, terms)
    levels = _levels(amounts, ppms, counts, method, periods_per_year)
    longest = int(counts.max(initial=0))
    interest = np.empty((longest, len(amounts)), dtype=np.int64)
    principal, balance = np.empty_like(interest), np.empty_like(interest)
    base = FULL_SHARE * periods_per_year
    owed = amounts.copy()
    for row in range(longest):
        # Below MAX_AMOUNT * MAX_RATE = 5e18, and half of an even base: half up, within an int64.
        due = (owed * ppms + base // 2) // base
        part = np.minimum(owed, levels - due if method == "annuity" else levels)
        np.copyto(part, owed, where=counts == row + 1)
        owed -= part
        interest[row], principal[row], balance[row] = due, part, owed
    return Schedules(
        amounts,
        ppms,
        counts,
        levels,
        (interest + principal).T,
        interest.T,
        principal.T,
        balance.T,
        method,
        periods_per_year,
    )


def _columns(*given: npt.ArrayLike) -> list[Amounts]:
    """The three columns, of one length and in range."""
    fields = (
        ("principals", 1, MAX_AMOUNT),
        ("rates", 0, MAX_RATE),
        ("terms", 1, MAX_PAYMENTS),
    )
    raw = [_as_array(column, field) for column, (field, _, _) in zip(given, fields, strict=True)]
    size = max((column.size for column in raw if column.ndim), default=1)
    columns = []
    for given_column, column, (field, low, high) in zip(given, raw, fields, strict=True):
        if np.ma.is_masked(given_column):
            raise InvalidValue("wrong_type", field, given_column, "whole numbers, none masked")
        if column.size and column.dtype.kind not in "iu":
            raise InvalidValue("wrong_type", field, column.dtype, "whole numbers")
        if column.ndim > 1 or (column.ndim == 1 and column.size != size):
            raise InvalidValue("contradiction", field, column.shape, f"one number, or {size}")
        for value in (column.min(initial=high), column.max(initial=low)):
            checks.check_whole(int(value), field, low, high)
        columns.append(np.broadcast_to(column.astype(np.int64), (size,)).copy())
    cells = size * int(columns[2].max(initial=0))
    if cells > MAX_CELLS:
        raise InvalidValue("too_large", "terms", cells, f"at most {MAX_CELLS} loans x payments")
    return columns


def _as_array(column: npt.ArrayLike, field: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(column)
    except ValueError:  # lists of different lengths
        raise InvalidValue("wrong_type", field, column, "whole numbers") from None


def _levels(
    amounts: Amounts, ppms: Amounts, counts: Amounts, method: str, periods_per_year: int
) -> Amounts:
    """The level payments or principal parts."""
    if method == "interest_only":
        return np.zeros_like(amounts)
    if method == "equal_principal":
        return (2 * amounts + counts) // (2 * counts)
    whole = FULL_SHARE * periods_per_year
    pairs, which = np.unique(ppms * (MAX_PAYMENTS + 1) + counts, return_inverse=True)
    factors = [
        equal_factor(ppm, whole, count)
        for ppm, count in (divmod(pair, MAX_PAYMENTS + 1) for pair in pairs.tolist())
    ]
    cut = [(above << _FACTOR_BITS) // below for above, below in factors]
    payments = _times(amounts, np.array(cut, dtype=np.int64)[which]) + (1 << (_BITS - 1))
    levels = payments >> _BITS
    near = np.flatnonzero((payments & ((1 << _BITS) - 1)) >= (1 << _BITS) - _DOUBT)
    for loan in near.tolist():
        above, below = factors[which[loan]]
        levels[loan] = half_up(int(amounts[loan]) * above, below)
    return levels


def _times(amounts: Amounts, factors: Amounts) -> Amounts:
    """Amounts times factors of 58 binary places, cut to 20: in halves, so nothing leaves an int64.

    Amounts are at most 5e11 and factors at most 11 (1 000 % in one period), 11 x 2^58 with the
    places; the result is below 2^63.
    """
    high, low = amounts >> 20, amounts & ((1 << 20) - 1)
    above, below = factors >> 31, factors & ((1 << 31) - 1)
    result: Amounts = (high * above) << 13
    result += (high * below) >> 18
    result += (low * above) >> 7
    result += (low * below) >> 38
    return result
