"""The benchmarks run, small, and their engines agree; no time is looked at."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from tests.shared import ROOT


def benchmark(name: str) -> ModuleType:
    """A program of benchmarks/, not run yet."""
    spec = spec_from_file_location(f"{name}_benchmark", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("limits", [False, True])
def test_the_sweeps_agree_with_plain_python(limits: bool) -> None:
    notes, a_loan, library, plain = benchmark("sweep").measure(3_000, limits=limits, times=1)
    assert notes > a_loan > 100
    assert library > 0
    assert plain > 0


def test_what_is_kept_is_what_was_made() -> None:
    """The digests are compared inside; here, that every row is measured."""
    rows = benchmark("journal").table(2_000, 300, 1)
    assert len(rows) == 2 + 3 + 4


def test_call_auctions_agree_with_a_loop_and_with_single_submits() -> None:
    table = benchmark("call").table([(3_000, 300)], times=1).splitlines()
    assert [line.split("|")[3].strip() for line in table[2:]] == ["none", "10 a loan"]


def test_all_allocation_rules_lend_the_same_money() -> None:
    sharing = benchmark("sharing")
    table = sharing.table([3_000], times=1).splitlines()
    assert [line.split("|")[2].strip() for line in table[2:]] == list(sharing.RULES)
