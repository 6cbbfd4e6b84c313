"""No statement reads a table from one end to the other, however many rows it has; but those that are to."""

import importlib
import itertools
import pkgutil

import psycopg
import pytest
from postgres_server import programs
from postgres_session import postgres_server
from sqlalchemy import Float, Integer, LargeBinary

from pubsubctl import store
from pubsubctl.store import reading
from pubsubctl.store.opening import open_store
from pubsubctl.store.postgresql.batching import _batch
from pubsubctl.store.postgresql.database import _DIALECT
from pubsubctl.store.statements import Statement

ALL_ROWS = {"READ", "RECOUNT", "_ALL", "_FORGET"}
"""What sums up the tallies, which have some rows for each state, or makes them anew; and what is about workers, of whom
there are few."""

VALUES = {"keys": ["x"], "before": 1.5, "earliest": 0.5, "most": 1}
"""Of parameters that have no type of their own."""


def statements():
    modules = [
        importlib.import_module(f"{store.__name__}.{each.name}") for each in pkgutil.iter_modules(store.__path__)
    ]
    modules.append(importlib.import_module("pubsubctl.store.postgresql.transaction"))
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, Statement) and name not in ALL_ROWS:
                found[id(value)] = pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for chosen in itertools.product([False, True], repeat=4):
        wanted = dict(zip(("of_state", "of_batch", "of_reason", "of_path"), chosen, strict=True))
        if wanted["of_state"] or not (wanted["of_batch"] or wanted["of_reason"]):
            page = reading._page(**wanted)
            found[id(page)] = pytest.param(page, id="find-" + "-".join(name for name, on in wanted.items() if on))
    return list(found.values())


@pytest.fixture(scope="module")
def connection(lack):
    if programs() is None:
        lack("postgresql", "the programs of a PostgreSQL server are not installed")
    url = postgres_server().url(schema="plans")
    open_store(url).close()
    with psycopg.connect(postgres_server().url(), autocommit=True) as connection:
        connection.execute("SET search_path TO plans")
        connection.execute("SET enable_seqscan TO off")
        connection.execute("SET enable_bitmapscan TO off")
        yield connection
        connection.execute("DROP SCHEMA plans CASCADE")


def value_for(type_):
    if isinstance(type_, Float):
        return 1.5
    if isinstance(type_, Integer):
        return 1
    return b"x" if isinstance(type_, LargeBinary) else "x"


def scans(plan: list[dict]) -> list[str]:
    """The tables that are read from end to end."""
    found, left = [], [each["Plan"] for each in plan]
    while left:
        node = left.pop()
        left.extend(node.get("Plans", []))
        by_index_alone = node["Node Type"] in {"Index Scan", "Index Only Scan"} and "Index Cond" in node
        if "Relation Name" in node and not by_index_alone and node["Node Type"] not in {"ModifyTable", "LockRows"}:
            found.append(f"{node['Node Type']} on {node['Relation Name']}")
    return found


@pytest.mark.parametrize("statement", statements())
def test_it_goes_by_an_index(statement, connection):
    sql, names, types = statement.typed(_DIALECT)
    values = [VALUES.get(name, value_for(types[name])) for name in names]
    plan = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchone()[0]
    assert scans(plan) == []


@pytest.mark.parametrize("statement", [each for each in statements() if each.values[0].at_once])
def test_many_rows_at_once_go_by_an_index_too(statement, connection):
    batch = _batch(statement, _DIALECT)
    columns = [
        encode([value_for(statement.typed(_DIALECT)[2][name])])
        for name, encode in zip(batch.names, batch.encoders, strict=True)
    ]
    plan = connection.execute(f"EXPLAIN (FORMAT JSON) {batch.sql}", columns).fetchone()[0]
    assert scans(plan) == []
