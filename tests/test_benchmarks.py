"""The benchmarks run, small, and their engines agree; no time is looked at."""

from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest
from benchmarks import call, compare, import_time, journal, scale, schedules, sharing, w4, w5
from benchmarks.engines import bare_loop, library, library_in_bulk, plain_python
from benchmarks.peers import PEERS, measure
from benchmarks.report import heading, seconds, table
from benchmarks.workload import W2, W3A, W3B, Shape, build


@pytest.mark.parametrize("shape", [W2, W3A, W3B])
def test_the_engines_agree(shape: Shape) -> None:
    engines: dict[str, Any] = {
        "submit": library,
        "submit_many": partial(library_in_bulk, compiled=False),
        "plain Python": plain_python,
    }
    if find_spec("numba"):
        engines["compiled"] = partial(library_in_bulk, compiled=True)
        engines["bare"] = bare_loop
    (notes, money), taken = seconds(build(shape, 4_000, 60), engines, times=1)
    assert notes > 1_000
    assert money > 20_000
    assert taken.keys() == engines.keys()
    assert all(took > 0 for took in taken.values())


def test_engines_that_disagree_are_not_timed() -> None:
    engines = {"one": lambda _: lambda: (1, 2), "other": lambda _: lambda: (1, 3)}
    with pytest.raises(AssertionError, match="disagree"):
        seconds(build(W2, 400, 1), engines, times=1)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_agrees_or_is_skipped_and_said_so(name: str) -> None:
    found = measure(name, 1_000, 3, seconds=60)
    if isinstance(found, str):
        assert found == "not installed" or found.startswith(("failed: ", "not done"))
        pytest.skip(f"{name}: {found}")
    assert found["money"] == 6_000
    assert found["notes"] > 500


def test_a_peer_that_hangs_is_given_up() -> None:
    name = next(iter(PEERS))
    if measure(name, 10, 1, seconds=60) != "not installed":
        assert measure(name, 10, 1, seconds=0.001) == "not done within 0.001 s"


def test_the_mix_of_a_day() -> None:
    found = w4.run(2_000, 400)
    assert set(found["kinds"]) == {"post", "cancel", "amend", "quote", "submit"}
    assert all(p50 <= p99 <= most for p50, p99, most in found["kinds"].values())


def test_the_command_line() -> None:
    found = w5.run(1_500, 20)
    assert found["notes"] > 20
    assert found["match"][1] > 0


def test_the_import() -> None:
    found = import_time.measure(1)
    assert found.keys() == import_time.PROGRAMS.keys()
    assert all(0 < least <= median for least, median in found.values())


@pytest.mark.parametrize(("cells", "everywhere"), [(1, True), (24, False), (24, True)])
def test_how_it_grows(cells: int, everywhere: bool) -> None:
    found = scale.measure(20_000, cells, everywhere=everywhere)
    assert found["money"] > 0
    assert found["us_per_loan"] > 0


def test_what_is_written() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---:|\n| 1 | 2 |"
    assert "no-such-package: not installed" in heading("T", "t", ["no-such-package"])


def test_what_is_kept_is_what_was_made() -> None:
    """The digests are compared inside; here, that every row is measured."""
    rows = journal.table(2_000, 300, 1)
    assert len(rows) == 2 + 3 + 4


@pytest.mark.parametrize("book", ["no limits", "limit per loan", "share cap"])
def test_a_comparison_has_the_single_quotes(book: str) -> None:
    market = compare.market_of(3_000, **compare.BOOKS[book])
    notes, each, ratio, read = compare.measure(market, 300_000, times=1)
    assert notes > 10
    assert each > 0
    assert read > ratio > 0


@pytest.mark.parametrize("rates", [10, 300_000])
def test_the_schedules_agree_with_one_by_one(rates: int) -> None:
    together, loop = schedules.measure(50, rates, times=1)
    assert together > 0
    assert loop > 0


def test_call_auctions_agree_with_a_loop_and_with_single_submits() -> None:
    found = call.measure(3_000, 300, times=1)
    assert [row["limit"] for row in found] == ["none", "10 a loan"]
    assert all(row["loans"] > 10 for row in found)


def test_all_allocation_rules_lend_the_same_money() -> None:
    found = sharing.measure(3_000, times=1)
    assert [row["rule"] for row in found] == list(sharing.RULES)
    assert found[0]["time_a_loan"] == 1
