"""Where journals are kept: in memory, or in a SQLite file."""

from p2pmatch.entries import Entry, Store
from p2pmatch.stores.memory import MemoryStore
from p2pmatch.stores.sqlite import SqliteStore

__all__ = ["Entry", "MemoryStore", "SqliteStore", "Store"]
