"""However a run is done, it writes the same files, byte for byte."""

import hashlib
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from p2pmatch import Marketplace, batch, run_folder
from tests.audit.test_random_folders import drawn

OFFERS = "offer_id,lender_id,amount,min_rate,grades,terms,refuses\n"
REQUESTS = "request_id,borrower_id,amount,max_rate,grade,term,min_amount,tags\n"
RULES = 'min_note = "0.25"\n[lender_limits]\nper_loan = "2.00"\nper_borrower = "3.00"\n'


def written(folder: Path, out: str) -> dict[str, bytes]:
    """What a run over the files of a folder writes."""
    offers, requests, rules = (folder / n for n in ("offers.csv", "requests.csv", "rules.toml"))
    run_folder.write_run(batch.match_files(offers, requests, rules), folder / out)
    return {path.name: path.read_bytes() for path in (folder / out).iterdir()}


def in_bulk(monkeypatch: pytest.MonkeyPatch, rows: int) -> list[int]:
    """Have `rows` requests at one time matched in bulk; returns how many each call has."""
    monkeypatch.setattr(batch, "_BULK", rows)
    monkeypatch.setattr(batch, "is_compiled", lambda: True)
    calls: list[int] = []
    submit_many = Marketplace.submit_many

    def counted(self: Marketplace, columns: object, *, now: int) -> object:
        results = submit_many(self, columns, now=now)
        calls.append(len(results))
        return results

    monkeypatch.setattr(Marketplace, "submit_many", counted)
    return calls


def test_many_requests_at_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(7)
    offers = [
        f"o{i},l{random.randrange(80)},{random.randrange(1, 9)}.{random.randrange(100):02},"
        f"{random.randrange(3, 9)}%,A,36,{random.choice(['', '', 'new'])}\n"
        for i in range(300)
    ]
    # Some ids come twice, some requests can have no loan, some only a part of it.
    requests = [
        f"r{random.randrange(60)},b{random.randrange(9)},{random.randrange(1, 40)}.00,"
        f"{random.choice(['9%', '9%', '5%', '1%'])},A,36,{random.choice(['', '1.00'])},"
        f"{random.choice(['', 'new'])}\n"
        for i in range(75)
    ]
    (tmp_path / "offers.csv").write_text(OFFERS + "".join(offers))
    (tmp_path / "requests.csv").write_text(REQUESTS + "".join(requests))
    (tmp_path / "rules.toml").write_text(RULES)
    expected = written(tmp_path, "single")
    assert expected["notes.csv"].count(b"\n") > 100
    calls = in_bulk(monkeypatch, 30)
    assert written(tmp_path, "bulk") == expected
    assert calls == [30, 30, 15]


@pytest.mark.parametrize("seed", range(30))
def test_random_files(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(tmp_path, seed)
    expected = written(tmp_path, "single")
    in_bulk(monkeypatch, 2)
    assert written(tmp_path, "bulk") == expected


def test_the_steps_of_a_run() -> None:
    times = np.array([1, 1, 1, 2, 3, 3, 3, 3, 3])
    assert batch._starts(times, 0) == list(range(9))
    assert batch._starts(times, 3) == [0, 3, 4, 7]
    assert batch._starts(times, 4) == [0, 1, 2, 3, 4, 8]
    assert batch._starts(times[:0], 3) == []


def test_a_journal_is_kept_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(tmp_path, 3)
    calls = in_bulk(monkeypatch, 2)
    offers, requests, rules = (tmp_path / n for n in ("offers.csv", "requests.csv", "rules.toml"))
    batch.match_files(offers, requests, rules, store=tmp_path / "market.db")
    assert calls == []


@pytest.mark.parametrize("text", ["plain", 'a "b"', "a,b", " a", "a ", "a\nb", "a b", "a\u00a0"])
def test_fields_are_quoted_together_as_alone(text: str) -> None:
    assert list(run_folder._cells(["x", text, "y"])) == ["x", run_folder._cell(text), "y"]


def test_a_run_vouches_for_what_it_has_read(tmp_path: Path) -> None:
    drawn(tmp_path, 3)
    offers, requests, rules = (tmp_path / n for n in ("offers.csv", "requests.csv", "rules.toml"))
    expected = {
        kind: hashlib.sha256(kind_path.read_bytes()).hexdigest()
        for kind, kind_path in (("offers", offers), ("requests", requests))
    }
    run = batch.match_files(offers, requests, rules)
    # What happens to the files afterwards is nothing to the run.
    offers.write_text("changed")
    requests.unlink()
    run_folder.write_run(run, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {kind: told[kind]["sha256"] for kind in expected} == expected
    assert told["offers"]["path"] == str(offers)
