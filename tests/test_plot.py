"""The picture says what the ladder says; how it looks is for the eye."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from p2pmatch import Marketplace
from tests.helpers import market, request


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def book() -> Marketplace:
    return market(("o1", "ann", 400_000, 5), ("o2", "ben", 300_000, 7), ("o3", "cleo", 900_000, 9))


def test_the_money_at_or_below_each_rate() -> None:
    ax = book().ladder("A", 36).plot()
    (steps,) = ax.get_lines()
    rates, money = (column.tolist() for column in steps.get_data())
    assert list(zip(rates, money, strict=True))[:-1] == [
        (5.0, 0.0),
        (5.0, 4_000.0),
        (7.0, 7_000.0),
        (9.0, 16_000.0),
    ]
    assert ax.get_legend() is None
    assert ax.get_xlabel() == "rate, % a year"


def test_a_request_sees_its_cost_and_its_limit() -> None:
    quote = book().quote(request(600_000, 8), now=1)
    _, given = plt.subplots()
    ax = quote.ladder.plot(given)
    assert ax is given
    lines = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    curve = lines["this loan's average rate, by size"]
    assert curve[-1].tolist() == [quote.rate / 10_000, 6_000.0]
    assert "accepted at most: 8.0000%" in lines
    assert "grade A, 36 months" in ax.get_title()
    assert [text.get_text() for text in ax.texts] == [f"6000.00 at {quote.rate / 10_000:.4f}%"]
    # The book beyond three times the loan is not shown, nor rates nobody needs for it.
    assert ax.get_ylim()[1] < 20_000
    assert ax.get_xlim()[1] < 10


def test_without_a_loan_the_whole_book_is_shown() -> None:
    ax = book().quote(request(600_000, 4), now=1).ladder.plot()
    assert len(ax.get_lines()) == 2
    assert ax.get_ylim()[1] >= 16_000


def test_in_a_call_market_there_is_no_curve() -> None:
    made = market(("o1", "ann", 400, 5), matching="call")
    ax = made.quote(request(300, 8), now=1).ladder.plot()
    assert len(ax.get_lines()) == 2


def test_an_empty_cell_says_so() -> None:
    assert [text.get_text() for text in market().ladder("A", 36).plot().texts] == [
        "nothing stands here"
    ]
    market().quote(request(5), now=1).ladder.plot()
