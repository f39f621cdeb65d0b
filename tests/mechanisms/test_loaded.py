"""Places copied out of their ladders: in rank order, chunk by chunk, one budget for all cells."""

from typing import Any

import numpy as np
import pytest

from p2pmatch import Marketplace, Rules
from p2pmatch.fill_forms import Places
from p2pmatch.mechanisms import loaded
from p2pmatch.mechanisms.loaded import Loaded
from p2pmatch.state import State
from tests.helpers import many

COUNT = 8_000
CELLS = [("A", 36), ("B", 36)]


def book(**columns: list[Any]) -> State:
    """Offers of 1 to 9 at one rate in both cells; chunks are full of 960 places or somewhat less."""
    market = Marketplace(Rules(grades=["A", "B", "C"], terms=[36]))
    lenders = [f"l{i % 1_000}" for i in range(COUNT)]
    amounts = [1 + i % 9 for i in range(COUNT)]
    market.post_many(many(COUNT, lender_id=lenders, amount=amounts, **columns), now=0)
    return market._state


def segments(places: Places, cell: int) -> list[int]:
    """A cell's segments, in their order."""
    found = []
    segment = int(places.first[cell])
    while segment >= 0:
        found.append(segment)
        segment = int(places.following[segment])
    return found


def rows(places: Places, cell: int, name: str) -> list[int]:
    """What a cell's places have in a column."""
    column = getattr(places, name)
    parts = [column[places.starts[s] : places.stops[s]] for s in segments(places, cell)]
    return [int(value) for part in parts for value in part]


def test_nothing_is_there_before_it_is_asked_for() -> None:
    places = Loaded(book(), CELLS, 1).places()
    assert places.first.tolist() == [-1, -1, -1]
    assert places.complete.tolist() == [False, False, False]
    assert (places.first.dtype, places.complete.dtype) == (np.int64, np.bool_)
    assert len(places.tags) == len(places.caps) == 0


def test_each_time_twice_as_many_chunks_come() -> None:
    state = book()
    found = Loaded(state, CELLS[:1], 3)
    places, counts = found.places(), []
    while not places.complete[0]:
        found.load(0)
        counts.append(len(segments(places, 0)))
    # Nine chunks: one, two, four, the last two, and then the word that there are no more.
    assert counts == [1, 3, 7, 9, 9]
    assert rows(places, 0, "slots") == list(range(COUNT))
    assert rows(places, 0, "lenders") == [i % 1_000 for i in range(COUNT)]
    assert (
        rows(places, 0, "keys") == state.ladders[0].standing(state.table.remaining, 1)[0].tolist()
    )
    # Nothing is limited: each place's account is its row.
    assert places.alone
    assert found.left[:COUNT].tolist() == [1 + i % 9 for i in range(COUNT)]
    assert places.complete.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("requests", "cells", "first"), [(7, 1, 2), (8, 1, 3), (8, 2, 2), (4_000, 1, 4)]
)
def test_many_requests_begin_with_more(
    requests: int, cells: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "_CHUNKS", 4)
    found = Loaded(book(), CELLS[:cells], requests)
    found.load(0)
    assert len(segments(found.places(), 0)) == first
    found.load(0)
    assert len(segments(found.places(), 0)) == min(first + min(2 * first, 4), 9)


@pytest.mark.parametrize(("space", "some"), [(2**20, 64), (100, 1), (COUNT, 9)])
def test_an_offer_in_two_cells_has_one_account(
    space: int, some: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "_ROWS", space)
    monkeypatch.setattr(loaded, "_SEGMENTS", some)
    grades = ["A|B" if i % 2 else "B" if i % 4 else "A" for i in range(COUNT)]
    caps = [3 if i % 5 else None for i in range(COUNT)]
    needs = ["x" if i % 7 else "" for i in range(COUNT)]
    state = book(grades=grades, max_per_loan=caps, requires=needs)
    found = Loaded(state, CELLS, 1)
    for _ in range(5):
        for cell in (0, 1):
            found.load(cell)
    places = found.places()
    for cell, name in enumerate("AB"):
        standing = [i for i in range(COUNT) if name in grades[i]]
        slots = np.array(rows(places, cell, "slots"))
        assert state.offer_names.numbers_of(slots).tolist() == standing
        accounts = np.array(rows(places, cell, "accounts"))
        assert found.left[accounts].tolist() == [1 + i % 9 for i in standing]
        assert [cap == 3 for cap in rows(places, cell, "caps")] == [i % 5 > 0 for i in standing]
        assert [tag > 0 for tag in rows(places, cell, "tags")] == [i % 7 > 0 for i in standing]
    of_slot = [
        dict(zip(rows(places, cell, "slots"), rows(places, cell, "accounts"), strict=True))
        for cell in (0, 1)
    ]
    both = of_slot[0].keys() & of_slot[1].keys()
    assert len(both) == COUNT // 2
    assert all(of_slot[0][slot] == of_slot[1][slot] for slot in both)
    assert len(set(of_slot[0].values()) | set(of_slot[1].values())) == COUNT


@pytest.mark.parametrize("cells", [1, 2])
def test_money_spent_elsewhere_is_missed_where_it_was_loaded(cells: int) -> None:
    state = book()
    found = Loaded(state, CELLS[:cells], 1)
    found.load(0)
    loaded_rows = len(rows(found.places(), 0, "slots"))
    # No space is left behind the last of them.
    found.left = found.left[:loaded_rows].copy()
    slots = np.array([8, 17, COUNT - 1], dtype=np.int32)
    found.spend(slots, np.array([4, 9, 1]))
    expected = [1 + i % 9 for i in range(loaded_rows)]
    expected[8], expected[17] = 5, 0
    assert found.left[:loaded_rows].tolist() == expected
    # What was not loaded is read when it is.
    state.table.remaining[slots] -= np.array([4, 9, 1])
    for _ in range(5):
        found.load(0)
    places = found.places()
    last = COUNT - 1 if places.alone else rows(places, 0, "accounts")[-1]
    assert places.alone == (cells == 1)
    assert found.left[last] == state.table.remaining[COUNT - 1]
