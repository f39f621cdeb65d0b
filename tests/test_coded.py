"""What repeats, kept once: by a dictionary, and by sorting hashes."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import coded as module
from p2pmatch.coded import coded, grouped
from tests.test_name_index import KINDS


@pytest.fixture(scope="module", autouse=True)
def however_few() -> Iterator[None]:
    """Let few texts be grouped as many are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_ROWS", 1)
        patched.setattr(module, "_DIFFERENT", 0)
        yield


def test_by_hand() -> None:
    values = ["cleo", "ann", "cleo", "ben", "ann", "cleo"]
    expected = ["cleo", "ann", "ben"], [0, 1, 0, 2, 1, 0]
    for found in (coded(values), grouped(values)):
        assert found is not None
        assert (found[0], found[1].tolist()) == expected


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(st.text("ab\u00fc\U0001f600", min_size=1, max_size=3), max_size=60))
def test_texts_are_grouped_as_a_dictionary_would(kind: type[str], texts: list[str]) -> None:
    names = [kind(text) for text in texts]
    found = grouped(names)
    expected, codes = coded(names)
    if found is None:
        # Hardly one repeats, or different ones have the same hash.
        assert not names or 2 * len(expected) > len(names) or kind is not str
        return
    assert found[0] == expected
    assert found[1].dtype == codes.dtype
    assert found[1].tolist() == codes.tolist()


def test_long_texts_are_left_to_a_dictionary() -> None:
    assert grouped(["a" * 17] * 8) is None
    assert grouped(["a" * 16] * 8) is not None


def test_what_a_dictionary_does_as_well_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"l{row % 40}" for row in range(100)]
    assert grouped(names) is not None
    monkeypatch.setattr(module, "_DIFFERENT", 41)
    assert grouped(names) is None
    monkeypatch.setattr(module, "_DIFFERENT", 40)
    monkeypatch.setattr(module, "_SAMPLE", 39)
    assert grouped(names) is None
    monkeypatch.setattr(module, "_SAMPLE", 40)
    assert grouped(names) is not None
    monkeypatch.setattr(module, "_ROWS", 101)
    assert grouped(names) is None
