"""Ids by slot, numbers by slot, slots by number: two lists in one, each the other's way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch.offer_names import OfferNames

ORDERS = st.lists(st.integers(0, 7).flatmap(lambda n: st.permutations(range(n))), max_size=6)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def test_those_that_come_one_by_one_lie_as_they_come() -> None:
    names = OfferNames()
    for number in range(100):
        names.append(f"o{number}")
    assert (len(names), names[99], names.at(ints(70, 3))) == (100, "o99", ["o70", "o3"])
    assert names.as_posted().tolist() == names.by_slot().tolist() == list(range(100))


def test_those_that_come_together_lie_as_they_are_told_to() -> None:
    names = OfferNames()
    names.append("a")
    names.extend(["b", "c", "d"], np.array([2, 0, 1]))
    names.append("e")
    assert names.texts == ["a", "b", "c", "d", "e"]
    assert names.at(ints(0, 1, 2, 3, 4)) == ["a", "d", "b", "c", "e"]
    assert names.numbers_of(ints(1, 4)).tolist() == [3, 4]
    assert names.slots_of(ints(3, 1)).tolist() == [1, 2]
    assert names.as_posted().tolist() == [0, 2, 3, 1, 4]
    assert names.by_slot().tolist() == [0, 3, 1, 2, 4]


@given(ORDERS)
def test_numbers_and_slots_are_each_others_way_back(orders: list[list[int]]) -> None:
    names = OfferNames()
    expected: list[str] = []
    for batch, order in enumerate(orders):
        names.append(f"single{batch}")
        ids = [f"{batch}-{row}" for row in range(len(order))]
        names.extend(ids, np.array(order, dtype=np.int64))
        expected += [f"single{batch}", *(ids[row] for row in order)]
    slots = np.arange(len(names), dtype=np.int32)
    assert names.at(slots) == expected == [names[slot] for slot in slots.tolist()]
    assert names.slots_of(names.numbers_of(slots)).tolist() == slots.tolist()
    again = OfferNames(names.texts, names.by_slot().copy())
    assert again.at(slots) == expected
    assert again.as_posted().tolist() == names.as_posted().tolist()
    again.append("more")
    assert (again[len(slots)], again.as_posted().dtype) == ("more", np.dtype(np.int32))


def test_the_restored_is_not_the_giver() -> None:
    texts = ["a"]
    names = OfferNames(texts)
    names.append("b")
    assert texts == ["a"]
    with pytest.raises(IndexError):
        names.slots_of(ints(64))
