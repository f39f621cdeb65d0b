"""What the memory numbers in bulk, it numbers as one by one."""

from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import Rules
from p2pmatch.state import State


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=12), max_size=4))
def test_lenders_are_numbered_as_they_come(batches: list[list[str]]) -> None:
    one, many = (State(Rules(grades=["A"], terms=[36])) for _ in range(2))
    for batch in batches:
        numbers = [one.lender_number(lender) for lender in batch]
        assert many.numbers_of_lenders(batch).tolist() == numbers
        assert many.lender_names == one.lender_names == list(many.lenders)
        assert many.lenders == one.lenders
