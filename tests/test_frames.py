"""Dataframes in: plain values, None where a cell is missing, and refusals for what is no table."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, Marketplace, P2PMatchError, Rules
from p2pmatch.frames import LIBRARIES, columns_of, frame_of

NAN = float("nan")
OFFERS: dict[str, list[Any]] = {
    "offer_id": ["o1", "o2"],
    "lender_id": ["ann", "ben"],
    "amount": [500, 300],
    "min_rate": [50_000, 0],
}


@pytest.fixture
def market() -> Marketplace:
    return Marketplace(Rules(grades=("A", "B"), terms=(12, 36)))


def test_missing_cells_are_none() -> None:
    frame = pl.DataFrame(
        {
            "text": ["a", None],
            "int": [2_500, None],
            "float": [2.5, None],
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "nothing": [None, None],
            "list": [["a"], None],
            "nan": [2.5, NAN],
            "object": pl.Series([np.array([36, 12]), None], dtype=pl.Object),
        }
    )
    columns = columns_of(frame)
    assert columns.pop("nothing") == [None, None]
    assert [columns["object"][0].tolist(), *columns.pop("object")[1:]] == [[36, 12], None]
    assert {name: cells[1] for name, cells in columns.items()} == dict.fromkeys(columns)
    assert [cells[0] for cells in columns.values()] == ["a", 2_500, 2.5, "a", ["a"], 2.5]
    assert type(columns["int"][0]) is int


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        ([2_500.0, NAN], [2_500, None]),
        ([2_500.0, None], [2_500, None]),
        ([NAN, NAN], [None, None]),
        ([-0.0, None, 2.0**53 - 1], [0, None, 2**53 - 1]),
        # No gap made these floats.
        ([2_500.0, 36.0], [2_500.0, 36.0]),
        ([2_500.5, None, 1.0], [2_500.5, None, 1.0]),
        ([float("inf"), None], [float("inf"), None]),
        # From here on a float may stand for an int beside it.
        ([2.0**53, None, 1.0], [2.0**53, None, 1.0]),
        ([-(2.0**53), None], [-(2.0**53), None]),
    ],
)
def test_ints_that_gaps_made_floats_are_ints(cells: list[Any], read: list[Any]) -> None:
    found = columns_of(pl.DataFrame({"x": cells}, strict=False))["x"]
    assert found == read
    assert list(map(type, found)) == list(map(type, read))


@given(st.lists(st.none() | st.integers(-(2**53) + 1, 2**53 - 1), max_size=9))
def test_gaps_change_no_int(cells: list[int | None]) -> None:
    as_floats = [NAN if cell is None else float(cell) for cell in cells]
    for given_cells in (cells, as_floats if None in cells else cells):
        found = columns_of(pl.DataFrame({"x": given_cells}))["x"]
        assert found == cells
        assert {type(cell) for cell in found} <= {int, type(None)}


def test_floats_of_a_frame_are_refused_all_the_same(market: Marketplace) -> None:
    frame = pl.DataFrame({**OFFERS, "max_per_loan": [250.5, None]})
    with pytest.raises(InvalidValue) as refused:
        market.post_many(frame, now=1)
    assert (refused.value.field, refused.value.code) == ("max_per_loan[0]", "wrong_type")
    with pytest.raises(InvalidValue) as refused:
        market.post_many({**OFFERS, "max_per_loan": [250.0, None]}, now=1)
    assert (refused.value.field, refused.value.code) == ("max_per_loan[0]", "wrong_type")
    market.post_many(pl.DataFrame({**OFFERS, "max_per_loan": [250.0, None]}), now=1)


def test_a_required_cell_that_is_missing_is_named(market: Marketplace) -> None:
    with pytest.raises(InvalidValue) as refused:
        market.post_many(pl.DataFrame({**OFFERS, "amount": [500.0, NAN]}), now=1)
    assert (refused.value.field, refused.value.value) == ("amount[1]", None)


class _Frame:
    """What narwhals makes of a dataframe, with names that polars would not take."""

    def __init__(self, names: Sequence[Any]) -> None:
        self.columns = list(names)

    def get_column(self, name: str) -> Any:
        return nw.from_native(pl.Series([name]), series_only=True)


@pytest.mark.parametrize("names", [[0, 1], [("a", "b"), ("a", "c")], [None]])
def test_columns_without_a_name_that_is_text_are_refused(
    names: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nw, "from_native", lambda frame, **_: frame)
    with pytest.raises(InvalidValue, match="columns named by text, each name once") as refused:
        columns_of(_Frame(names))
    assert (refused.value.code, refused.value.value) == ("wrong_type", names)


def test_other_columns_of_an_odd_name_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _Frame([0, "term", ("a", "b"), None])
    monkeypatch.setattr(nw, "from_native", lambda frame, **_: frame)
    monkeypatch.setattr(
        frame, "get_column", lambda name: pl.Series([name]) if name == "term" else 1 / 0
    )
    monkeypatch.setattr(pl.Series, "is_null", lambda self: self, raising=False)
    assert columns_of(frame) == {"term": ["term"]}


def test_a_name_that_is_there_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise nw.exceptions.DuplicateError("Expected unique column names")

    monkeypatch.setattr(nw, "from_native", refuse)
    with pytest.raises(InvalidValue, match="columns named by text, each name once") as refused:
        columns_of(_Frame(["amount", "amount"]))
    assert (refused.value.code, refused.value.value) == ("duplicate", ["amount", "amount"])


@pytest.mark.parametrize("frame", [None, 5, "abc", [1], pl.Series([1]), pl.LazyFrame({"a": [1]})])
def test_what_is_no_dataframe_is_refused(frame: object) -> None:
    with pytest.raises(InvalidValue, match="a mapping of columns, or a dataframe"):
        columns_of(frame)


def test_an_empty_frame_has_no_columns(market: Marketplace) -> None:
    assert columns_of(pl.DataFrame()) == {}
    with pytest.raises(P2PMatchError) as refused:
        market.post_many(pl.DataFrame(), now=1)
    assert refused.value.code == "missing_column"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_made_is_read_back(library: str) -> None:
    pytest.importorskip(library)
    columns: dict[str, list[Any]] = {
        "text": ["a", None],
        "full": [1, 2],
        "gaps": [2_500, None],
        "none": [None, None],
    }
    read = columns_of(frame_of(columns, library))
    assert read == columns
    assert type(read["gaps"][0]) is int


# pandas, where it is installed


@pytest.mark.parametrize("dtype", [None, "Int64", "object", "category", "float64", "Float64"])
def test_ints_with_gaps_of_pandas(dtype: str | None, market: Marketplace) -> None:
    pd = pytest.importorskip("pandas")
    caps = pd.Series([250, None], dtype=dtype)
    frame = pd.DataFrame({**OFFERS, "max_per_loan": caps})
    read = columns_of(frame)["max_per_loan"]
    assert read == [250, None]
    assert type(read[0]) is int
    market.post_many(frame, now=1)


@pytest.mark.parametrize("dtype", [None, "string", "object", "category"])
def test_text_with_gaps_of_pandas(dtype: str | None, market: Marketplace) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({**OFFERS, "grades": pd.Series(["A|B", None], dtype=dtype)})
    assert columns_of(frame)["grades"] == ["A|B", None]
    market.post_many(frame, now=1)


def test_every_missing_cell_of_pandas() -> None:
    pd = pytest.importorskip("pandas")
    cells = pd.Series([1, None, pd.NA, pd.NaT, NAN], dtype="object")
    assert columns_of(pd.DataFrame({"x": cells}))["x"] == [1, None, None, None, None]
    times = pd.DataFrame({"x": [pd.Timestamp(0), None]})
    assert columns_of(times)["x"] == [pd.Timestamp(0), None]


def test_odd_names_of_pandas(market: Marketplace) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(OFFERS)
    with pytest.raises(InvalidValue) as refused:
        market.post_many(pd.concat([frame, frame[["amount"]]], axis=1), now=1)
    assert refused.value.code == "duplicate"
    with pytest.raises(InvalidValue) as refused:
        market.post_many(frame.T.reset_index(drop=True).T, now=1)
    assert (refused.value.code, refused.value.value) == ("wrong_type", [0, 1, 2, 3])
    with pytest.raises(InvalidValue) as refused:
        market.submit_many(pd.concat({"x": frame}, axis=1), now=1)
    assert refused.value.code == "wrong_type"
    market.post_many(frame.assign(note=1).rename(columns={"note": 7}), now=1)


def test_names_of_pyarrow_that_are_there_twice() -> None:
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(InvalidValue) as refused:
        columns_of(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))
    assert (refused.value.code, refused.value.value) == ("duplicate", ["x", "x"])
