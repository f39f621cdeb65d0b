import copy
import pickle
from itertools import count
from typing import Any

import numpy as np
import polars as pl
import pytest

from p2pmatch import Comparison, Fees, Marketplace, Offer, P2PMatchError, Quote
from p2pmatch.comparison import MAX_ROWS, MEASURES
from tests.helpers import market, request


def book(**rules: Any) -> Marketplace:
    """12 months at 5 %, 24 at 9 %, 36 at 6 %; no money for 60 months."""
    made = market(terms=[12, 24, 36, 60], **rules)
    for term, percent in [(12, 5), (24, 9), (36, 6)]:
        made.post(
            Offer(
                offer_id=f"o{term}",
                lender_id=f"l{term}",
                amount=500_000,
                min_rate=percent * 10_000,
                terms={term},
            ),
            now=0,
        )
    return made


def table(**rules: Any) -> Comparison:
    return book(**rules).compare(
        request(600_000), amounts=[100_000, 600_000], terms=[12, 24, 36], now=1
    )


def test_rows_stand_by_grade_term_and_amount_as_given() -> None:
    made = market(grades=["A", "B"], terms=[12, 36])
    rows = made.compare(request(5), amounts=[9, 5, 7], terms=[36, 12], grades=["B", "A"], now=1)
    asked = [(row.request.grade, row.request.term, row.request.amount) for row in rows]
    assert asked == [(g, t, a) for g in "BA" for t in (36, 12) for a in (9, 5, 7)]
    assert isinstance(rows[0], Quote)
    assert [row.request.amount for row in rows[1:3]] == [5, 7]
    assert rows[-1].request == request(7, term=12)
    assert len(rows) == 12
    assert repr(rows) == "<Comparison: 12 quotes>"


def test_where_nothing_is_missing_or_nothing_lent_the_columns_are_of_one_kind() -> None:
    full, short, none = (
        book().compare(request(amount, term=term), now=1).to_frame()
        for amount, term in [(100_000, 12), (600_000, 12), (100_000, 60)]
    )
    assert full.schema == short.schema == none.schema
    assert pl.concat([full, short, none])["reason"].null_count() == 1


def test_without_values_it_is_the_request_itself() -> None:
    made = book()
    (row,) = made.compare(request(100_000), now=1)
    assert row == made.quote(request(100_000), now=1)


def test_the_borrowers_least_amount_is_cut_to_the_amount() -> None:
    rows = book().compare(request(100_000, min_amount=60_000), amounts=[50_000, 90_000], now=1)
    assert [row.request.min_amount for row in rows] == [50_000, 60_000]
    rows = book().compare(request(100_000, min_amount=None), amounts=[50_000], now=1)
    assert rows[0].request.min_amount is None


def test_a_smaller_loan_ends_within_the_largest_unless_its_last_note_is_too_small() -> None:
    made = market(min_note=20)
    for i in range(3):
        offer = Offer(offer_id=f"o{i}", lender_id=f"l{i}", amount=30, min_rate=(i + 1) * 10_000)
        made.post(offer, now=0)
    table = made.compare(request(90), amounts=[55, 90, 30, 70], now=1)
    notes = [row.loan.notes.amounts.tolist() for row in table if row.loan is not None]
    # The 10 that 70 would leave for the third are brought up to a note.
    assert notes == [[30, 25], [30, 30, 30], [30], [30, 20, 20]]


def test_whoever_asks_for_more_than_there_is_gets_all_there_is() -> None:
    made = market(("o1", "ann", 30, 1), ("o2", "ben", 60, 2))
    table = made.compare(request(50), amounts=[200, 50, 100, 90], now=1)
    assert [(row.principal, row.unfunded) for row in table] == [
        (90, 110),
        (50, 0),
        (90, 10),
        (90, 0),
    ]
    whole_only = made.compare(request(200, min_amount=95), amounts=[200, 90, 100], now=1)
    assert [(row.principal, row.reason) for row in whole_only] == [
        (0, "below_min_amount"),
        (90, None),
        (0, "below_min_amount"),
    ]


