"""The benchmarks run, small, and their engines agree; no time is looked at."""

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest

from tests.shared import ROOT


def benchmark(name: str) -> Any:
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
