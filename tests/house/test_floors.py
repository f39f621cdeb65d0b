"""Imports go only downward: the contracts of pyproject.toml, run, and broken on purpose."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT

#: What the command `lint-imports` runs.
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(package: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts over a package; they are read from this repository."""
    return subprocess.run(
        [sys.executable, "-c", LINT, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        capture_output=True,
        check=False,
        cwd=package.parent,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(package.parent), "PYTHONIOENCODING": "utf-8"},
        timeout=120,
    )


def test_the_floors_hold() -> None:
    done = lint(PACKAGE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "planted", "contract"),
    [
        ("units.py", "import p2pmatch.orders", "Imports go only downward"),
        ("sweep.py", "def f():\n    from p2pmatch import marketplace", "Imports go only downward"),
        ("quote.py", "import p2pmatch.audit", "Imports go only downward"),
        ("attic.py", "", "Imports go only downward"),
        ("allocation/fifo.py", "import p2pmatch.orders", "Allocation and pricing see only values"),
        ("pricing/rule.py", "import p2pmatch.allocation", "do not see each other"),
        ("audit/live.py", "from p2pmatch import sweep", "The audit shares nothing"),
        ("audit/book.py", "import p2pmatch.quote", "The audit shares nothing"),
        ("csv_table.py", "import rich", "The core needs"),
    ],
)
def test_a_planted_import_is_caught(tmp_path: Path, file: str, planted: str, contract: str) -> None:
    package = tmp_path / "p2pmatch"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{planted}\n")
    done = lint(package)
    assert done.returncode != 0
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert any(contract in line for line in broken), done.stdout