def test_the_best_row_by_what_matters() -> None:
    rows = table()
    # Rows that lack money count only where no other has a loan.
    assert rows.cheapest() is rows[0]
    assert rows.lowest_payment() is rows[4]
    by = {measure: rows.least(measure) for measure in MEASURES}
    assert by["apr"] is by["rate"] is by["total_cost"] is by["total_interest"] is rows[0]
    short = book().compare(request(600_000), terms=[60, 36, 24], now=1)
    assert short.cheapest() is short[1]
    assert book().compare(request(5), terms=[60], now=1).cheapest() is None


def test_fees_count_in_what_is_cheapest() -> None:
    # A fixed fee weighs more on a short loan: 12 months at 5 % bear the higher rate.
    rows = book(fees=Fees(origination_fixed=5_000)).compare(request(100_000), terms=[12, 36], now=1)
    assert rows.cheapest() is rows[1]
    assert rows.least("total_cost") is rows[0]


def test_a_row_is_dominated_where_another_is_nowhere_worse_and_somewhere_better() -> None:
    made = market(terms=[24, 36], grades=["A", "B"])
    for grade, percent in [("A", 5), ("B", 9)]:
        made.post(
            Offer(
                offer_id=grade,
                lender_id=grade,
                amount=500,
                min_rate=percent * 10_000,
                grades={grade},
                terms={36},
            ),
            now=0,
        )
    rows = made.compare(request(500), grades=["A", "B"], terms=[24, 36], now=1)
    # No loan in 24 months; A and B the same money, B dearer.
    assert rows.dominated == (True, False, True, True)
    # 24 months at 9 % cost more than 36 at 6 %, and more a month; more money is a choice.
    assert table().dominated == (False, False, True, True, False, False)
    assert book().compare(request(5), terms=[60], now=1).dominated == (False,)


def test_it_prints_as_an_aligned_table() -> None:
    lines = str(table()).splitlines()
    assert lines == [
        "term    asked  obtainable     rate  APR (us)  a month  interest  total cost  lenders",
        "  12  1000.00     1000.00  5.0000%   5.0019%    85.61     27.30       27.30        1  cheapest",
        "  12  6000.00     5000.00  5.0000%   5.0001%   428.04    136.45      136.45        1  not_enough_room",
        "  24  1000.00     1000.00  9.0000%   9.0005%    45.68     96.45       96.45        1  dominated",
        "  24  6000.00     5000.00  9.0000%   9.0004%   228.42    482.20      482.20        1  dominated, not_enough_room",
        "  36  1000.00     1000.00  6.0000%   6.0002%    30.42     95.20       95.20        1  lowest payment",
        "  36  6000.00     5000.00  6.0000%   6.0001%   152.11    475.96      475.96        1  not_enough_room",
    ]


def test_grades_and_fees_are_shown_where_there_are_any() -> None:
    made = book(grades=["A", "B"], fees=Fees(origination=10_000), apr_rule="eu")
    rows = made.compare(request(100_000), grades=["A", "B"], terms=[12, 60], now=1)
    lines = str(rows).splitlines()
    assert lines[0].startswith("grade  term    asked  obtainable     rate  APR (eu)  a month  int")
    assert "fees" in lines[0]
    assert lines[1].endswith("27.30  10.00       37.30        1  cheapest, lowest payment")
    assert "-" in lines[2]
    assert lines[2].endswith("dominated, empty_book")


def test_in_a_notebook_it_is_a_table_with_its_text_escaped() -> None:
    made = market(("o1", "ann", 500, 5), grades=["A", "<b>"], terms=[36])
    html = made.compare(request(500), grades=["A", "<b>"], now=1)._repr_html_()
    assert html.startswith("<table><tr><th>grade</th>")
    assert html.count("<tr>") == 3
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_as_columns_and_as_a_frame() -> None:
    rows = table()
    columns = rows.columns()
    assert columns["amount"] == [100_000, 600_000] * 3
    assert columns["apr"] == [row.apr for row in rows]
    assert columns["apr_rule"] == ["us"] * 6
    frame = rows.to_frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame.height == 6
    assert frame["monthly_payment"].to_list() == [row.monthly_payment for row in rows]
    assert set(frame.columns) == set(columns)
    with pytest.raises(P2PMatchError) as refused:
        rows.to_frame("nothing")
    assert refused.value.code == "unknown_field"


