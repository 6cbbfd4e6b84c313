"""Whose file it is: a store of ours is recognised, a fresh file becomes one, anything else is left as it is."""

import secrets
from pathlib import Path

from sqlalchemy.engine import Connection

from pubsubctl.errors import StoreError
from pubsubctl.store.schema import SCHEMA_VERSION, metadata

_APPLICATION = "pubsubctl"


def identify(connection: Connection, path: Path) -> str:
    """The store_id of the file, which is given the schema if it is empty. Repeated after SQLITE_BUSY.

    Raises:
        StoreError: it belongs to another program, or to a newer version of this one.
    """
    if connection.in_transaction():
        connection.rollback()
    known = _read(connection, path)
    if known is None:
        # Outside of a transaction, and only now: it writes to the file. Jobs are written in the order of their
        # ids, mostly, so that larger pages mean fewer of them in a commit.
        connection.exec_driver_sql("PRAGMA page_size=8192")
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        known = _read(connection, path) or _create(connection)
        connection.commit()
    connection.rollback()
    return known


def _read(connection: Connection, path: Path) -> str | None:
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return None
    meta: dict[str, str] = {}
    if tables.issuperset(metadata.tables):
        meta = dict(tuple(row) for row in connection.exec_driver_sql("SELECT key, value FROM meta"))
    if meta.get("application") != _APPLICATION:
        raise StoreError(f"{path} is another program's SQLite database; name another file for the store")
    if int(meta["schema"]) > SCHEMA_VERSION:
        raise StoreError(
            f"the store {path} is of version {meta['schema']}, this pubsubctl knows up to {SCHEMA_VERSION}; upgrade it"
        )
    return meta["store_id"]


def _create(connection: Connection) -> str:
    store_id = secrets.token_hex(8)
    metadata.create_all(connection, checkfirst=False)
    for key, value in (("application", _APPLICATION), ("schema", str(SCHEMA_VERSION)), ("store_id", store_id)):
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
    return store_id
