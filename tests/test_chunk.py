"""A chunk sorts what has come when somebody reads it, and never changes what was read before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch.chunk import CHUNK, Chunk, Columns, Row

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 40)),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("has"), st.integers(0, 40)),
        st.tuples(st.just("read"), st.booleans()),
        st.tuples(st.sampled_from(["drop first", "drop some"]), st.integers(0, 4)),
    ),
    max_size=60,
)


def place(key: int) -> Row:
    return key, key + 100, key + 200, key % 3, key + 300


def listed(columns: Columns) -> list[Row]:
    return [*zip(*(column.tolist() for column in columns), strict=True)]


@given(steps=STEPS)
def test_a_chunk_is_a_sorted_list_of_places(steps: list[tuple[str, int]]) -> None:
    chunk = Chunk()
    model: dict[int, Row] = {}
    kept: list[tuple[Columns, list[Row]]] = []
    for name, number in steps:
        if name == "add" and number not in model:
            model[number] = place(number)
            chunk.add(place(number))
        elif name == "remove":
            assert chunk.remove(number) == (model.pop(number, None) is not None)
        elif name == "has":
            assert chunk.has(number) == (number in model)
        elif name == "read":
            columns = chunk.rows()
            assert listed(columns) == sorted(model.values())
            if number:
                chunk.lent = True
                kept.append((columns, listed(columns)))
        elif name.startswith("drop") and model:
            alive = np.arange(len(chunk)) >= number
            if name == "drop some":
                alive = np.arange(len(chunk)) % 5 != number
            keys = [key for key, stays in zip(sorted(model), alive, strict=True) if stays]
            chunk.rows()
            chunk.drop(alive)
            model = {key: model[key] for key in keys}
        assert len(chunk) == len(model)
    assert listed(chunk.rows()) == sorted(model.values())
    for columns, rows in kept:
        assert listed(columns) == rows


def test_what_comes_in_order_is_not_sorted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = Chunk()
    for key in range(CHUNK - 1):
        chunk.add(place(key))
    monkeypatch.setattr(Chunk, "fill", None)
    assert listed(chunk.rows()) == [place(key) for key in range(CHUNK - 1)]


def test_a_place_is_found_among_those_that_came_last() -> None:
    chunk = Chunk()
    for key in (10, 30, 20, 5, 25):
        chunk.add(place(key))
    assert [key for key in range(40) if chunk.has(key)] == [5, 10, 20, 25, 30]
    assert chunk.remove(20)
    assert not chunk.remove(20)
    assert listed(chunk.rows()) == [place(key) for key in (5, 10, 25, 30)]


def test_rows_that_lead_are_dropped_in_place() -> None:
    chunk = Chunk()
    for key in range(8):
        chunk.add(place(key))
    keys = chunk.keys
    chunk.drop(np.arange(8) >= 3)
    assert (chunk.keys is keys, chunk.start, chunk.stop) == (True, 3, 8)
    # The last are not, because others may look at them: what comes next must not be seen there.
    read = chunk.rows()
    chunk.lent = True
    chunk.drop(np.arange(5) < 4)
    chunk.add(place(99))
    assert listed(read) == [place(key) for key in range(3, 8)]
    assert listed(chunk.rows()) == [place(key) for key in (3, 4, 5, 6, 99)]