def test_what_it_says_stays_when_the_market_changes() -> None:
    made = book()
    rows = made.compare(request(1), amounts=[100_000, 200_000, 400_000], terms=[36], now=1)
    before = [
        made.quote(row.request, now=1)
        for row in made.compare(request(1), amounts=[100_000, 200_000, 400_000], terms=[36], now=1)
    ]
    made.submit(request(300_000), now=1)
    made.cancel("o36", now=1)
    assert list(rows) == before


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda rows: pickle.loads(pickle.dumps(rows))],  # noqa: S301 - our own
)
def test_a_copy_is_one_of_its_quotes(duplicate: Any) -> None:
    amounts = [100_000, 200_000, 600_000]
    rows = book().compare(request(1), amounts=amounts, terms=[12, 60], now=1)
    copied = duplicate(rows)
    assert isinstance(copied, Comparison)
    assert copied == rows
    assert str(copied) == str(rows)
    assert copied.columns() == rows.columns()
    if duplicate is copy.copy:
        assert copied[2].ladder == rows[2].ladder
    else:
        with pytest.raises(P2PMatchError, match="has no book"):
            copied[2].ladder  # noqa: B018 - reading it is the test


def test_comparisons_are_equal_if_their_quotes_are() -> None:
    assert table() == table()
    assert table() != table(fees=Fees(origination=10_000))
    assert Comparison(table()[:2]) == Comparison(table()[:2]) != table()
    assert table() != list(table())
    assert Comparison([]) == Comparison([])
    with pytest.raises(TypeError):
        hash(table())


def test_in_a_call_market_every_row_rests() -> None:
    rows = book(matching="call").compare(request(500), amounts=[500, 600], now=1)
    assert [row.reason for row in rows] == ["resting", "resting"]
    assert rows.cheapest() is None
    assert "resting" in str(rows)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"amounts": []}, "empty", "amounts"),
        ({"amounts": [5, 5]}, "duplicate", "amounts"),
        ({"amounts": 5}, "wrong_type", "amounts"),
        ({"amounts": "500"}, "wrong_type", "amounts"),
        ({"amounts": [0]}, "zero", "amounts"),
        ({"amounts": [1.5]}, "wrong_type", "amounts"),
        ({"amounts": range(1, MAX_ROWS + 2)}, "too_large", "amounts"),
        ({"amounts": count(1)}, "too_large", "amounts"),
        ({"amounts": range(1, MAX_ROWS), "terms": [12, 36]}, "too_large", "amounts"),
        ({"grades": {"A"}}, "wrong_type", "grades"),
        ({"amounts": np.array(5)}, "wrong_type", "amounts"),
        ({"amounts": [np.array([1, 2])] * 2}, "wrong_type", "amounts"),
        ({"terms": [13]}, "unknown_term", "term"),
        ({"terms": [12, "36"]}, "wrong_type", "terms"),
        ({"terms": []}, "empty", "terms"),
        ({"grades": ["Z"]}, "unknown_grade", "grade"),
        ({"grades": "AB"}, "wrong_type", "grades"),
        ({"grades": [None]}, "wrong_type", "grades"),
        ({"now": -1}, "time_backwards", "now"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], code: str, field: str) -> None:
    made = book()
    made.advance(1)
    with pytest.raises(P2PMatchError) as refused:
        made.compare(request(500), **{"now": 1, **wrong})
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_set_of_amounts_is_taken_from_the_least_on() -> None:
    rows = book().compare(request(500), now=0, amounts={300, 100, 1_000, 20})
    assert [row.request.amount for row in rows] == [20, 100, 300, 1_000]


def test_amounts_are_multiples_of_the_increment() -> None:
    with pytest.raises(P2PMatchError) as refused:
        book(increment=5).compare(request(500), amounts=[500, 502], now=1)
    assert refused.value.code == "not_multiple"


def test_a_measure_nobody_knows() -> None:
    with pytest.raises(P2PMatchError) as refused:
        table().least("colour")
    assert refused.value.code == "unknown_field"


def test_a_request_is_a_request() -> None:
    with pytest.raises(P2PMatchError):
        book().compare("r1", now=1)  # type: ignore[arg-type]
