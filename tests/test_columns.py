"""Columns in, checked columns out: whatever is wrong is named by column and row."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, Marketplace, Offer, P2PMatchError, Rules
from p2pmatch.columns import MAX_ROWS, OfferColumns, read_offers, read_requests
from p2pmatch.csv_table import BadInput
from p2pmatch.inputs import read_inputs
from p2pmatch.request_columns import RequestColumns

OFFERS: dict[str, Any] = {
    "offer_id": ["o1", "o2", "o3"],
    "lender_id": ["ann", "ben", "ann"],
    "amount": [500, 300, 200],
    "min_rate": [50_000, 0, 60_000],
}
REQUESTS: dict[str, Any] = {
    "request_id": ["r1", "r2"],
    "borrower_id": ["bob", "bea"],
    "amount": [500, 300],
    "max_rate": [90_000, 80_000],
    "grade": ["A", "B"],
    "term": [36, 12],
}


def test_what_is_not_given_is_not_set() -> None:
    offers = list(read_offers(OFFERS))
    assert [offer.offer_id for offer in offers] == ["o1", "o2", "o3"]
    first = offers[0]
    assert (first.grades, first.terms, first.max_per_loan, first.max_share) == (None,) * 4
    assert (first.requires, first.refuses, first.expires_at) == (frozenset(), frozenset(), None)


def test_every_column_is_read() -> None:
    offers = list(
        read_offers(
            {
                **OFFERS,
                "grades": ["A|B", "", None],
                "terms": [np.array([36, 12]), (24,), 36],
                "max_per_loan": [None, 25, np.int64(30)],
                "max_share": np.array([1, 2, 3]),
                "requires": [("x",), [], "y|z"],
                "refuses": ["q", "q", "q"],
                "expires_at": [None, None, 9],
                "recorded": [1, 2, 3],
            }
        )
    )
    assert [offer.grades for offer in offers] == [{"A", "B"}, None, None]
    assert [offer.terms for offer in offers] == [{12, 36}, {24}, {36}]
    assert [offer.max_per_loan for offer in offers] == [None, 25, 30]
    assert [offer.max_share for offer in offers] == [1, 2, 3]
    assert [offer.requires for offer in offers] == [{"x"}, set(), {"y", "z"}]
    assert {offer.refuses for offer in offers} == {frozenset({"q"})}
    assert [offer.expires_at for offer in offers] == [None, None, 9]


def test_terms_may_be_text() -> None:
    offers = read_offers({**OFFERS, "terms": ["12|36", "", "36"]})
    assert [offer.terms for offer in offers] == [{12, 36}, None, {36}]


def test_rows_taken_out_keep_only_what_they_refer_to() -> None:
    offers = read_offers({**OFFERS, "grades": ["A", "B", "A"], "refuses": ["", "x", ""]})
    some = offers[1:]
    assert isinstance(some, OfferColumns)
    assert some.places == (({"B"}, None), ({"A"}, None))
    assert list(some) == list(offers)[1:]


def test_requests_are_read() -> None:
    requests = read_requests({**REQUESTS, "min_amount": [None, 100], "tags": ["x|y", ""]})
    assert [r.least_amount for r in requests] == [500, 100]
    assert [r.tags for r in requests] == [{"x", "y"}, set()]


@pytest.mark.parametrize(
    ("column", "values", "field", "code"),
    [
        ("amount", [500, 0, 1], "amount[1]", "zero"),
        ("amount", [500, 5.0, 1], "amount[1]", "wrong_type"),
        ("amount", np.array([1.0, 2.0, 3.0]), "amount[0]", "wrong_type"),
        ("amount", np.array([5, -1, 3]), "amount[1]", "negative"),
        ("amount", [1, 10**30, 3], "amount[1]", "too_large"),
        ("amount", [1, None, 3], "amount[1]", "wrong_type"),
        ("amount", [1, True, 3], "amount[1]", "wrong_type"),
        ("amount", [1, 2], "amount", "contradiction"),
        ("amount", "123", "amount", "wrong_type"),
        ("amount", 5, "amount", "wrong_type"),
        ("amount", np.array([[1], [2], [3]]), "amount[0]", "wrong_type"),
        ("amount", [[1], [2], [3]], "amount[0]", "wrong_type"),
        ("amount", [1, [2, 3], 4], "amount[1]", "wrong_type"),
        ("amount", np.ma.array([1, 2, 3], mask=[False, True, False]), "amount[1]", "wrong_type"),
        (
            "min_rate",
            np.ma.array([1, 2, 3], mask=[False, True, False]),
            "min_rate[1]",
            "wrong_type",
        ),
        ("max_share", np.ma.array([1, 2, 3], mask=[False, True, False]), None, None),
        ("min_rate", [1, 2, 10_000_001], "min_rate[2]", "too_large"),
        ("offer_id", ["o1", "", "o3"], "offer_id[1]", "empty"),
        ("offer_id", ["o1", 7, "o3"], "offer_id[1]", "wrong_type"),
        ("offer_id", ["o1", "x" * 201, "o3"], "offer_id[1]", "too_long"),
        ("lender_id", ["o1", "a\x00", "o3"], "lender_id[1]", "malformed"),
        ("grades", ["A", "A||B", "B"], "grades[1]", "empty"),
        ("grades", ["A", 5, "B"], "grades[1]", "wrong_type"),
        ("terms", ["12", "x", "12"], "terms[1]", "malformed"),
        ("terms", ["12", "0", "12"], "terms[1]", "zero"),
        ("terms", ["12", "99999999999999", "12"], "terms[1]", "too_large"),
        ("requires", ["x", {}, "y"], None, None),
        ("max_per_loan", [None, 0, 5], "max_per_loan[1]", "zero"),
        ("max_share", [None, 1_000_001, 5], "max_share[1]", "too_large"),
        ("expires_at", [None, "x", 5], "expires_at[1]", "wrong_type"),
    ],
)
def test_a_bad_cell_is_named(column: str, values: Any, field: str | None, code: str | None) -> None:
    if field is None:
        assert len(read_offers({**OFFERS, column: values})) == 3
        return
    with pytest.raises(P2PMatchError) as refused:
        read_offers({**OFFERS, column: values})
    assert (refused.value.field, refused.value.code) == (field, code)


def test_what_a_mask_hides_is_not_there() -> None:
    caps = np.ma.array([1, 2, 3], mask=[False, True, False])
    offers = read_offers({**OFFERS, "max_per_loan": caps})
    assert [offer.max_per_loan for offer in offers] == [1, None, 3]
    offers = read_offers({**OFFERS, "max_per_loan": np.ma.array([1, 2, 3])})
    assert offers.max_per_loan.tolist() == [1, 2, 3]
    assert type(offers.max_per_loan) is np.ndarray


def test_ids_may_be_numpy_text() -> None:
    ids = np.array(["o1", "o2", "o3"])
    for column in (ids, list(ids)):
        assert [x.offer_id for x in read_offers({**OFFERS, "offer_id": column})] == ids.tolist()


@pytest.mark.parametrize("column", ["offer_id", "amount"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(P2PMatchError) as refused:
        read_offers({name: values for name, values in OFFERS.items() if name != column})
    assert (refused.value.field, refused.value.code) == (column, "missing_column")


def test_tags_required_and_refused_are_a_contradiction() -> None:
    with pytest.raises(P2PMatchError) as refused:
        read_offers({**OFFERS, "requires": ["", "x", "x"], "refuses": ["", "x|y", "x|y"]})
    assert (refused.value.field, refused.value.value) == ("refuses[1]", ["x"])


def test_a_wrong_request_is_refused() -> None:
    with pytest.raises(P2PMatchError) as refused:
        read_requests({**REQUESTS, "min_amount": [501, None]})
    assert refused.value.code == "above_amount"


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(P2PMatchError) as refused:
        read_offers({**OFFERS, "offer_id": range(MAX_ROWS + 1)})
    assert refused.value.code == "too_large"


# What is no column, and what nobody knows


class _Proxy:
    """As long as its columns are wide, as a dataframe may be."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[str]:
        return iter(["o1"])


