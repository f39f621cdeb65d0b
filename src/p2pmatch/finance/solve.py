"""The rate at which flows of money are worth nothing together, certain to the last digit.

The value of the flows, each divided by what one unit has grown to by then, has exactly one zero
where it is asked here (see `Flows`), so it is found by bisection on whole numbers of half ppm.
Every step asks only for a sign. The sign is taken from decimal arithmetic with a stated bound on
its error; if the value is smaller than that, it is either exactly zero, which is tested in
fractions, or the digits are doubled until it is not.
"""

from collections.abc import Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from math import lcm
from typing import TypeVar

import attrs

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.units import FULL_SHARE

__all__ = ["MAX_SOLVED", "Flow", "Flows"]

#: The largest rate that is looked for, ppm a year.
MAX_SOLVED = 10**12
#: The finest part of a year or period that all times together may need.
MAX_UNITS = 10**12
# Where the search for a bracket begins, ppm; about 13 %.
_FIRST_STEP = 1 << 17
_DIGITS = 40

T = TypeVar("T")


@attrs.frozen
class Flow:
    """Money after `periods` compound periods and a `fraction` of one with simple interest."""

    periods: Fraction
    fraction: Fraction
    amount: int

    @property
    def time(self) -> Fraction:
        """When, in periods."""
        return self.periods + self.fraction


def pairs(flows: Iterable[tuple[T, int]], field: str) -> list[tuple[T, int]]:
    """The flows as a list of pairs of a time and an amount; raises InvalidValue for others."""
    accepted = "pairs of a time and an amount"
    found = checks.in_order(flows)
    if not isinstance(found, tuple):
        raise InvalidValue("wrong_type", field, flows, accepted)
    for flow in found:
        if not isinstance(flow, Sequence) or len(flow) != 2:
            raise InvalidValue("malformed", field, flow, accepted)
    return list(found)


def in_order(
    times: Sequence[tuple[Fraction, Fraction]], field: str
) -> Sequence[tuple[Fraction, Fraction]]:
    """The times, whole periods and fraction, if none is before the one that stands before it."""
    for before, after in pairwise(times):
        if sum(after) < sum(before):
            raise InvalidValue("out_of_order", field, sum(after), f"a time from {sum(before)} on")
    return times


def _signs(numbers: Iterable[int]) -> list[bool]:
    """Which of the numbers are above zero, without the zeros."""
    return [number > 0 for number in numbers if number]


def _changes(signs: Sequence[bool]) -> int:
    return sum(before != after for before, after in pairwise(signs))


