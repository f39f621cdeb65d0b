"""Histories that are kept: whatever is reopened, replayed or verified is the book the twin has."""

import warnings
from random import Random

import pytest

from p2pmatch import Marketplace
from p2pmatch.journal import replay, verify
from p2pmatch.stores import MemoryStore
from tests.examples import of_hundred
from tests.machines.pair import Pair
from tests.machines.test_twin import STEPS, History


class Kept(History):
    """A history on a store; it is closed and opened again, with snapshots and without."""

    def __init__(self, random: Random, *, large: bool = False) -> None:
        super().__init__(random, large=large)
        self.store = MemoryStore()
        market = Marketplace.open(self.store, self.draw.rules)
        self.pair = Pair(self.draw.rules, market)
        self.digests = {0: market.digest()}

    def step(self) -> None:
        super().step()
        self.digests[len(self.store.entries) - 1] = self.pair.market.digest()
        if self.draw.chance(15):
            self.reopen()

    def reopen(self) -> None:
        market = self.pair.market
        if self.draw.chance(50):
            market.snapshot()
        if self.draw.chance(20):
            self.damage_newest_snapshot()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.pair.market = Marketplace.open(self.store, self.draw.rules)
        assert self.pair.market.digest() == market.digest()
        self.pair.compare()

    def damage_newest_snapshot(self) -> None:
        for seq in self.store.snapshots()[:1]:
            pieces = self.store.pieces[seq]
            piece = self.random.randrange(len(pieces))
            changed = bytearray(pieces[piece] or b"x")
            changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
            pieces[piece] = bytes(changed)

    def finish(self) -> None:
        """Every prefix seen gives the digest it had; the whole is verified."""
        for seq in self.random.sample(sorted(self.digests), min(4, len(self.digests))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert replay(self.store, upto=seq).digest() == self.digests[seq]
        self.store.pieces.clear()
        seen = verify(self.store)
        assert (seen.entries, seen.digest) == (len(self.store.entries), self.pair.market.digest())


@pytest.mark.parametrize("seed", range(of_hundred(60)))
def test_kept_histories(seed: int) -> None:
    history = Kept(Random(20_000 + seed), large=seed % 6 == 0)
    history.run(50)
    history.finish()


def test_the_steps_make_every_kind_of_entry() -> None:
    """What these histories claim for all commands they try for all commands."""
    assert len(STEPS) == len({name for name, _ in STEPS})
