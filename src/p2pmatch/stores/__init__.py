"""Where journals are kept: in memory, in a SQLite file, or in a database of SQLAlchemy's."""

from typing import TYPE_CHECKING

from p2pmatch.entries import Entry, Store
from p2pmatch.extras import part
from p2pmatch.stores.memory import MemoryStore
from p2pmatch.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from p2pmatch.stores.sql import SqlStore

__all__ = ["Entry", "MemoryStore", "SqlStore", "SqliteStore", "Store"]


def __getattr__(name: str) -> object:
    """SqlStore, imported when it is asked for: it needs the `sql` extra."""
    if name != "SqlStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    store: type[SqlStore] = part("stores.sql", "SqlStore").SqlStore
    return store
