"""A PostgreSQL database as the store."""

from collections.abc import Callable

from pubsubctl.store.base import Store
from pubsubctl.store.postgresql.address import Address
from pubsubctl.store.postgresql.database import PostgresDatabase
from pubsubctl.store.sql import SqlStore


def open_store(url: str, *, clock: Callable[[], float] | None = None, create: bool = True) -> Store:
    """Open the store in the database that ``url`` names, and make its tables if they are not there.

    Args:
        url: ``postgresql://user:password@host:port/database``, and what else libpq takes; our tables are in the schema
            ``pubsubctl``, unless ``?schema=NAME`` says otherwise.
        clock: what tells the time instead of the server.
        create: whether to make it.
    """
    return SqlStore(PostgresDatabase(Address.of(url), clock, create=create))
