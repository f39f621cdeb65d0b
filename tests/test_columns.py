"""Columns in, checked columns out: whatever is wrong is named by column and row."""

from typing import Any

import numpy as np
import pytest

from p2pmatch import P2PMatchError
from p2pmatch.columns import MAX_ROWS, OfferColumns, read_offers, read_requests

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
    assert some.places == [({"B"}, None), ({"A"}, None)]
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
