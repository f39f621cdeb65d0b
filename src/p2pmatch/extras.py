"""Parts of the package that need an extra, imported when somebody first wants them."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

__all__ = ["part"]

#: The extra with which each package comes.
_EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "matplotlib": "plot",
        "msgspec": "json",
        "nanoarrow": "frames",
        "narwhals": "frames",
        "numba": "fast",
        "sqlalchemy": "sql",
    }
)


def part(name: str, what: str) -> Any:  # noqa: ANN401 - a module's names are not known here
    """A module of the package.

    Parameters
    ----------
    name : such as "snapshots", or "stores.sql".
    what : what it is wanted for, in words that can be followed by "needs".

    Raises
    ------
    ImportError : if a package that it needs is not installed; with the extra that has it.

    Examples
    --------
    >>> part("units", "money").format_amount(150)
    '1.50'
    """
    try:
        return import_module(f"p2pmatch.{name}")
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        hint = f"{what} needs {package}: pip install 'p2pmatch[{_EXTRAS[package]}]'"
        raise ImportError(hint, name=package) from missing
