"""The core imports its three dependencies and pure modules, and touches nothing outside itself."""

import ast

import pytest

from tests.house.source import core_files, dotted, read, said

DEPENDENCIES = frozenset({"attrs", "numpy", "sortedcontainers", "p2pmatch"})
PURE = frozenset(
    {
        "__future__",
        "array",
        "bisect",
        "collections",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "math",
        "numbers",
        "operator",
        "re",
        "string",
        "types",
        "typing",
    }
)
#: What single files may import besides, and why.
ALSO = {
    # Dates of payments are values that the caller hands in.
    "finance": frozenset({"datetime"}),
    # Finds out whether the compiled loop can be had and is wanted: the results do not depend on it.
    "fill_of.py": frozenset({"contextlib", "os", "importlib"}),
    "fill_compiled.py": frozenset({"numba"}),
    # Opens the door for dataframes when somebody hands one in, or asks for one.
    "marketplace.py": frozenset({"contextlib", "importlib"}),
    "comparison.py": frozenset({"html", "importlib"}),
    # Imports what the first request can be matched without when somebody asks for it.
    "__init__.py": frozenset({"importlib"}),
    # Opens the door for pictures when somebody asks for one.
    "views.py": frozenset({"importlib"}),
    # Says that a snapshot is not used.
    "journal.py": frozenset({"warnings"}),
    # What is written down is JSON, by the extra; they are imported when somebody keeps a journal.
    "snapshots.py": frozenset({"msgspec"}),
    "wire": frozenset({"inspect", "json", "msgspec"}),
    # Reads the folder it audits.
    "audit/directory.py": frozenset({"csv", "io", "json", "pathlib"}),
}
CALLS = frozenset(
    {
        "__import__",
        "breakpoint",
        "compile",
        "eval",
        "exec",
        "globals",
        "hash",  # differs from one process to the next
        "id",
        "input",
        "open",
        "print",
    }
)
#: What single files may call besides, and why.
ALSO_CALLS = {
    # A record's own `__hash__`, for sets and mappings that do not outlive the process.
    "record.py": frozenset({"hash"}),
    # An index that does not outlive the process, as a dictionary; nothing is read in its order.
    "name_index.py": frozenset({"hash"}),
    "hashes.py": frozenset({"hash"}),
}
NUMPY = frozenset(
    {
        "DataSource",
        "datetime64",
        "fromfile",
        "genfromtxt",
        "load",
        "loadtxt",
        "memmap",
        "random",
        "save",
        "savetxt",
        "savez",
        "savez_compressed",
        "seterr",
    }
)


def imported(tree: ast.Module) -> list[tuple[ast.stmt, str]]:
    """Every module imported anywhere in a file."""
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node, node.module or "p2pmatch"))
    return found


def foreign_imports(tree: ast.Module, also: frozenset[str] = frozenset()) -> list[str]:
    allowed = DEPENDENCIES | PURE | also
    return [
        said(node, f"imports {module}")
        for node, module in imported(tree)
        if module.partition(".")[0] not in allowed
        or (module.startswith("numpy.") and module.split(".")[1] != "typing")
    ]


def impure_calls(tree: ast.Module, also: frozenset[str] = frozenset()) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in CALLS - also:
            found.append(said(node, f"calls {dotted(node.func)}()"))
        module, _, name = dotted(node).partition(".")
        if module in {"np", "numpy"} and name.split(".")[0] in NUMPY:
            found.append(said(node, f"uses {dotted(node)}"))
        if isinstance(node, ast.Attribute) and node.attr == "tofile":
            found.append(said(node, "writes a file"))
    return found


def upward_imports(tree: ast.Module) -> list[str]:
    """`import_module` of anything but a module of ours."""
    return [
        said(node, "imports by a computed name")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).endswith("import_module")
        and not (node.args and ast.unparse(node.args[0]).startswith(("'p2pmatch.", "f'p2pmatch.")))
    ]


@pytest.mark.parametrize("name", core_files())
def test_the_core_is_pure(name: str) -> None:
    tree = read(name)
    also = ALSO.get(name, ALSO.get(name.partition("/")[0], frozenset()))
    calls = impure_calls(tree, ALSO_CALLS.get(name, frozenset()))
    assert foreign_imports(tree, also) + calls + upward_imports(tree) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import time",
        "import os.path",
        "from random import Random",
        "import pandas as pd",
        "def f():\n    import secrets",
        "from datetime import date",
        "import numpy.random",
        "from numpy.random import default_rng",
        "from pathlib import Path",
        "import importlib",
    ],
)
def test_a_planted_import_is_caught(planted: str) -> None:
    assert foreign_imports(ast.parse(planted))


@pytest.mark.parametrize(
    "planted",
    [
        "open('x')",
        "def f(x):\n    print(x)",
        "key = hash(name)",
        "rows.sort(key=lambda row: id(row))",
        "rng = np.random.default_rng()",
        "np.save('x', a)",
        "a.tofile('x')",
        "now = numpy.datetime64('now')",
        "load = np.load",
    ],
)
def test_a_planted_call_is_caught(planted: str) -> None:
    assert impure_calls(ast.parse(planted))


@pytest.mark.parametrize(
    "planted",
    ["import_module(name)", "importlib.import_module('time')", "import_module(f'{name}.x')"],
)
def test_a_planted_hidden_import_is_caught(planted: str) -> None:
    assert upward_imports(ast.parse(planted))


def test_what_is_allowed_is_not_caught() -> None:
    tree = ast.parse(
        "import numpy as np\nimport numpy.typing as npt\nfrom collections.abc import Mapping\n"
        "from p2pmatch.units import amount\nimport attrs\nfrom sortedcontainers import SortedDict\n"
        "x = np.cumsum(a)\ny = import_module('p2pmatch.frames')\nself.open(x)\n"
    )
    assert foreign_imports(tree) + impure_calls(tree) + upward_imports(tree) == []
