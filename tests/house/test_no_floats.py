"""No float comes near the money: none below the finance functions."""

import ast

import pytest

from tests.house.source import all_files, dotted, read, said

#: Where floats are allowed. They end in a rounded integer before anything else sees them.
EXEMPT = frozenset({"finance", "plot.py"})
NAMES = frozenset({"complex", "float", "round"})
ATTRIBUTES = frozenset(
    {
        "average",
        "divide",
        "double",
        "exp",
        "float16",
        "float32",
        "float64",
        "floating",
        "inf",
        "linspace",
        "log",
        "mean",
        "nan",
        "percentile",
        "quantile",
        "sqrt",
        "std",
        "true_divide",
    }
)


def floats(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(said(node, f"the literal {node.value}"))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            if not _joins_paths(node):
                found.append(said(node, "divides with /"))
        elif isinstance(node, ast.Name) and node.id in NAMES:
            found.append(said(node, node.id))
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            module = dotted(node.value)
            if module in {"math", "np", "numpy"}:
                found.append(said(node, f"{module}.{node.attr}"))
    return found


def _joins_paths(node: ast.BinOp | ast.AugAssign) -> bool:
    """`folder / name`: the left side is called what folders are called."""
    left = node.left if isinstance(node, ast.BinOp) else node.target
    name = dotted(left).rpartition(".")[2]
    return name.endswith(("folder", "parent", "partial", "path"))


@pytest.mark.parametrize("name", [n for n in all_files() if n.split("/")[0] not in EXEMPT])
def test_no_floats(name: str) -> None:
    assert floats(read(name)) == []


@pytest.mark.parametrize("name", [n for n in all_files() if n.startswith("finance/")])
def test_finance_divides_fractions_and_decimals_but_has_no_floats(name: str) -> None:
    found = [breach for breach in floats(read(name)) if "divides with /" not in breach]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "half = 0.5",
        "share = amount / 3",
        "amount /= 2",
        "def f(x: float) -> int: ...",
        "x = float(amount)",
        "x = round(amount)",
        "a = b.astype(np.float64)",
        "m = np.mean(rates)",
        "r = math.sqrt(n)",
        "limit = 1e6",
        "top = math.inf",
    ],
)
def test_a_planted_float_is_caught(planted: str) -> None:
    assert floats(ast.parse(planted))


def test_whole_numbers_are_not_caught() -> None:
    assert floats(ast.parse("x = 10**6 // 3\ny = math.isqrt(5)\nz = folder / 'loans.csv'")) == []
