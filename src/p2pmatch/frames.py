"""Dataframes of any library as columns and back, through narwhals (the extra `frames`)."""

import math
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any, Final

import narwhals as nw

from p2pmatch.errors import InvalidValue, UnknownName

__all__ = ["LIBRARIES", "columns_of", "frame_of"]

#: The libraries whose dataframes are made, the first that is installed if none is named.
LIBRARIES: Final = ("polars", "pandas", "pyarrow")

_NAMED: Final = "a dataframe with columns named by text, each name once"
# Cells of these kinds are as they should be; None is what a missing one is to be.
_WITHOUT_GAPS: Final = frozenset({str, int, bool, type(None)})
# From here on a float may stand for several ints.
_ROUNDED: Final = 2**53


def columns_of(frame: Any) -> dict[str, list[Any]]:  # noqa: ANN401 - any dataframe
    """The columns of a dataframe as lists of plain Python values; missing cells are None.

    Parameters
    ----------
    frame : a dataframe of polars, pandas, pyarrow or another library that narwhals knows. Columns
        whose names are not text are left out.

    Raises
    ------
    InvalidValue : if it is not a dataframe, if a name is there twice, or if no name is text.

    Notes
    -----
    Missing is what the library says is, and NaN. Whole floats beside a missing cell are ints again,
    which is what pandas made them of, if all are below 2**53; larger ones may have been rounded.

    Examples
    --------
    >>> import polars as pl
    >>> columns_of(pl.DataFrame({"offer_id": ["o1", "o2"], "max_per_loan": [2_500, None]}))
    {'offer_id': ['o1', 'o2'], 'max_per_loan': [2500, None]}
    >>> columns_of(pl.DataFrame({"max_per_loan": [2_500.0, float("nan")]}))
    {'max_per_loan': [2500, None]}
    """
    try:
        known = nw.from_native(frame, eager_only=True)
    except TypeError:
        accepted = "a mapping of columns, or a dataframe"
        raise InvalidValue("wrong_type", "columns", frame, accepted) from None
    except ValueError:
        # pandas has its names in `columns`, where pyarrow has what is in them.
        names = list(getattr(frame, "column_names", frame.columns))
        raise InvalidValue("duplicate", "columns", names, _NAMED) from None
    texts = [name for name in known.columns if isinstance(name, str)]
    if known.columns and not texts:
        raise InvalidValue("wrong_type", "columns", known.columns, _NAMED)
    return {name: _cells(known.get_column(name)) for name in texts}


def _cells(column: "nw.Series[Any]") -> list[Any]:
    cells = column.to_list()
    if set(map(type, cells)) <= _WITHOUT_GAPS:
        return cells
    missing = column.is_null().to_list()
    cells = [
        None if gap or _is_nan(cell) else cell for gap, cell in zip(missing, cells, strict=True)
    ]
    if all(cell is None or _is_exact(cell) for cell in cells) and any(c is None for c in cells):
        return [None if cell is None else int(cell) for cell in cells]
    return cells


def _is_nan(cell: Any) -> bool:  # noqa: ANN401 - any value a cell may hold
    return _is_inexact(cell) and math.isnan(cell)


def _is_exact(cell: Any) -> bool:  # noqa: ANN401
    """Whether it is a float that can only stand for one int."""
    return _is_inexact(cell) and cell % 1 == 0 and -_ROUNDED < cell < _ROUNDED


def _is_inexact(cell: object) -> bool:
    """Whether it is a float of any kind."""
    return isinstance(cell, Real) and not isinstance(cell, Integral)


def frame_of(
    columns: Mapping[str, Sequence[Any]],
    library: str | None = None,
    texts: Collection[str] = (),
) -> Any:  # noqa: ANN401 - any dataframe
    """Columns as a dataframe.

    Parameters
    ----------
    columns : by name; None is a missing cell.
    library : one of `LIBRARIES`; None: the first that is installed.
    texts : which columns hold text, the others ints; so that one without any cell is of its kind.

    Raises
    ------
    UnknownName : for a library that is not one of them, or if none is installed.

    Examples
    --------
    >>> frame_of({"term": [12, 36], "rate": [52_000, None]}, "polars").shape
    (2, 2)
    """
    found = [name for name in LIBRARIES if find_spec(name) is not None]
    chosen = (found[0] if found else None) if library is None else library
    if chosen not in found:
        accepted = f"one of {list(LIBRARIES)} that is installed, here {found}"
        raise UnknownName("unknown_field", "library", library, accepted)
    backend: Any = chosen
    made = nw.from_dict(dict(columns), backend=backend)
    if chosen != "pandas":  # whose columns of nothing go with any other
        empty = [name for name, cells in columns.items() if all(cell is None for cell in cells)]
        made = made.with_columns(
            nw.col(name).cast(nw.String if name in texts else nw.Int64) for name in empty
        )
    return made.to_native()
