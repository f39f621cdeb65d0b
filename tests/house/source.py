"""Where the source stands, which files are doors, and how the house's rules read a file."""

import ast
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "p2pmatch"

#: The doors: they may read files, print and use the optional extras. Everything else is the core.
DOORS = frozenset(
    {
        "__main__.py",
        "batch.py",
        "cli.py",
        "csv_table.py",
        "demo.py",
        "extras.py",
        "files.py",
        "frames.py",
        "inputs.py",
        "rules_file.py",
        "run_folder.py",
        "plot.py",
        "stores",
        "testing",
    }
)

#: A rule reads one file and names each breach as "line N: what".
Rule = Callable[[ast.Module], list[str]]


def name_of(path: Path) -> str:
    """A file's name inside the package, such as "audit/live.py"."""
    return path.relative_to(PACKAGE).as_posix()


def all_files() -> list[str]:
    return sorted(name_of(path) for path in PACKAGE.rglob("*.py"))


def core_files() -> list[str]:
    return [name for name in all_files() if name.split("/")[0] not in DOORS]


def read(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def said(node: ast.AST, what: str) -> str:
    return f"line {getattr(node, 'lineno', 0)}: {what}"


def dotted(node: ast.AST) -> str:
    """`np.random.rand` for the expression of that name; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
