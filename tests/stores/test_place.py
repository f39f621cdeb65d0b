"""A path is a file, a URL a database; what is neither is refused without showing a password."""

import sys
from pathlib import Path

import pytest

from p2pmatch.csv_table import BadInput
from p2pmatch.errors import InvalidValue
from p2pmatch.stores import SqliteStore, SqlStore
from p2pmatch.stores.place import is_url, store_at

SECRET = "hunter2"  # noqa: S105 - of nobody


def test_a_path_is_a_file() -> None:
    store = store_at("folder/market.db")
    assert isinstance(store, SqliteStore)
    assert store.path == Path("folder/market.db")


def test_a_url_is_a_database() -> None:
    store = store_at("sqlite:///market.db")
    assert isinstance(store, SqlStore)
    assert store.name == "market"
    named = store_at(f"postgresql+psycopg://bob:{SECRET}@127.0.0.1:1/lending", "consumer-eur")
    assert named.name == "consumer-eur"  # type: ignore[union-attr]
    assert SECRET not in repr(named)


def test_a_file_has_one_journal() -> None:
    with pytest.raises(BadInput, match="a name with a URL only"):
        store_at("market.db", "consumer-eur")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+nothing://bob:{SECRET}@127.0.0.1/market",
        f"oracle://bob:{SECRET}@127.0.0.1/market",
        f"postgresql+psycopg://bob:{SECRET}@127.0.0.1:port/market",
        f"://bob:{SECRET}@127.0.0.1/market",
        f"postgresql+asyncpg://bob:{SECRET}@127.0.0.1/market",
        "sqlite://",
    ],
)
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    assert is_url(url)
    with pytest.raises(InvalidValue) as refused:
        store_at(url)
    assert refused.value.field == "url"
    assert SECRET not in str(refused.value)


def test_without_the_extra_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "p2pmatch.stores.sql")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(BadInput, match=r"needs sqlalchemy: pip install 'p2pmatch\[sql\]'"):
        store_at(f"postgresql+psycopg://bob:{SECRET}@127.0.0.1/market")
