"""What stands on paper agrees with the code: versions, dependencies, stated reasons, code blocks."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import p2pmatch
from p2pmatch import CODES
from tests.house.source import DOORS, PACKAGE, ROOT, all_files

PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

#: Code blocks that the tests run, and those that are meant to be read: shell commands that install
#: something (`.ci/run` runs the README's), forms of a command, rules files.
RUN = frozenset({"python"})
READ = frozenset({"sh", "text", "toml"})


def unexplained(source: str) -> list[str]:
    """Lines that switch a check off without saying why."""
    marks = re.compile(r"#\s*(pragma: no cover|type: ignore|pyright: ignore)\S*(.*)")
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        mark = marks.search(line)
        if mark and not re.search(r"\s(-|#) ?\S", f" {mark[2]}"):
            found.append(f"line {number}: {line.strip()}")
    return found


def block_languages(page: str) -> list[str]:
    """The language of every fenced block, also of those inside lists."""
    opening = re.compile(r"^\s*(`{3,}|~{3,})(.*)$")
    found, inside = [], ""
    for line in page.splitlines():
        fence = opening.match(line)
        if fence and not inside:
            inside = fence[1]
            found.append(fence[2].strip())
        elif fence and fence[1].startswith(inside) and not fence[2].strip():
            inside = ""
    return found


def idle(page: str) -> list[str]:
    """Blocks that look like code and are run by nobody."""
    return [
        language
        for language in block_languages(page)
        if language not in RUN | READ and not language.startswith("{")
    ]


def test_one_version() -> None:
    assert PROJECT["project"]["version"] == p2pmatch.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?{re.escape(p2pmatch.__version__)}\b", changes, re.MULTILINE)


def test_three_dependencies() -> None:
    names = [re.split(r"[<>=~! ]", line)[0] for line in PROJECT["project"]["dependencies"]]
    assert names == ["attrs", "numpy", "sortedcontainers"]
    assert all(">=" in line for line in PROJECT["project"]["dependencies"])


def test_only_doors_are_left_out_of_the_coverage() -> None:
    omitted = {
        line.removeprefix("*/p2pmatch/").removesuffix("/*")
        for line in PROJECT["tool"]["coverage"]["run"]["omit"]
    }
    assert omitted <= DOORS
    assert PROJECT["tool"]["coverage"]["report"]["fail_under"] == 100
    assert PROJECT["tool"]["coverage"]["run"]["branch"] is True


def test_the_types_are_handed_on() -> None:
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", all_files())
def test_what_is_switched_off_has_a_reason(name: str) -> None:
    assert unexplained((PACKAGE / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("planted", ["x = 1  # pragma: no cover", "x = y  # type: ignore[misc]"])
def test_a_planted_switch_is_caught(planted: str) -> None:
    assert unexplained(planted)
    assert not unexplained(f"{planted} - a stated reason")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_runs(page: Path) -> None:
    assert idle(page.read_text(encoding="utf-8")) == []


def test_a_planted_block_is_caught() -> None:
    assert idle("```py\nx = 1\n```") == ["py"]
    assert idle("1. a list\n\n   ```pycon\n   >>> 1\n   ```") == ["pycon"]
    assert idle("```python\nx = 1\n```\n\n```{toctree}\n```\n") == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {link}"
        for page in PAGES
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_every_code_says_something() -> None:
    assert all(meaning and not meaning.endswith(".") for meaning in CODES.values())