@pytest.mark.parametrize(
    "values",
    [
        "abc",
        b"abc",
        bytearray(b"abc"),
        {1, 2, 3},
        frozenset({1, 2, 3}),
        {1: 0, 2: 0, 3: 0},
        {1: 0, 2: 0, 3: 0}.keys(),
        np.array(5),
        None,
        5,
        iter([1, 2, 3]),
        _Proxy(),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("column", ["offer_id", "amount", "grades", "max_per_loan"])
def test_what_has_no_rows_in_order_is_no_column(column: str, values: Any) -> None:
    with pytest.raises(InvalidValue, match="a list or an array with one dimension") as refused:
        read_offers({**OFFERS, column: values})
    assert (refused.value.field, refused.value.code) == (column, "wrong_type")


@pytest.mark.parametrize("values", ["EUR", 5, None, {1, 2}, np.array(5), [1], [[], {}]])
@pytest.mark.parametrize("name", ["currency", 7, ("amount", "x"), None])
def test_columns_that_nobody_knows_are_ignored(name: Any, values: Any) -> None:
    assert list(read_offers({**OFFERS, name: values})) == list(read_offers(OFFERS))
    assert read_requests({**REQUESTS, name: values}) == read_requests(REQUESTS)


# Cells that hold several names or terms


@pytest.mark.parametrize(
    ("column", "values", "row"),
    [
        ("terms", [36, 36.0, 12], 1),
        ("terms", [36.0, 36, 12], 0),
        ("terms", [1, 12, True], 2),
        ("terms", [True, 1, 12], 0),
        ("terms", [36, np.float64(36), 12], 1),
        ("terms", [1, np.True_, 12], 1),
        ("terms", [36, Decimal(36), 12], 1),
        ("terms", [(36,), (36.0,), 12], 1),
        ("terms", [(36.0,), (36,), 12], 0),
        ("terms", [None, (1, 12), (True, 12)], 2),
        ("terms", [[36], [36], [36.0]], 2),
        ("terms", [[1], [True], [True]], 1),
        ("terms", [np.array([36]), [36], np.array([36.0])], 2),
        ("terms", [36, 12, (12, None)], 2),
        ("terms", [36, 12, [12, [36]]], 2),
        ("terms", np.array([36.0, 36.0, 36.0]), 0),
        ("terms", [b"12", 12, 12], 0),
        ("grades", [["A", ["B"]], ["A"], ["A"]], 0),
        ("grades", [["A"], ["A"], [["A"]]], 2),
        ("grades", [("A",), ("A", {}), "A"], 1),
        ("grades", ["A", (7,), "A"], 1),
        ("grades", ["A", 7, "A"], 1),
        ("grades", ["A", "A", float("nan")], 2),
        ("requires", [("x", set()), "x", "x"], 0),
    ],
)
def test_cells_are_refused_wherever_they_stand(column: str, values: Any, row: int) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_offers({**OFFERS, column: values})
    assert (refused.value.field, refused.value.code) == (f"{column}[{row}]", "wrong_type")


@pytest.mark.parametrize(
    ("column", "value", "accepted"),
    [
        ("terms", 12.5, "an int from 1 to 1200, text such as '12|36', or a sequence of either"),
        ("terms", (12, None), "an int from 1 to 1200, text such as '12|36', or a sequence of"),
        ("terms", [[12]], "an int from 1 to 1200, text such as '12|36', or a sequence of either"),
        ("terms", "36|", "a whole number of months, 1 to 1200"),
        ("grades", 5, "text such as 'A|B', or a sequence of such names"),
        ("grades", ("A", 5), "text of 1 to 200 printable characters"),
        ("grades", "A|", "text of 1 to 200 printable characters"),
    ],
)
def test_a_refused_cell_says_what_would_do(column: str, value: object, accepted: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_offers({**OFFERS, column: [value, None, None]})
    assert accepted in refused.value.accepted


def test_one_term_too_large_is_told_as_such() -> None:
    with pytest.raises(InvalidValue) as refused:
        read_offers({**OFFERS, "terms": [12, 1_201, 12]})
    assert (refused.value.field, refused.value.code) == ("terms[1]", "too_large")


def test_spaces_around_names_in_text_mean_nothing_as_in_a_file() -> None:
    offers = read_offers(
        {
            **OFFERS,
            "grades": [" A", "B | A ", " "],
            "terms": [" 36", "12 | 36", "  "],
            "requires": [("x ",), " y ", ""],
        }
    )
    assert [offer.grades for offer in offers] == [{"A"}, {"A", "B"}, None]
    assert [offer.terms for offer in offers] == [{36}, {12, 36}, None]
    # Nobody separated these by anything.
    assert [offer.requires for offer in offers] == [{"x "}, {"y"}, set()]
    assert [r.tags for r in read_requests({**REQUESTS, "tags": ["x | y", " "]})] == [
        {"x", "y"},
        set(),
    ]


@given(cells=st.lists(st.text(alphabet="AB| ", max_size=6), min_size=1, max_size=3))
def test_text_means_the_same_as_in_a_file(
    cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    lines = [f"o{row},ann,5.00,1%,{cell},36,{cell}\n" for row, cell in enumerate(cells)]
    path.write_text("offer_id,lender_id,amount,min_rate,grades,terms,requires\n" + "".join(lines))
    rows = range(len(cells))
    columns = {
        "offer_id": [f"o{row}" for row in rows],
        "lender_id": ["ann" for _ in rows],
        "amount": [500 for _ in rows],
        "min_rate": [10_000 for _ in rows],
        "grades": cells,
        "requires": cells,
    }
    try:
        told = read_inputs(path, None, None).offers
    except BadInput:
        with pytest.raises(InvalidValue):
            read_offers(columns)
        return
    offers = list(read_offers(columns))
    assert [offer.grades or frozenset() for offer in offers] == [*map(frozenset, told["grades"])]
    assert [offer.requires for offer in offers] == [*map(frozenset, told["requires"])]


def test_what_means_the_same_is_kept_once() -> None:
    offers = read_offers(
        {**OFFERS, "grades": ["A|B", ("B", "A"), "B | A"], "terms": ["36", 36, [36]]}
    )
    assert offers.places == (({"A", "B"}, {36}),)
    assert offers.tag_rules == ((frozenset(), frozenset()),)
    assert offers.place_codes.tolist() == [0, 0, 0]


_TERM = st.sampled_from(
    [12, 36, 12.0, True, 1, "12", " 36", "x", None, "", np.int64(36), np.float64(1)]
)
_TERMS = _TERM | st.lists(_TERM, max_size=2) | st.lists(_TERM, max_size=2).map(tuple)


@given(cells=st.lists(_TERMS, max_size=5), order=st.randoms())
def test_a_column_is_accepted_if_every_cell_is(cells: list[Any], order: Any) -> None:
    """Whatever stands beside a cell, and in whatever order, it means what it means alone."""

    def read(values: list[Any]) -> list[Any]:
        rows = len(values)
        ids = [f"o{row}" for row in range(rows)]
        ones = [1] * rows
        columns = {"offer_id": ids, "lender_id": ids, "amount": ones, "min_rate": ones}
        return [offer.terms for offer in read_offers({**columns, "terms": values})]

    def wrong(row: int) -> str | None:
        try:
            read([cells[row]])
        except InvalidValue as refused:
            return str(refused).replace("[0]", f"[{row}]")
        return None

    order.shuffle(cells)
    refusals = [text for text in map(wrong, range(len(cells))) if text is not None]
    if refusals:
        with pytest.raises(InvalidValue) as together:
            read(cells)
        assert str(together.value) == refusals[0]
    else:
        assert read(cells) == [read([cell])[0] for cell in cells]


# What was read stays as it was read


def _arrays(columns: OfferColumns | RequestColumns) -> Mapping[str, np.ndarray[Any, Any]]:
    fields = {field.name: getattr(columns, field.name) for field in attrs.fields(type(columns))}
    return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}


def _others(columns: OfferColumns | RequestColumns) -> list[Any]:
    fields = [getattr(columns, field.name) for field in attrs.fields(type(columns))]
    return [value for value in fields if not isinstance(value, np.ndarray)]


def _offers() -> OfferColumns:
    return read_offers({**OFFERS, "grades": ["A", "B", "A"], "max_per_loan": np.array([1, 2, 3])})


def _requests() -> RequestColumns:
    return read_requests(REQUESTS)


@pytest.mark.parametrize(
    "read",
    [
        _offers,
        lambda: _offers()[:2],
        lambda: _offers()[:],
        _requests,
        lambda: _requests()[:1],
        lambda: RequestColumns.of(list(_requests())),
        lambda: RequestColumns.of(list(_requests()))[1:],
    ],
)
def test_what_was_read_cannot_be_changed(
    read: Callable[[], OfferColumns | RequestColumns],
) -> None:
    columns = read()
    arrays = _arrays(columns)
    assert len(arrays) >= 6
    for array in arrays.values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        if array.base is not None:
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.setflags(write=True)
    assert {type(value) for value in _others(columns)} == {tuple}


def test_the_callers_own_arrays_stay_the_callers() -> None:
    amounts, rates = np.array([500, 300, 200]), np.array([1, 2, 3], dtype=np.int32)
    ids = ["o1", "o2", "o3"]
    offers = read_offers({**OFFERS, "offer_id": ids, "amount": amounts, "min_rate": rates})
    amounts[0], rates[0], ids[0] = -7, -7, "eve"
    assert (offers.amounts[0], offers.min_rates[0], offers.offer_ids[0]) == (500, 1, "o1")


def test_neither_do_columns_made_by_hand_share_anything() -> None:
    fields = {field.name: getattr(_offers(), field.name) for field in attrs.fields(OfferColumns)}
    amounts = np.array([500, 300, 200])
    made = OfferColumns(**{**fields, "amounts": amounts, "offer_ids": list(fields["offer_ids"])})
    amounts[0] = -7
    assert made.amounts.tolist() == [500, 300, 200]
    assert made.offer_ids == ("o1", "o2", "o3")


def test_a_loan_keeps_its_borrower() -> None:
    market = Marketplace(Rules(grades=("A", "B"), terms=(12, 36)))
    market.post(Offer(offer_id="o1", lender_id="ann", amount=1_000, min_rate=50_000), now=1)
    requests = _requests()
    results = market.submit_many(requests, now=2)
    with pytest.raises(TypeError):
        requests.borrower_ids[0] = "eve"  # type: ignore[index]
    assert results[0].loan.borrower_id == "bob"
    market.check()


@pytest.mark.parametrize("unit", ["ns", "s", "D"])
def test_dates_are_no_times(unit: str) -> None:
    moment = np.array(["2026-01-01"], dtype=f"datetime64[{unit}]")
    columns = {"offer_id": ["o"], "lender_id": ["l"], "amount": [5], "min_rate": [1]}
    with pytest.raises(InvalidValue) as refused:
        read_offers({**columns, "expires_at": moment})
    assert (refused.value.code, refused.value.field) == ("wrong_type", "expires_at")
