"""Real loan requests against calibrated synthetic offers: exactly the published notes."""

import gzip
from pathlib import Path

import pytest

from p2pmatch.audit import audit_directory
from p2pmatch.batch import match_files
from p2pmatch.run_folder import write_run
from tests.shared import shared


@pytest.mark.parametrize("name", ["plain", "limits", "share"])
def test_the_real_requests_give_the_published_notes(name: str, tmp_path: Path) -> None:
    offers, requests = (shared("data", "prosper", f"{n}.csv") for n in ("offers", "requests"))
    rules = shared("conformance", "prosper", f"rules-{name}.toml")
    expected = gzip.decompress(
        shared("conformance", "prosper", f"notes-{name}.csv.gz").read_bytes()
    )
    out = tmp_path / "out"
    write_run(match_files(offers, requests, rules), out)
    written = (out / "notes.csv").read_bytes()
    assert written.splitlines() == expected.splitlines()
    report = audit_directory(out)
    assert report.ok, str(report)
