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
from pubsubctl.store import overview, reading
from pubsubctl.store.opening import open_store
from pubsubctl.store.postgresql.batching import _batch
from pubsubctl.store.postgresql.database import _DIALECT
from pubsubctl.store.statements import Statement

ALL_ROWS = {"READ", "RECOUNT", "_ALL", "_FORGET", "_OF_NEWEST", "_BY_NAME"}
"""What sums up the tallies, which have some rows for each state, or makes them anew; what is about workers, of whom
there are few; and what reads some entries from the end of an index, see below."""

VALUES = {"keys": ["x"], "before": 1.5, "earliest": 0.5, "most": 1, "places": 1, "looked_at": 1}
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
    for chosen in itertools.product([False, True], repeat=5):
        wanted = dict(zip(("of_state", "of_batch", "of_reason", "of_path", "of_worker"), chosen, strict=True))
        if wanted["of_state"] or not (wanted["of_batch"] or wanted["of_reason"]):
            page = reading._page(**wanted)
            found[id(page)] = pytest.param(page, id="find-" + "-".join(name for name, on in wanted.items() if on))
            of_range = {name: wanted[name] for name in ("of_state", "of_batch", "of_reason")}
            far = reading._far(**of_range)
            found[id(far)] = pytest.param(far, id="far-" + "-".join(name for name, on in of_range.items() if on))
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
    """The tables that are read from end to end, or would be but for a limit; with what asks for that."""
    found, left = [], [(each["Plan"], "all") for each in plan]
    while left:
        node, asked_by = left.pop()
        left.extend((each, node["Node Type"]) for each in node.get("Plans", []))
        by_index_alone = node["Node Type"] in {"Index Scan", "Index Only Scan"} and "Index Cond" in node
        if "Relation Name" in node and not by_index_alone and node["Node Type"] not in {"ModifyTable", "LockRows"}:
            found.append(f"{asked_by} of {node['Node Type']} by {node.get('Index Name')} on {node['Relation Name']}")
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


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        (overview._OF_NEWEST, "Limit of Index Scan by jobs_created on jobs"),
        (overview._BY_NAME, "Limit of Index Only Scan by jobs_batch on jobs"),
    ],
)
def test_what_comes_last_is_read_from_the_end_of_an_index(statement, read, connection):
    sql, names, types = statement.typed(_DIALECT)
    values = [VALUES.get(name, value_for(types[name])) for name in names]
    plan = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchone()[0]
    assert scans(plan) == [read]
