"""A chunk sorts what has come when somebody reads it, and never changes what was read before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch.chunk import CHUNK, Chunk, Columns, Row
from p2pmatch.conditions import NO_CAP

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 40)),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("extend"), st.integers(0, 40)),
        st.tuples(st.just("has"), st.integers(0, 40)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("behind"), st.integers(-1, 40)),
        st.tuples(st.sampled_from(["drop first", "drop some"]), st.integers(0, 4)),
    ),
    max_size=60,
)


def place(key: int) -> Row:
    """Some with a tag rule, some with a cap, and most with neither."""
    return key, key + 100, key + 200, int(key % 7 == 3), key if key % 9 == 4 else NO_CAP


def columns_of(rows: list[Row]) -> Columns:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


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
        elif name == "extend":
            new = [place(key) for key in range(number, number + 6) if key not in model]
            model |= {row[0]: row for row in new}
            if new:
                chunk.extend(columns_of(new[::-1]))
        elif name == "remove":
            assert chunk.remove(number) == (model.pop(number, None) is not None)
        elif name == "has":
            assert chunk.has(number) == (number in model)
        elif name == "read":
            assert listed(chunk.rows()) == sorted(model.values())
        elif name == "behind" and model:
            columns, more = chunk.behind(number, 7)
            beyond = [model[key] for key in sorted(model) if key > number]
            rows = listed(columns)
            assert (rows, more) == (beyond[: len(rows)], len(rows) < len(beyond))
            assert min(len(beyond), 4) <= len(rows) <= 7
            kept.append((columns, rows))
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
    monkeypatch.setattr(Chunk, "_keep", None)
    assert listed(chunk.rows()) == [place(key) for key in range(CHUNK - 1)]


def test_a_place_is_found_among_those_that_came_last() -> None:
    chunk = Chunk()
    for key in (10, 30, 20, 5, 25):
        chunk.add(place(key))
    assert [key for key in range(40) if chunk.has(key)] == [5, 10, 20, 25, 30]
    assert chunk.remove(20)
    assert not chunk.remove(20)
    assert listed(chunk.rows()) == [place(key) for key in (5, 10, 25, 30)]


def test_what_is_left_when_one_goes_is_not_sorted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = Chunk()
    for key in range(9):
        chunk.add(place(key))
    assert chunk.remove(4)
    monkeypatch.setattr(Chunk, "_keep", None)
    assert listed(chunk.rows()) == [place(key) for key in (0, 1, 2, 3, 5, 6, 7, 8)]


def test_rows_that_were_dropped_do_not_come_back() -> None:
    chunk = Chunk()
    for key in range(9):
        chunk.add(place(key))
    chunk.drop(np.arange(9) >= 3)
    read, _ = chunk.behind(-1, 9)
    assert chunk.remove(5)
    assert listed(chunk.rows()) == [place(key) for key in (3, 4, 6, 7, 8)]
    assert listed(read) == [place(key) for key in range(3, 9)]


def test_among_many_that_came_last_none_is_looked_for() -> None:
    chunk = Chunk()
    (keys, *_), _ = chunk.in_order()
    for key in range(70, 0, -1):
        chunk.add(place(key))
        assert chunk.has(key)
        # The first is in order by itself.
        assert (keys[0] < 70) == (key < 6)
    assert chunk.remove(33)
    assert not chunk.has(33)
    assert [row[0] for row in listed(chunk.rows())] == [*range(1, 33), *range(34, 71)]


def test_what_is_behind_a_key_comes_in_pieces_of_even_size() -> None:
    chunk = Chunk()
    for key in range(10):
        chunk.add(place(key))
    sizes = {}
    for most in (3, 4, 9, 10, 11):
        key, sizes[most] = -1, list[int]()
        more = True
        while more:
            columns, more = chunk.behind(key, most)
            sizes[most].append(len(columns[0]))
            key = int(columns[0][-1])
    assert sizes == {3: [3, 3, 2, 2], 4: [4, 3, 3], 9: [5, 5], 10: [10], 11: [10]}
    columns, more = chunk.behind(9, 3)
    assert (listed(columns), more) == ([], False)


def test_columns_in_which_nothing_stands_take_no_memory() -> None:
    plain, other = Chunk(), Chunk()
    for chunk in (plain, other):
        chunk.add((5, 0, 0, 0, NO_CAP))
    (*_, tags, caps), _ = plain.in_order()
    (*_, same_tags, same_caps), _ = other.in_order()
    assert tags is same_tags
    assert caps is same_caps
    other.add((6, 1, 1, 0, 7))
    other.add((7, 1, 1, 3, NO_CAP))
    assert [column.tolist() for column in other.rows()[3:]] == [[0, 0, 3], [NO_CAP, 7, NO_CAP]]
    plain.fill(other.rows())
    assert listed(plain.rows()) == listed(other.rows())
    assert listed(Chunk().rows()) == []
    with pytest.raises(ValueError, match="read-only"):
        tags[0] = 1


def test_rows_that_lead_are_dropped_in_place() -> None:
    chunk = Chunk()
    for key in range(8):
        chunk.add(place(key))
    (keys, *_), used = chunk.in_order()
    chunk.drop(np.arange(8) >= 3)
    (after, *_), used = chunk.in_order()
    assert (after is keys, used, chunk.space) == (True, slice(3, 8), CHUNK - 8)
    # The last are not, because others may look at them: what comes next must not be seen there.
    read, _ = chunk.behind(-1, 9)
    chunk.drop(np.arange(5) < 4)
    chunk.add(place(99))
    assert listed(read) == [place(key) for key in range(3, 8)]
    assert listed(chunk.rows()) == [place(key) for key in (3, 4, 5, 6, 99)]
