"""A short run of the simulation, and proof that it would notice."""

from pathlib import Path

import attrs
import pytest

from p2pmatch import Limits, Marketplace, Offer, Request, Rules
from p2pmatch.stores import SqliteStore
from tests.simulation import planted
from tests.simulation.client import CHANGING, Client
from tests.simulation.life import PACES
from tests.simulation.server import FailingStore
from tests.simulation.simulate import FAULTS, campaign, simulate
from tests.simulation.watch import Watch

#: Figures that depend on the seed alone.
DRAWN = ("commands", "days", *(f"steps at the pace {pace!r}" for pace in PACES))


def test_a_short_campaign_loses_nothing() -> None:
    figures = campaign(range(5), steps=80)
    assert figures["histories"] == 5
    assert figures["commands"] > 500
    assert figures["days"] > 500
    others = {"done, not answered", "not done", "ids reused", "repeated in another order"}
    assert figures.keys() >= {*FAULTS, *DRAWN, *others}


def test_a_seed_gives_the_same_history_wherever_the_process_was_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digests: list[str] = []
    close = Client.close

    def closed(client: Client) -> Marketplace:
        digests.append(client.calm.digest())
        return close(client)

    monkeypatch.setattr(Client, "close", closed)
    for seed in (3, 4):
        first, second = simulate(seed, 60), simulate(seed, 60)
        assert [first[name] for name in DRAWN] == [second[name] for name in DRAWN]
    assert digests[0] == digests[1] != digests[2] == digests[3]


def test_every_changing_call_is_among_those_that_fail() -> None:
    assert {"post", "submit", "uncross", "repay", "submit_many"} <= CHANGING
    assert all(hasattr(Marketplace, name) for name in CHANGING)


@pytest.mark.parametrize(
    "store",
    [planted.LateStore, planted.ForgetfulStore, planted.HalfStore, planted.UnsyncedStore],
)
def test_a_planted_fault_is_found_and_its_seed_named(
    store: type[FailingStore], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        campaign(range(8), 60, store)
    assert "again: python -m tests.simulation.simulate --seed" in capsys.readouterr().out


def test_what_breaks_a_rule_is_found_in_the_file(tmp_path: Path) -> None:
    path, rules = tmp_path / "market.db", Rules(grades=["A"], terms=[12])
    with SqliteStore(path) as store:
        market = Marketplace.open(store, rules)
        market.post(Offer(offer_id="o", lender_id="ann", amount=500, min_rate=50_000), now=0)
        asked = Request(
            request_id="r", borrower_id="bob", amount=300, max_rate=90_000, grade="A", term=12
        )
        market.submit(asked, now=1)
    assert Watch(path, rules).look() == market.digest()
    stricter = attrs.evolve(rules, lender_limits=Limits(per_loan=100))
    with pytest.raises(AssertionError, match="per_loan"):
        Watch(path, stricter).look()
