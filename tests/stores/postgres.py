"""A PostgreSQL for the tests: the one that P2PMATCH_POSTGRES_URL names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text

POSTGRES = os.environ.get("P2PMATCH_POSTGRES_URL", "")

needs_postgres = pytest.mark.skipif(
    not POSTGRES, reason="no PostgreSQL here (P2PMATCH_POSTGRES_URL names one)"
)


@contextmanager
def schema() -> Iterator[URL]:
    """A schema that nobody else uses, as a database of one's own; gone afterwards."""
    name = f"p2pmatch_{uuid4().hex}"
    run(f"CREATE SCHEMA {name}")
    try:
        yield make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
    finally:
        run(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def connected(url: URL | str = POSTGRES) -> Iterator[Connection]:
    """A connection beside the store's; what it does is committed when it is left."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def run(statement: str, url: URL | str = POSTGRES) -> Any:
    """One statement in a transaction of its own; the first value of its first row."""
    with connected(url) as connection:
        result = connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


def outside(statement: str) -> None:
    """One statement of those that run in no transaction."""
    engine = create_engine(POSTGRES, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


def end_writers(url: URL) -> int:
    """End the sessions of all writers of the journal `market` in this schema; how many."""
    return run(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'p2pmatch market' AND pid IN (SELECT pid FROM pg_locks"
        " WHERE locktype = 'advisory')",
        url,
    )
