"""Dataframes of any library as columns and back, through narwhals (the extra `frames`)."""

from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import narwhals as nw

from p2pmatch.errors import InvalidValue, UnknownName

__all__ = ["LIBRARIES", "columns_of", "frame_of"]

#: The libraries whose dataframes are made, the first that is installed if none is named.
LIBRARIES: Final = ("polars", "pandas", "pyarrow")


def columns_of(frame: Any) -> dict[str, list[Any]]:  # noqa: ANN401 - any dataframe
    """The columns of a dataframe as lists of plain Python values; missing cells are None.

    Parameters
    ----------
    frame : a dataframe of polars, pandas, pyarrow or another library that narwhals knows.

    Raises
    ------
    InvalidValue : if it is not a dataframe.

    Examples
    --------
    >>> import polars as pl
    >>> columns_of(pl.DataFrame({"offer_id": ["o1", "o2"], "max_per_loan": [2_500, None]}))
    {'offer_id': ['o1', 'o2'], 'max_per_loan': [2500, None]}
    """
    try:
        known = nw.from_native(frame, eager_only=True)
    except TypeError:
        accepted = "a mapping of columns, or a dataframe"
        raise InvalidValue("wrong_type", "columns", frame, accepted) from None
    return {name: known[name].to_list() for name in known.columns}


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