class Flows:
    """Flows of money whose rate is asked, with one rate that solves them.

    By time t + f (t periods, and a fraction f) at rate i a period one unit grows to
    G = (1 + i)^t (1 + f i). The slope of log G, t / (1 + i) + f / (1 + f i), grows with t + f. So
    when the flows change sign once, dividing their value by G at the change makes every term move
    the same way as i grows: the value has exactly one zero above -100 %.

    Without fractions one more case is certain: when the running total of the flows changes sign
    once and does not end at 0. The value is then x times an integral of that total against
    exp(-xt), x = log(1 + i), which has one zero with x > 0 (the Laplace transform adds no sign
    changes). The rate is that one.

    Parameters
    ----------
    flows : in order of time.
    field : what a refusal calls them.
    per_year : periods a year.

    Raises
    ------
    InvalidValue : for no flows, flows of one sign, and flows that more than one rate may solve.
    """

    def __init__(self, flows: Iterable[Flow], field: str, per_year: int = 1) -> None:
        net: dict[tuple[Fraction, Fraction], int] = {}
        for flow in flows:
            time = flow.periods, flow.fraction
            net[time] = net.get(time, 0) + flow.amount
        amounts = list(net.values())
        if not amounts:
            raise InvalidValue("empty", field, [], "at least two flows")
        changes = _changes(_signs(amounts))
        if not changes:
            raise InvalidValue("one_sign", field, amounts, "money paid out and money paid back")
        smooth = all(fraction == 0 for _, fraction in net)
        once = sum(amounts) != 0 and _changes(_signs(accumulate(amounts))) == 1
        if changes > 1 and not (smooth and once):
            accepted = "flows that change sign once, or whose running total does"
            raise InvalidValue("ambiguous", field, amounts, accepted)
        # Oriented so that the value rises through its zero.
        way = 1 if next(filter(None, amounts)) > 0 else -1
        self._unit = lcm(*(periods.denominator for periods, _ in net))
        if self._unit > MAX_UNITS:
            raise InvalidValue("too_large", field, self._unit, f"parts of a year to 1/{MAX_UNITS}")
        self._flows = [
            (int(periods * self._unit), fraction, way * amount)
            for (periods, fraction), amount in net.items()
            if amount
        ]
        self._per_year = per_year
        self._field = field

    def rate(self) -> int:
        """The rate a year that solves them, rounded half up to 1 ppm.

        About 25 signs of the value, each O(n).
        """
        low, high = self._bracket()
        while high - low > 1:
            middle = (low + high) // 2
            if self._reaches(middle):
                low = middle
            else:
                high = middle
        return low

    def _bracket(self) -> tuple[int, int]:
        """A rate that the solution reaches, and one that it does not."""
        step = _FIRST_STEP
        if sum(amount for _, _, amount in self._flows) <= 0:
            low = 0
            while self._reaches(step):
                if step > MAX_SOLVED:
                    raise InvalidValue(
                        "too_large", self._field, f"over {step} ppm", f"at most {MAX_SOLVED} ppm"
                    )
                low, step = step, 2 * step
            return low, step
        # Above -100 % a period; half a ppm more keeps the growth positive.
        floor = 1 - FULL_SHARE * self._per_year
        high = 1
        while not self._reaches(max(-step, floor)):
            if -step <= floor:
                raise InvalidValue(
                    "too_small", self._field, f"under {floor} ppm", f"at least {floor} ppm"
                )
            high, step = -step, 2 * step
        return max(-step, floor), high

    def _reaches(self, ppm: int) -> bool:
        """Whether the solution rounds to `ppm` or more: half a ppm lower, no value above 0."""
        return self._sign(Fraction(2 * ppm - 1, 2 * FULL_SHARE * self._per_year)) <= 0

    def _sign(self, rate: Fraction) -> int:
        """The sign of the flows' value at a rate a period: -1, 0 or 1. O(n)."""
        digits = _DIGITS + len(str(self._flows[-1][0] + len(self._flows)))
        sign = self._sign_by(digits, rate)
        if sign == 0 and not self._is_zero(rate):
            while sign == 0:
                digits *= 2
                sign = self._sign_by(digits, rate)
        return sign

    def _sign_by(self, digits: int, rate: Fraction) -> int:
        """The sign, from so many digits; 0: they do not decide it."""
        with localcontext(_context(digits)):
            growth = Decimal(rate.numerator + rate.denominator) / rate.denominator
            shrink = 1 / growth if self._unit == 1 else (-growth.ln() / self._unit).exp()
            factor, at = Decimal(1), 0
            powers: dict[int, Decimal] = {}
            value = size = Decimal(0)
            for units, fraction, amount in self._flows:
                gap = units - at
                if gap not in powers:
                    powers[gap] = shrink**gap
                factor *= powers[gap]
                at = units
                worth = amount * factor
                if fraction:
                    simple = 1 + fraction * rate
                    worth = worth * simple.denominator / simple.numerator
                value += worth
                size += abs(worth)
            # `shrink` is within 32 units of its last digit: |log growth| < 15 where it is taken,
            # and ln, exp and division are each within one. Its n-th power is within 32 n then, and
            # every flow adds at most 8 more.
            bound = size * (64 * (at + len(self._flows))) * Decimal(10) ** (1 - digits)
            return 0 if abs(value) <= bound else 1 if value > 0 else -1

    def _is_zero(self, rate: Fraction) -> bool:
        """Whether the value is exactly zero, where powers of 1 / unit may be irrational.

        x^unit = s has no root of lower degree over the fractions once s is not a p-th power for any
        prime p that divides the unit. The value is a polynomial in x of lower degree, after every
        x^unit is replaced by s; it is zero only if each of its coefficients is.
        """
        unit, base = self._unit, 1 / (1 + rate)
        for prime in _primes(unit):
            root = _root(base, prime)
            if root is not None:
                unit, base = unit // prime, root
        coefficients: dict[int, Fraction] = {}
        for units, fraction, amount in self._flows:
            whole, rest = divmod(units, unit)
            worth = amount * base**whole / (1 + fraction * rate)
            coefficients[rest] = coefficients.get(rest, Fraction(0)) + worth
        return not any(coefficients.values())


def _context(digits: int) -> Context:
    """Decimal arithmetic that the caller's settings do not reach."""
    return Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def _primes(number: int) -> list[int]:
    """The primes that make up a number, each as often as it does; 1 may stand for none."""
    found, prime = [], 2
    while prime * prime <= number:
        if number % prime:
            prime += 1
        else:
            found.append(prime)
            number //= prime
    return [*found, number]


def _root(number: Fraction, degree: int) -> Fraction | None:
    """The root of a positive fraction; None where it is not a fraction."""
    above, below = (_whole_root(part, degree) for part in (number.numerator, number.denominator))
    root = Fraction(above, below)
    return root if root**degree == number else None


def _whole_root(number: int, degree: int) -> int:
    """The largest whole number whose power is at most `number`, at least 1."""
    low, high = 1, 1 << (number.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= number:
            low = middle
        else:
            high = middle
    return low
