"""The report on mutation testing: what it counts, and what it does not let pass."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.report import (
    Accepted,
    Mutant,
    changed_line,
    function_of,
    outdated,
    read_accepted,
    report,
    score,
    unexplained,
)
from tests.shared import ROOT

SETTINGS: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "mutmut"
]


def mutant(status: str, line: str = "", name: str = "rate") -> Mutant:
    return Mutant("p2pmatch.units", f"p2pmatch.units.{name}", line, status)


KILLED, LATE = mutant("killed"), mutant("timeout")
KNOWN, NEW = mutant("survived", "a = 2"), mutant("survived", "a = 3")
REASON = Accepted("p2pmatch.units.rate", "It is the same.", ["a = 2"])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("p2pmatch.units.x_rate__mutmut_12", "p2pmatch.units.rate"),
        ("p2pmatch.pool.xǁPoolRoomsǁ_found__mutmut_1", "p2pmatch.pool.PoolRooms._found"),
        ("p2pmatch.pool.xǁPoolRoomsǁ__init____mutmut_1", "p2pmatch.pool.PoolRooms.__init__"),
    ],
)
def test_mutants_are_told_by_their_function(name: str, function: str) -> None:
    assert function_of(name) == function


def test_a_mutant_is_told_by_what_its_line_says() -> None:
    diff = (
        "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n     x = (\n-        1\n+        2\n-    )\n+    , )"
    )
    assert changed_line(diff) == "2 , )"
    assert changed_line("--- a\n+++ b\n-case 1:\n-    pass") == "without case 1: pass"


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor() -> None:
    assert unexplained([KILLED, LATE, KNOWN, NEW], [REASON]) == [NEW]
    assert unexplained([mutant("survived", "a = 2", "amount")], [REASON]) != []
    assert unexplained([mutant("no tests", "a = 3")], [REASON]) != []
    assert unexplained([mutant("not checked")], [REASON]) == []
    assert unexplained([mutant("segfault")], [REASON]) == []
    assert outdated([KILLED, KNOWN], [REASON]) == []
    assert outdated([KILLED, NEW], [REASON]) == ["p2pmatch.units.rate: a = 2"]


def test_the_page_counts_by_module() -> None:
    other = Mutant("p2pmatch.pool", "p2pmatch.pool.Pool.take", "", "killed")
    mutants = [KILLED, LATE, KNOWN, NEW, other, mutant("not checked")]
    assert score(mutants) == 60
    assert score([mutant("not checked")]) == 0
    page = report(mutants, [REASON])
    assert "| `p2pmatch.pool` | 1 | 1 | 0 | 0 | 0 | 100.0 % |" in page
    assert "| `p2pmatch.units` | 5 | 2 | 1 | 2 | 1 | 50.0 % |" in page
    assert "| **all** | 6 | 3 | 1 | 2 | 1 | 60.0 % |" in page
    assert "- `p2pmatch.units.rate`: It is the same.\n  - `a = 2`\n" in page


def test_every_reason_is_one_and_names_a_function_that_is_there() -> None:
    for entry in read_accepted():
        module, *names = _split(entry.function)
        source = (ROOT / "src" / module).read_text(encoding="utf-8")
        assert f"def {names[-1]}(" in source, entry.function
        assert entry.lines
        assert entry.reason.endswith(".")


def _split(function: str) -> list[str]:
    """A function's file, under src, and its names."""
    parts = function.split(".")
    for count in range(len(parts) - 1, 0, -1):
        for path in (Path(*parts[:count], "__init__.py"), Path(*parts[:count]).with_suffix(".py")):
            if (ROOT / "src" / path).exists():
                return [path.as_posix(), *parts[count:]]
    raise AssertionError(function)


@pytest.mark.parametrize("pattern", SETTINGS["only_mutate"])
def test_what_is_mutated_is_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern))
