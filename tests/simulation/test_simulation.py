"""A short run of the simulation, and proof that it would notice."""

import pytest

from p2pmatch import Marketplace
from p2pmatch.recorder import Recorder
from tests.simulation.simulate import CHANGING, campaign


def test_a_short_campaign_loses_nothing() -> None:
    seeds = iter(range(8))
    histories, commands, faults = campaign(lambda: next(seeds, None))
    assert histories == 8
    assert commands > 200
    assert faults.keys() >= {"full", "written", "torn", "repeated", "snapshot"}


def test_every_changing_call_is_among_those_that_fail() -> None:
    assert {"post", "submit", "uncross", "repay", "submit_many"} <= CHANGING
    assert all(hasattr(Marketplace, name) for name in CHANGING)


def test_a_recorder_that_forgets_ids_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "answer", lambda *_: None)
    seeds = iter(range(8))
    with pytest.raises(AssertionError):
        campaign(lambda: next(seeds, None))
