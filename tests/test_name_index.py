"""Names in a dictionary and names in sorted runs, against one dictionary."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import name_index
from p2pmatch.name_index import NameIndex


class Alike(str):
    """A name of which many have the same hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return len(self) - 2


class Near(str):
    """A name whose hash differs from others' in what an entry leaves out."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(str(self)) % 3 - 1


class High(str):
    """A name whose hash is as high as one can be, or nearly."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 2**63 - 1 - len(self) % 2


KINDS = [str, Alike, Near, High]
BATCHES = st.lists(st.lists(st.text("ab", max_size=6), unique=True, max_size=40), max_size=8)


@pytest.mark.parametrize("kind", KINDS)
@given(batches=BATCHES, asked=st.lists(st.text("abc", max_size=6), max_size=20))
def test_names_are_found_as_in_one_dictionary(
    kind: type[str], batches: list[list[str]], asked: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(name_index, "_FEW", 3)
        names: list[str] = []
        index = NameIndex(names)
        expected: dict[str, int] = {}
        for batch in batches:
            new = [kind(name) for name in batch if name not in {str(known) for known in names}]
            assert not index.knows_any(new)
            if batch:
                assert index.knows_any([kind(name) for name in batch]) == (len(new) < len(batch))
            first = len(names)
            names += new
            if len(new) == 1:
                index.add(new[0], first)
            else:
                index.add_many(new, np.arange(first, len(names)))
            expected.update({str(name): number for number, name in enumerate(new, first)})
        for name in [*asked, *map(str, names)]:
            assert index.find(kind(name)) == expected.get(name)


@pytest.mark.parametrize("count", [1_024, 1_025, 4_095, 70_000])
def test_many_names_are_found_and_no_others(count: int) -> None:
    names = [f"o{number}" for number in range(count)]
    index = NameIndex(names)
    index.add_many(names, np.arange(count))
    assert [index.find(name) for name in names] == list(range(count))
    assert not any(index.find(f"x{number}") is not None for number in range(count))
    assert index.knows_any([*(f"x{number}" for number in range(count)), "o7"])
    assert not index.knows_any([f"x{number}" for number in range(count)])
    assert all(index.knows_any([edge(names, key=hash)]) for edge in (min, max))


def test_numbers_need_not_follow_one_another() -> None:
    names = [f"o{number}" for number in range(4_000)]
    index = NameIndex(names)
    index.add_many(names[::2], np.arange(0, 4_000, 2))
    assert (index.find("o7"), index.find("o8")) == (None, 8)


def test_runs_of_like_length_are_made_one() -> None:
    names = [f"o{number}" for number in range(60_000)]
    index = NameIndex(names)
    for first in range(0, 60_000, 1_500):
        index.add_many(names[first : first + 1_500], np.arange(first, first + 1_500))
    sizes = [len(run.entries) - 1 for run in index._runs]
    assert sum(sizes) == 60_000
    assert all(left > 2 * right for left, right in pairwise(sizes))
    assert [index.find(name) for name in names] == list(range(60_000))
