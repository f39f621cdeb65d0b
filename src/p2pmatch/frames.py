"""Dataframes of any library as columns, through narwhals (the extra `frames`)."""

from typing import Any

import narwhals as nw

from p2pmatch.errors import InvalidValue

__all__ = ["columns_of"]


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
