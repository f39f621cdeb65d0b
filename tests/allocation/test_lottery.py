"""A place in the queue that nobody can buy."""

from hashlib import blake2b
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, Level, Limits, Lottery
from p2pmatch.allocation.lottery import MAX_SEED
from tests.allocation.levels import level, levels
from tests.helpers import market, notes, request


def test_the_lots_are_what_is_published() -> None:
    lots = Lottery(258).draw("r", ["a", "ä"])
    key = b"\x02\x01" + bytes(6)
    assert lots == [
        blake2b(b"r\x00a", key=key, digest_size=16).digest(),
        blake2b("r\x00ä".encode(), key=key, digest_size=16).digest(),
    ]


def test_the_least_lot_comes_first() -> None:
    drawn = level(50, [30, 30, 30])
    lots = Lottery(7).draw("r", drawn.offer_ids)
    first, second, last = sorted(range(3), key=lots.__getitem__)
    parts = Lottery(7).allocate(drawn)
    assert (parts[first], parts[second], parts[last]) == (30, 20, 0)


@given(drawn=levels(notes=False), data=st.data())
def test_arrival_does_not_matter_at_all(drawn: Level, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(drawn.rooms))))
    shuffled = attrs.evolve(
        drawn, rooms=drawn.rooms[order], offer_ids=[drawn.offer_ids[row] for row in order]
    )
    parts = Lottery(3).allocate(drawn)
    assert Lottery(3).allocate(shuffled).tolist() == parts[order].tolist()


def test_every_order_comes_up() -> None:
    """Over requests and over seeds alike: six orders of three offers."""
    drawn = level(1, [1, 1, 1])

    def order(lots: list[bytes]) -> tuple[int, ...]:
        return tuple(sorted(range(3), key=lots.__getitem__))

    by_request = {order(Lottery(1).draw(f"r{n}", drawn.offer_ids)) for n in range(60)}
    by_seed = {order(Lottery(n).draw("r", drawn.offer_ids)) for n in range(60)}
    assert len(by_request) == len(by_seed) == 6


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, "7", 7.0, None, True])
def test_seeds_out_of_range(seed: Any) -> None:
    with pytest.raises(InvalidValue):
        Lottery(seed)
    Lottery(MAX_SEED)


@pytest.mark.parametrize("seed", range(8))
def test_two_lots_of_one_lender_share_its_limit(seed: int) -> None:
    made = market(
        ("o1", "ann", 8, 5),
        ("o2", "ann", 8, 5),
        ("o3", "ben", 8, 6),
        allocation=Lottery(seed),
        lender_limits=Limits(per_loan=10),
    )
    lots = dict(zip(["o1", "o2"], Lottery(seed).draw("r1", ["o1", "o2"]), strict=True))
    first, second = sorted(lots, key=lots.__getitem__)
    # Ann's ten: eight by the lot that comes first, two by the other.
    assert notes(made.submit(request(16), now=1)) == [(first, 8), (second, 2), ("o3", 6)]
