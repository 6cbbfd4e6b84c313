"""Whose schema it is: a store of ours is recognised, a fresh one is made, an older one is migrated. Under a lock."""

import secrets
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.store.postgresql.address import Address
from pubsubctl.store.schema import SCHEMA_VERSION, metadata

_APPLICATION = "pubsubctl"
Meta = dict[str, str]

STEPS: dict[int, tuple[str, ...]] = {}
"""What makes a store of each version one of the next. Version 4 was the first that PostgreSQL had."""


def identify(connection: "psycopg.Connection[Any]", address: Address, *, create: bool) -> str:
    """The store_id of the schema; where there is none it is made, and an older one is migrated.

    Of any number of processes that come at once, one does that and the others wait for it. Whoever finds a store of
    this version needs no more than to read: a worker's role may be one that can create nothing.

    Raises:
        StoreUnreachable: there is none, and none is to be made.
        StoreError: it belongs to another program, or to a newer version of this one.
    """
    meta = _read(connection, address)
    if meta is None and not create:
        raise StoreUnreachable(
            f"there is no store in schema {address.schema} of {address.name}; `pubsubctl setup` makes it, "
            "or name another --store"
        )
    if meta is None or int(meta["schema"]) < SCHEMA_VERSION:
        meta = _made_current(connection, address)
    return meta["store_id"]


def _made_current(connection: "psycopg.Connection[Any]", address: Address) -> Meta:
    with connection.transaction():
        # Of the database and this schema's name: held until the end of the transaction, and of all the work in it.
        connection.execute("SET LOCAL lock_timeout TO 0")
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pubsubctl {address.schema}"])
        meta = _read(connection, address)
        if meta is None:
            return _create(connection, address)
        for version in range(int(meta["schema"]), SCHEMA_VERSION):
            for statement in STEPS[version]:
                connection.execute(statement)
        connection.execute("UPDATE meta SET value = %s WHERE key = 'schema'", [str(SCHEMA_VERSION)])
        return meta


def _read(connection: "psycopg.Connection[Any]", address: Address) -> Meta | None:
    """What the schema says of itself; None if it has no tables."""
    tables = {
        row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [address.schema])
    }
    if not tables:
        return None
    meta: Meta = {}
    table = sql.Identifier(address.schema, "meta")  # by its full name, so that who may not see it is told so
    if tables.issuperset(("meta", "jobs")):
        meta = dict(connection.execute(sql.SQL("SELECT key, value FROM {}").format(table)).fetchall())
    if meta.get("application") != _APPLICATION:
        raise StoreError(
            f"the schema {address.schema} of {address.name} has another program's tables; "
            "name another one with ?schema=NAME in the store's URL"
        )
    if int(meta["schema"]) > SCHEMA_VERSION:
        raise StoreError(
            f"the store {address.name} is of version {meta['schema']}, this pubsubctl knows up to {SCHEMA_VERSION}; "
            "upgrade it"
        )
    return meta


def _create(connection: "psycopg.Connection[Any]", address: Address) -> Meta:
    meta = {"application": _APPLICATION, "schema": str(SCHEMA_VERSION), "store_id": secrets.token_hex(8)}
    known = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [address.schema]).fetchone()
    if known is None:  # even IF NOT EXISTS asks for the right to create one
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(address.schema)))
    for statement in _definitions():
        connection.execute(statement)
    connection.cursor().executemany("INSERT INTO meta (key, value) VALUES (%s, %s)", list(meta.items()))
    return meta


def _definitions() -> list[str]:
    """The tables and indexes of ``schema``, as PostgreSQL takes them."""
    dialect = PGDialect_psycopg()
    clauses: list[ExecutableDDLElement] = []
    for table in metadata.sorted_tables:
        clauses += [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
    return [str(clause.compile(dialect=dialect)) for clause in clauses]
