"""The package runs on its three dependencies, and the core touches nothing outside itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT

BARE = Path(__file__).with_name("bare.py")


def run(code: str | Path, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(PACKAGE.parent), str(ROOT)])
    script = [str(code)] if isinstance(code, Path) else ["-c", code]
    return subprocess.run(
        [sys.executable, "-W", "ignore", *script, *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
        timeout=120,
    )


def test_it_runs_on_its_three_dependencies_and_touches_nothing_outside() -> None:
    done = run(BARE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.split()) == 1


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("import polars", "hidden"),
        ("import time; time.time()", "time.time"),
        ("import time; time.sleep(0)", "time.sleep"),
        ("from time import perf_counter_ns; perf_counter_ns()", "perf_counter_ns"),
        ("import random; random.random()", "random.random"),
        ("import os; os.urandom(1)", "os.urandom"),
        ("open('x')", "open"),
        ("import os; os.listdir('.')", "os.listdir"),
        ("import socket; socket.socket()", "socket"),
        ("import p2pmatch.csv_table", "csv_table"),
    ],
)
def test_a_planted_touch_is_caught(planted: str, named: str) -> None:
    done = run(BARE, planted)
    assert done.returncode != 0
    assert named in done.stderr


def test_importing_prints_nothing_and_opens_no_door() -> None:
    code = (
        "import sys, p2pmatch\n"
        "shut = {'audit', 'batch', 'cli', 'demo', 'frames', 'inputs', 'journal', 'recorder'}\n"
        "shut |= {'msgspec', 'snapshots', 'stores', 'tables', 'testing', 'wire'}\n"
        "assert not shut & {name.removeprefix('p2pmatch.') for name in sys.modules}\n"
    )
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


HISTORY = """
from random import Random
from tests.machines.test_twin import History

for seed in range(6):
    history = History(Random(seed), large=seed % 2 == 1)
    history.run(40)
    print(history.pair.market.digest())
    for status in history.pair.market.offers():
        print(status)
    for request_id in history.pair.loans:
        print(list(history.pair.market.loan(request_id).notes) if request_id else "")
"""


def test_the_same_history_gives_the_same_bits_in_every_process() -> None:
    first, second = (run(HISTORY, seed=seed) for seed in ("1", "2"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "Note(" in first.stdout


def test_a_planted_dependence_on_the_process_shows() -> None:
    planted = "print(list({'ann', 'ben', 'cleo', 'dan', 'eva', 'finn'}))"
    assert run(planted, seed="1").stdout != run(planted, seed="2").stdout
