"""Nothing at the top of a module or class can change: no state hides outside a marketplace."""

import ast

import pytest

from tests.house.source import all_files, dotted, read, said

LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = frozenset(
    {
        "Counter",
        "OrderedDict",
        "SortedDict",
        "SortedList",
        "bytearray",
        "count",
        "cycle",
        "defaultdict",
        "deque",
        "dict",
        "iter",
        "list",
        "np.arange",
        "np.array",
        "np.empty",
        "np.ones",
        "np.zeros",
        "set",
    }
)
CACHES = frozenset({"cache", "cached_property", "lru_cache"})


def mutable_globals(tree: ast.Module) -> list[str]:
    found = _assigned(tree.body, _read_only(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found += _assigned(node.body)
        elif isinstance(node, ast.Global):
            found.append(said(node, f"rebinds {', '.join(node.names)}"))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [
                said(mark, "keeps results between calls")
                for mark in node.decorator_list
                if _called(mark).rpartition(".")[2] in CACHES
            ]
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            found += [said(d, "a default that can change") for d in defaults if d and _mutable(d)]
    return found


def _assigned(body: list[ast.stmt], frozen: frozenset[str] = frozenset()) -> list[str]:
    return [
        said(statement, f"{_name(statement)} can change")
        for statement in body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and statement.value is not None
        and _mutable(statement.value)
        and _name(statement) not in frozen
    ]


def _name(statement: ast.Assign | ast.AnnAssign) -> str:
    is_plain = isinstance(statement, ast.Assign)
    return dotted(statement.targets[0] if is_plain else statement.target)


def _read_only(tree: ast.Module) -> frozenset[str]:
    """`__all__`, and the arrays that the module itself sets read-only: `A.setflags(write=False)`."""
    return frozenset({"__all__"}) | {
        dotted(statement.value.func).removesuffix(".setflags")
        for statement in tree.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and dotted(statement.value.func).endswith(".setflags")
        and [ast.unparse(word) for word in statement.value.keywords] == ["write=False"]
    }


def _mutable(value: ast.expr) -> bool:
    """A container that can change, anywhere in a value that is not frozen as a whole."""
    if isinstance(value, LITERALS):
        return True
    if isinstance(value, ast.Call):
        name = _called(value)
        if name.endswith("MappingProxyType"):
            return any(_mutable(inner) for inner in _values(value))
        return name in MAKERS or name.rpartition(".")[2] in MAKERS
    if isinstance(value, ast.Tuple):
        return any(_mutable(item) for item in value.elts)
    return False


def _values(frozen: ast.Call) -> list[ast.expr]:
    """What stands inside `MappingProxyType({...})`."""
    inside = frozen.args[0] if frozen.args else None
    return [value for value in inside.values if value] if isinstance(inside, ast.Dict) else []


def _called(node: ast.AST) -> str:
    return dotted(node.func if isinstance(node, ast.Call) else node)


@pytest.mark.parametrize("name", all_files())
def test_nothing_global_can_change(name: str) -> None:
    assert mutable_globals(read(name)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "seen = []",
        "RULES = {'fifo': 1}",
        "NAMES: set[str] = set()",
        "class Book:\n    offers = {}",
        "TABLE = MappingProxyType({'a': [1]})",
        "PAIR = (1, [2])",
        "ids = itertools.count()",
        "counts = collections.Counter()",
        "EMPTY = np.zeros(3)",
        "def f():\n    global now\n    now = 1",
        "@functools.lru_cache(maxsize=None)\ndef f(x): ...",
        "@cache\ndef f(x): ...",
        "def f(x, seen=[]): ...",
    ],
)
def test_a_planted_global_is_caught(planted: str) -> None:
    assert mutable_globals(ast.parse(planted))


def test_constants_are_not_caught() -> None:
    tree = ast.parse(
        "__all__ = ['a']\nA = (1, 'b')\nB = frozenset({'x'})\nC = MappingProxyType({'a': 1})\n"
        "D: Final = 5\nE = np.arange(3)\nE.setflags(write=False)\n\ndef f():\n    rows = []\n    return rows\n"
    )
    assert mutable_globals(tree) == []
