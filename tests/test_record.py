"""Records are equal, hashed and shown by their fields, as if attrs had written the methods."""

import copy
import pickle

import attrs
import pytest

from p2pmatch import Offer, Rules, events
from p2pmatch.pricing import Posted
from p2pmatch.record import Record


@attrs.frozen(eq=False, repr=False)
class Ours(Record):
    name: str
    count: int = attrs.field(default=0, kw_only=True)
    table: dict[str, int] = attrs.field(factory=dict, hash=False)
    aside: list[int] = attrs.field(factory=list, eq=False, repr=False)


@attrs.frozen(eq=False, repr=False)
class Other(Ours):
    pass


def test_equal_are_those_of_one_class_with_equal_fields() -> None:
    assert Ours("a", count=1) == Ours("a", count=1)
    assert Ours("a", count=1) != Ours("a", count=2)
    assert Ours("a") != Other("a")
    assert Ours("a") != "a"


def test_what_is_set_aside_counts_for_nothing() -> None:
    assert Ours("a", aside=[1]) == Ours("a")
    assert hash(Ours("a", aside=[1])) == hash(Ours("a"))
    assert repr(Ours("a", aside=[1])) == repr(Ours("a"))


def test_what_is_equal_has_one_hash_and_fields_without_one_are_left_out() -> None:
    assert hash(Ours("a", count=1)) == hash(Ours("a", count=1))
    assert hash(Ours("a", table={"x": 1})) == hash(Ours("a"))
    assert len({Ours("a"), Ours("b"), Other("a"), Ours("a", count=3)}) == 4


def test_they_are_shown_as_attrs_would() -> None:
    assert repr(Ours("a", table={"x": 1})) == "Ours(name='a', count=0, table={'x': 1})"
    assert repr(events.TimeAdvanced(now=3)) == "TimeAdvanced(now=3)"


def test_they_stay_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Ours("a").name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    "made",
    [
        Ours("a", count=2),
        Offer(offer_id="o", lender_id="ann", amount=5, min_rate={"A": 5}, grades={"A"}),
        Rules(grades=["A"], terms=[36], pricing=Posted({("A", 36): 50_000})),
    ],
)
def test_they_can_be_copied_and_pickled_whatever_they_hold(made: Record) -> None:
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301
        assert again == made
        assert repr(again) == repr(made)
