"""A store by where it is: the path of a file, or the URL of a database."""

from typing import TYPE_CHECKING

from p2pmatch.csv_table import BadInput
from p2pmatch.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from p2pmatch.stores.sql import SqlStore

__all__ = ["is_url", "store_at"]


def is_url(place: str) -> bool:
    """Whether it is the URL of a database, such as `postgresql+psycopg://user@host/database`."""
    return "://" in place


def store_at(place: str, journal: str | None = None) -> "SqliteStore | SqlStore":
    """The store at that place; opens nothing yet.

    Parameters
    ----------
    place : the path of an `SqliteStore`, or the URL of an `SqlStore`.
    journal : the name of a journal in a database; None: "market".

    Raises
    ------
    BadInput : without the extra `sql`, and for the name of a journal in a file.
    InvalidValue : for a URL or a name that `SqlStore` does not take; no password is shown.
    """
    if not is_url(place):
        if journal is not None:
            raise BadInput(f"{place}: is a file of one journal; accepted: a name with a URL only")
        return SqliteStore(place)
    try:
        from p2pmatch.stores import SqlStore
    except ImportError as missing:
        raise BadInput(f"a journal in a database: {missing}") from None
    return SqlStore(place) if journal is None else SqlStore(place, journal)
