"""Whose file it is: a store of ours is recognised, a fresh file becomes one, anything else is left as it is."""

import secrets
from pathlib import Path

from sqlalchemy.engine import Connection

from pubsubctl.errors import StoreError
from pubsubctl.store.migrating import migrate
from pubsubctl.store.schema import SCHEMA_VERSION, metadata
from pubsubctl.store.space import INCREMENTAL
from pubsubctl.store.tallies import none_yet

_APPLICATION = "pubsubctl"

Meta = dict[str, str]


def identify(connection: Connection, path: Path) -> str:
    """The store_id of the file; an empty one is given the schema, an older one is migrated. Repeated after SQLITE_BUSY.

    Raises:
        StoreError: it belongs to another program, or to a newer version of this one.
    """
    if connection.in_transaction():
        connection.rollback()
    meta = _read(connection, path)
    if not _is_current(meta):
        if meta is None:
            # Outside of a transaction, and only now: it writes to the file. Jobs are written in the order of their
            # ids, mostly, so that larger pages mean fewer of them in a commit.
            connection.exec_driver_sql("PRAGMA page_size=8192")
            connection.exec_driver_sql(INCREMENTAL)
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        meta = _made_current(connection, _read(connection, path))
        connection.commit()
    connection.rollback()
    assert meta is not None
    return meta["store_id"]


def _is_current(meta: Meta | None) -> bool:
    return meta is not None and int(meta["schema"]) == SCHEMA_VERSION


def _made_current(connection: Connection, meta: Meta | None) -> Meta:
    """Under the write lock: whoever came first has done it."""
    if meta is None:
        return _create(connection)
    migrate(connection, int(meta["schema"]), SCHEMA_VERSION)
    return meta


def _read(connection: Connection, path: Path) -> Meta | None:
    """What the file says of itself; None if it is empty."""
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return None
    meta: Meta = {}
    if tables.issuperset(("meta", "jobs")):
        meta = dict(tuple(row) for row in connection.exec_driver_sql("SELECT key, value FROM meta"))
    if meta.get("application") != _APPLICATION:
        raise StoreError(f"{path} is another program's SQLite database; name another file for the store")
    if int(meta["schema"]) > SCHEMA_VERSION:
        raise StoreError(
            f"the store {path} is of version {meta['schema']}, this pubsubctl knows up to {SCHEMA_VERSION}; upgrade it"
        )
    return meta


def _create(connection: Connection) -> Meta:
    meta = {"application": _APPLICATION, "schema": str(SCHEMA_VERSION), "store_id": secrets.token_hex(8)}
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(none_yet("sqlite"))
    for item in meta.items():
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES (?, ?)", item)
    return meta
