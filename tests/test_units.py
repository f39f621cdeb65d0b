"""Exact numbers at the edge: what is read, what is refused, and that writing reads back."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, P2PMatchError, amount, format_amount, format_rate, rate
from p2pmatch.units import (
    MAX_AMOUNT,
    MAX_BOOK,
    MAX_RATE,
    MAX_TIME,
    months,
    positive_amount,
    round_half_up,
    share,
    whole_number,
)
from tests.helpers import refusal_of


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1,234.50", 123450),
        ("0", 0),
        ("0.01", 1),
        ("25", 2500),
        ("1234567.8", 123456780),
        (" 12.50 ", 1250),
        (Decimal("12.50"), 1250),
        (Decimal(7), 700),
        (500, 50000),
        (np.int64(500), 50000),
        ("5,000,000,000", MAX_AMOUNT),
        ("12,345", 1234500),
        ("123,456", 12345600),
        (5_000_000_000, MAX_AMOUNT),
        ("0" * 29 + "7", 700),
        (0, 0),
    ],
)
def test_amounts_are_read_exactly(text: str | Decimal | int, minor: int) -> None:
    assert amount(text) == minor


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (12.5, "wrong_type"),
        (True, "wrong_type"),
        (None, "wrong_type"),
        (float("nan"), "wrong_type"),
        (Decimal("NaN"), "malformed"),
        (Decimal("Infinity"), "malformed"),
        (Decimal("1E+3"), "malformed"),
        ("nan", "malformed"),
        ("inf", "malformed"),
        ("1e3", "malformed"),
        ("", "malformed"),
        ("1,23", "malformed"),
        ("12,345,6", "malformed"),
        ("1234,567", "malformed"),
        (",567", "malformed"),
        ("1_000", "malformed"),
        ("$5", "malformed"),
        ("٣", "malformed"),
        ("+5", "malformed"),
        ("5.", "malformed"),
        (".5", "malformed"),
        ("-5", "negative"),
        ("-1,234.50", "negative"),
        ("-1,23", "malformed"),
        ("--5", "malformed"),
        ("x5", "malformed"),
        (-1, "negative"),
        (-5, "negative"),
        (Decimal(-5), "negative"),
        ("12.345", "too_many_decimals"),
        (Decimal("1.500"), "too_many_decimals"),
        ("5,000,000,000.01", "too_large"),
        (10**40, "too_large"),
        pytest.param(10**5000, "too_large", id="huge"),
        pytest.param("9" * 5000, "too_large", id="long"),
        ("0" * 31, "too_large"),
    ],
)
def test_amounts_that_are_refused(value: object, code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        amount(value)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.field) == (code, "amount")
    assert refused.value.value is value
    assert isinstance(refused.value, ValueError)


def test_amounts_have_up_to_nine_decimals() -> None:
    assert amount("12.345678901", decimals=9) == 12_345_678_901
    assert amount("12.3", decimals=9) == 12_300_000_000
    assert amount("7", decimals=0) == amount(7, decimals=0) == 7
    assert amount(7, decimals=9) == 7_000_000_000


FORMS = "accepted: text such as '1,234.50', a Decimal without exponent or an int"
AMOUNTS = f"{FORMS}, from 0 to 5000000000.00"
POSITIVE = f"{FORMS}, from 0.01 to 5000000000.00"
RATES = "accepted: text with its unit, such as '5.25%', '525bp' or '52500ppm', from 0% to 1000%"
SHARES = "accepted: a share such as '2.5%', above 0% and up to 100%"


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (amount, 12.5, f"amount: 12.5 has the wrong type; {AMOUNTS}"),
        (amount, "nan", f"amount: 'nan' cannot be read; {AMOUNTS}"),
        (amount, "-5", f"amount: '-5' is negative; {AMOUNTS}"),
        (amount, -5, f"amount: -5 is negative; {AMOUNTS}"),
        (amount, Decimal(1000).normalize(), f"amount: Decimal('1E+3') cannot be read; {AMOUNTS}"),
        (positive_amount, "-1", f"amount: '-1' is negative; {POSITIVE}"),
        (positive_amount, -1, f"amount: -1 is negative; {POSITIVE}"),
        (positive_amount, "0.00", f"amount: '0.00' is zero; {POSITIVE}"),
        (positive_amount, 0, f"amount: 0 is zero; {POSITIVE}"),
        (positive_amount, None, f"amount: None has the wrong type; {POSITIVE}"),
        (share, "-1%", f"share: '-1%' is negative; {SHARES}"),
        (share, "5", f"share: '5' cannot be read; {SHARES}"),
        (share, 5, f"share: 5 has the wrong type; {SHARES}"),
        (share, "101%", f"share: '101%' is too large; {SHARES}"),
        (share, "0bp", f"share: '0bp' is zero; {SHARES}"),
        (share, "0.5ppm", "share: '0.5ppm' has too many decimals; accepted: at most 0 decimals"),
        (amount, "6" * 31, f"amount: '{'6' * 31}' is too large; {AMOUNTS}"),
        (amount, 5_000_000_001, f"amount: 5000000001 is too large; {AMOUNTS}"),
        (
            amount,
            " 1.500 ",
            "amount: ' 1.500 ' has too many decimals; accepted: at most 2 decimals",
        ),
        (rate, 5, f"rate: 5 has the wrong type; {RATES}"),
        (rate, "5", f"rate: '5' cannot be read; {RATES}"),
        (rate, " x % ", f"rate: ' x % ' cannot be read; {RATES}"),
        (rate, "1001 %", f"rate: '1001 %' is too large; {RATES}"),
        (rate, "1.5ppm", "rate: '1.5ppm' has too many decimals; accepted: at most 0 decimals"),
    ],
)
def test_a_refusal_says_what_would_be_accepted(
    read: Callable[[object], int], value: object, message: str
) -> None:
    assert refusal_of(lambda: read(value)) == message


def test_the_largest_amount_is_told_in_the_currency_asked_for() -> None:
    largest = "from 0 to 5000000.00000"
    assert refusal_of(lambda: amount("5000000.00001", decimals=5)).endswith(largest)
    assert amount("5000000", decimals=5) == MAX_AMOUNT


def test_decimals_are_told_when_they_are_refused() -> None:
    message = "decimals: 10 cannot be read; accepted: an int from 0 to 9"
    assert refusal_of(lambda: amount("5", decimals=10)) == message


@pytest.mark.parametrize("decimals", [-1, 10, 2.0, True])
def test_decimals_out_of_range_are_refused(decimals: int) -> None:
    with pytest.raises(P2PMatchError, match="decimals"):
        amount("5", decimals=decimals)


@pytest.mark.parametrize(
    ("text", "ppm"),
    [
        ("5.25%", 52500),
        ("525bp", 52500),
        ("52500ppm", 52500),
        ("0%", 0),
        ("0.0001%", 1),
        ("1,000%", MAX_RATE),
        (" 9 % ", 90000),
    ],
)
def test_rates_are_read_exactly(text: str, ppm: int) -> None:
    assert rate(text) == ppm


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("5.25", "malformed"),
        (5, "wrong_type"),
        (0.05, "wrong_type"),
        ("-1%", "negative"),
        ("1e1%", "malformed"),
        ("%", "malformed"),
        ("0.00001%", "too_many_decimals"),
        ("1.5ppm", "too_many_decimals"),
        ("1000.0001%", "too_large"),
    ],
)
def test_rates_that_are_refused(value: object, code: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        rate(value)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.field) == (code, "rate")


@given(st.integers(0, MAX_AMOUNT), st.integers(0, 9))
def test_amounts_written_read_back(minor: int, decimals: int) -> None:
    assert amount(format_amount(minor, decimals), decimals) == minor


@given(st.integers(0, MAX_RATE))
def test_rates_written_read_back(ppm: int) -> None:
    assert rate(format_rate(ppm)) == ppm


@pytest.mark.parametrize(("text", "term"), [("1", 1), (" 36 ", 36), ("012", 12), ("1200", 1200)])
def test_terms_are_read(text: str, term: int) -> None:
    assert months(text) == term


def test_a_term_is_called_so_unless_said_otherwise() -> None:
    accepted = "a whole number of months, 1 to 1200"
    assert refusal_of(lambda: months("x")) == f"term: 'x' cannot be read; accepted: {accepted}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        (str(MAX_TIME), MAX_TIME),
        ("9" * len(str(MAX_TIME)), 10 ** len(str(MAX_TIME)) - 1),
        ("1" + "0" * len(str(MAX_TIME)), None),
        ("", None),
        ("x", None),
        ("-1", None),
        (" 1", None),
        ("\u0663", None),
    ],
)
def test_whole_numbers_are_digits_and_not_too_many(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("x", "malformed"),
        ("-12", "malformed"),
        ("1.5", "malformed"),
        ("\u0663", "malformed"),
        ("0", "zero"),
        ("1201", "too_large"),
        ("9" * 30, "too_large"),
        ("9" * 5_000, "too_large"),
        (36, "wrong_type"),
        (None, "wrong_type"),
        (b"36", "wrong_type"),
    ],
)
def test_terms_that_are_refused(text: Any, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        months(text, "terms[2]")
    assert (refused.value.code, refused.value.field) == (code, "terms[2]")
    assert refused.value.value == text
    assert refused.value.accepted == "a whole number of months, 1 to 1200"


@pytest.mark.parametrize(
    ("text", "code"), [("0%", "zero"), ("100.0001%", "too_large"), ("5", "malformed")]
)
def test_shares_that_are_refused(text: str, code: str) -> None:
    assert (share("0.0001%"), share("100%")) == (1, 1_000_000)
    with pytest.raises(InvalidValue) as refused:
        share(text)
    assert (refused.value.code, refused.value.value) == (code, text)
    assert "%" in refused.value.accepted


def test_nothing_is_no_positive_amount() -> None:
    assert positive_amount("0.01") == positive_amount("1", decimals=0) == 1
    assert positive_amount("5,000,000,000") == MAX_AMOUNT
    for decimals, low in [(2, "0.01"), (0, "1"), (5, "0.00001")]:
        with pytest.raises(InvalidValue, match=f"from {low} to"):
            positive_amount("0", decimals)


@pytest.mark.parametrize("minor", [1.5, "12", None, Fraction(1, 2), True, False, np.True_])
def test_only_whole_numbers_are_written(minor: Any) -> None:
    wrong = f"{minor!r} has the wrong type; accepted: an int, in"
    assert refusal_of(lambda: format_amount(minor)) == f"amount: {wrong} minor units"
    assert refusal_of(lambda: format_rate(minor)) == f"rate: {wrong} ppm"


@given(st.sampled_from([np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64]), st.data())
def test_integers_of_any_kind_are_written_as_ints_are(
    kind: type[np.integer[Any]], data: st.DataObject
) -> None:
    least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    minor = data.draw(st.sampled_from([least, most]) | st.integers(least, most))
    narrow: Any = kind(minor)
    decimals = data.draw(st.integers(0, 9))
    assert format_amount(narrow, decimals) == format_amount(minor, decimals)
    assert format_rate(narrow) == format_rate(minor)


def test_the_narrowest_integers_are_written_by_hand() -> None:
    narrow: list[Any] = [np.int8(-128), np.int64(-(2**63)), np.int64(-5)]
    assert [format_amount(minor) for minor in narrow] == [
        "-1.28",
        "-92233720368547758.08",
        "-0.05",
    ]
    five: Any = np.uint8(5)
    assert format_rate(five) == "0.0005%"


@pytest.mark.parametrize("decimals", [-1, 10, 10**30, 2.0])
def test_amounts_are_written_with_up_to_nine_decimals(decimals: Any) -> None:
    with pytest.raises(InvalidValue, match="decimals"):
        format_amount(5, decimals)


def test_amounts_below_zero_can_be_shown() -> None:
    assert format_amount(-5) == "-0.05"
    assert format_amount(-5, decimals=0) == "-5"
    assert format_amount(0) == "0.00"


@given(st.fractions())
def test_rounding_is_to_the_nearest_with_halves_up(exact: Fraction) -> None:
    rounded = round_half_up(exact)
    assert Fraction(-1, 2) < rounded - exact <= Fraction(1, 2)


def test_the_largest_sums_fit_an_int64() -> None:
    # The bounds that the engine's int64 columns rest on.
    from p2pmatch.columns import MAX_ROWS
    from p2pmatch.conditions import NO_SHARE
    from p2pmatch.keys import MAX_ARRIVALS, place_key

    top = 2**63
    assert top > MAX_AMOUNT * MAX_RATE  # a loan's sum of amount times rate
    assert top > NO_SHARE * MAX_AMOUNT  # a share of a loan, before it is divided
    assert top > MAX_BOOK  # all budgets together
    assert MAX_ROWS * MAX_AMOUNT > MAX_BOOK  # so a bulk call is summed in Python
    assert place_key(MAX_RATE, MAX_ARRIVALS - 1) < top
    assert place_key(MAX_RATE + 1, 0) < top
