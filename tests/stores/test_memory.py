"""The store in memory does what every store must."""

from pathlib import Path

from p2pmatch.stores import MemoryStore, Store
from p2pmatch.testing import StoreConformance


class TestMemoryStore(StoreConformance):
    outlives = False

    def open_store(self, folder: Path) -> Store:
        return MemoryStore()
