"""Money, rates, shares and terms: exact integers inside, text and `Decimal` at the edge.

An amount is a number of minor units (cents); a rate or share is a number of parts per million; a
term is a number of months. Here stand the only functions that turn text into them and back, and the
bounds that keep every sum in an `int64`.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from numbers import Integral
from typing import Final, TypeGuard

from p2pmatch.errors import InvalidValue

__all__ = [
    "FULL_SHARE",
    "MAX_AMOUNT",
    "MAX_BOOK",
    "MAX_ID_LENGTH",
    "MAX_RATE",
    "MAX_TERM",
    "MAX_TIME",
    "amount",
    "format_amount",
    "format_rate",
    "months",
    "positive_amount",
    "rate",
    "round_half_up",
    "share",
    "whole_number",
]

#: Parts per million in one whole (100 %).
FULL_SHARE: Final = 1_000_000
#: The largest single order or limit, in minor units: five thousand million whole units at two
#: decimals.
MAX_AMOUNT: Final = 500_000_000_000
#: The largest rate, in ppm a year: 1 000 %. `MAX_AMOUNT * MAX_RATE` still fits an int64.
MAX_RATE: Final = 10_000_000
#: The most money all offers ever posted may add up to, in minor units; no sum in the engine is
#: larger.
MAX_BOOK: Final = 2**62
#: The longest term, in months.
MAX_TERM: Final = 1_200
#: Times lie between -MAX_TIME and MAX_TIME.
MAX_TIME: Final = 2**62
#: The most characters an id, tag or grade may have.
MAX_ID_LENGTH: Final = 200

_MAX_DECIMALS: Final = 9
# What a unit is worth in ppm, as a power of ten: 1 % = 10**4 ppm.
_RATE_UNITS = (("%", 4), ("bp", 2), ("ppm", 0))
_RATES = (
    f"text with its unit, such as '5.25%', '525bp' or '52500ppm', from 0% to {MAX_RATE // 10_000}%"
)
_SHARES = "a share such as '2.5%', above 0% and up to 100%"
# No number in range has more digits; longer text is refused before it is turned into a number.
_MAX_DIGITS: Final = 30


def _read(text: str) -> tuple[str, str] | None:
    """The digits before and after the point; None: not such a number. Thousands may be grouped."""
    whole, point, fraction = text.partition(".")
    if "," in whole:
        first, *groups = whole.split(",")
        if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
            return None
        whole = first + "".join(groups)
    digits = whole.isdigit() and (fraction.isdigit() if point else True)
    return (whole, fraction) if digits and text.isascii() else None


def _scaled(
    text: str, decimals: int, field: str, shown: object, accepted: Callable[[], str]
) -> int:
    """Read unsigned decimal text as an integer number of its `decimals`-th decimal place."""
    found = _read(text)
    if found is None:
        signed = text[:1] == "-" and _read(text[1:])
        raise InvalidValue("negative" if signed else "malformed", field, shown, accepted())
    whole, fraction = found
    if len(fraction) > decimals:
        raise InvalidValue("too_many_decimals", field, shown, f"at most {decimals} decimals")
    if len(whole) > _MAX_DIGITS:
        raise InvalidValue("too_large", field, shown, accepted())
    return int(whole + fraction.ljust(decimals, "0"))


def amount(value: str | Decimal | int, decimals: int = 2) -> int:
    """Turn whole currency units, as people write them, into an amount in minor units.

    Parameters
    ----------
    value : text such as "1,234.50", a `Decimal`, or an int of whole major units.
    decimals : decimal places of the currency, 0 to 9.

    Returns
    -------
    int, minor units, from 0 to `MAX_AMOUNT`.

    Raises
    ------
    InvalidValue : for floats, signs, exponents, NaN, too many decimals, too large values.

    Examples
    --------
    >>> amount("1,234.50"), amount(25), amount("500", decimals=0)
    (123450, 2500, 500)
    """
    return _amount(value, decimals, least=0)


def _amount(value: object, decimals: int, least: int) -> int:
    """`amount`, from `least` minor units on, which is 0 or 1."""
    _check_decimals(decimals)
    # To write what is accepted takes as long as to read an amount: only where one is refused.
    accepted = partial(_amounts, decimals, least)
    if isinstance(value, str | Decimal):
        minor = _scaled(str(value).strip(), decimals, "amount", value, accepted)
    elif _is_whole(value):
        minor = int(value) * int(10**decimals)
    else:
        raise InvalidValue("wrong_type", "amount", value, accepted())
    if minor < least:
        raise InvalidValue("negative" if minor else "zero", "amount", value, accepted())
    if minor > MAX_AMOUNT:
        raise InvalidValue("too_large", "amount", value, accepted())
    return minor


def _amounts(decimals: int, least: int) -> str:
    """What is accepted as an amount, from `least` minor units on."""
    low, high = (_written(minor, decimals) for minor in (least, MAX_AMOUNT))
    forms = "text such as '1,234.50', a Decimal without exponent or an int"
    return f"{forms}, from {low if least else 0} to {high}"


def _is_whole(value: object) -> TypeGuard[int]:
    """Whether it is an integer of any kind; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_decimals(decimals: int) -> None:
    if type(decimals) is not int or not 0 <= decimals <= _MAX_DECIMALS:
        raise InvalidValue("malformed", "decimals", decimals, f"an int from 0 to {_MAX_DECIMALS}")


