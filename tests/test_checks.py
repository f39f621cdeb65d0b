"""What is told of many values at once is what would be told of each."""

from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import checks


class Alike(str):
    """Text all of which has the same hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 7


@given(texts=st.lists(st.text(max_size=2)), alike=st.booleans())
def test_texts_are_distinct_if_no_two_are_the_same(texts: list[str], alike: bool) -> None:
    distinct = all(text not in texts[:row] for row, text in enumerate(texts))
    assert checks.are_distinct([Alike(text) for text in texts] if alike else texts) == distinct


@given(values=st.lists(st.one_of(st.text(max_size=3), st.integers(), st.just(Alike("a")))))
def test_values_are_ids_if_each_is_taken_as_it_is(values: list[object]) -> None:
    def is_taken(value: object) -> bool:
        try:
            return checks.check_id(value, "x") is value
        except checks.InvalidValue:
            return False

    assert checks.are_ids(values) == all(map(is_taken, values))
