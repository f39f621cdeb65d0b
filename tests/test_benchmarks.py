"""The benchmarks run, small, and their engines agree; no time is looked at."""

from importlib.util import module_from_spec, spec_from_file_location

import pytest

from tests.shared import ROOT


@pytest.mark.parametrize("limits", [False, True])
def test_the_sweeps_agree_with_plain_python(limits: bool) -> None:
    spec = spec_from_file_location("sweep_benchmark", ROOT / "benchmarks" / "sweep.py")
    assert spec is not None
    assert spec.loader is not None
    sweep = module_from_spec(spec)
    spec.loader.exec_module(sweep)
    notes, a_loan, library, plain = sweep.measure(3_000, limits=limits, times=1)
    assert notes > a_loan > 100
    assert library > 0
    assert plain > 0