def positive_amount(value: str | Decimal | int, decimals: int = 2) -> int:
    """`amount`, for what must not be nothing.

    Examples
    --------
    >>> positive_amount("0.01")
    1
    """
    return _amount(value, decimals, least=1)


def rate(value: str) -> int:
    """Turn a rate or a share with its unit into parts per million.

    Parameters
    ----------
    value : text with its unit: "5.25%", "525bp" or "52500ppm".

    Returns
    -------
    int, ppm, from 0 to `MAX_RATE`.

    Raises
    ------
    InvalidValue : for anything without a unit, signs, exponents, fractions of a ppm, over 1 000 %.

    Examples
    --------
    >>> rate("5.25%"), rate("525bp"), rate("0%")
    (52500, 52500, 0)
    """
    return _ppm(value, "rate", 0, MAX_RATE, _RATES)


def _ppm(value: object, field: str, least: int, most: int, accepted: str) -> int:
    """Text with its unit in ppm, from `least`, which is 0 or 1, to `most`."""
    if not isinstance(value, str):
        raise InvalidValue("wrong_type", field, value, accepted)
    text = value.strip()
    for unit, decimals in _RATE_UNITS:
        if text.endswith(unit):
            digits = text.removesuffix(unit).rstrip()
            ppm = _scaled(digits, decimals, field, value, lambda: accepted)
            if not least <= ppm <= most:
                raise InvalidValue("too_large" if ppm else "zero", field, value, accepted)
            return ppm
    raise InvalidValue("malformed", field, value, accepted)


def share(value: str) -> int:
    """`rate`, for a share of a whole that must not be nothing: above 0 % and up to 100 %.

    Examples
    --------
    >>> share("2.5%")
    25000
    """
    return _ppm(value, "share", 1, FULL_SHARE, _SHARES)


def months(
    text: str, field: str = "term", accepted: str = f"a whole number of months, 1 to {MAX_TERM}"
) -> int:
    """Turn a term, as people write it, into a number of months.

    Parameters
    ----------
    field, accepted : what a refusal names, and what it says would do.

    Returns
    -------
    int, from 1 to `MAX_TERM`.

    Raises
    ------
    InvalidValue : for anything but such a number in digits.

    Examples
    --------
    >>> months("36")
    36
    """
    if not isinstance(text, str):
        raise InvalidValue("wrong_type", field, text, accepted)
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidValue("malformed", field, text, accepted)
    if len(digits) > _MAX_DIGITS or int(digits) > MAX_TERM:
        raise InvalidValue("too_large", field, text, accepted)
    if not int(digits):
        raise InvalidValue("zero", field, text, accepted)
    return int(digits)


def whole_number(text: str) -> int | None:
    """The number that digits write, no more of them than `MAX_TIME` has; None: they write none.

    Examples
    --------
    >>> whole_number("12"), whole_number("-12"), whole_number("")
    (12, None, None)
    """
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TIME))
    return int(text) if digits else None


def format_amount(minor: int, decimals: int = 2) -> str:
    """Write an amount in minor units as plain text of major units; `amount` reads it back.

    Raises
    ------
    InvalidValue : for anything but an int.

    Examples
    --------
    >>> format_amount(123450), format_amount(5), format_amount(7, decimals=0)
    ('1234.50', '0.05', '7')
    """
    _check_decimals(decimals)
    # To ask for the kind of number takes longer than to write one; most are plain.
    if type(minor) is not int:
        minor = _plain(minor, "amount", "an int, in minor units")
    return _written(minor, decimals)


def _plain(value: object, field: str, accepted: str) -> int:
    """An integer of any kind as an int: other kinds may have no room for what is done with it."""
    if not _is_whole(value):
        raise InvalidValue("wrong_type", field, value, accepted)
    return int(value)


def _written(minor: int, decimals: int) -> str:
    whole, fraction = divmod(abs(minor), 10**decimals)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{fraction:0{decimals}d}" if decimals else f"{sign}{whole}"


def format_rate(ppm: int) -> str:
    """Write a rate or share in ppm as percent with four decimals; `rate` reads it back.

    Raises
    ------
    InvalidValue : for anything but an int.

    Examples
    --------
    >>> format_rate(52500), format_rate(1)
    ('5.2500%', '0.0001%')
    """
    if type(ppm) is not int:
        ppm = _plain(ppm, "rate", "an int, in ppm")
    return _written(ppm, 4) + "%"


def round_half_up(exact: Fraction) -> int:
    """Round a fraction to the nearest integer, halves upwards.

    Examples
    --------
    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(7, 3))
    (3, 2)
    """
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
