"""What names jobs by their keys reads those jobs, however many others the store has."""

import importlib
import pkgutil
import re
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.dialects.sqlite import dialect

from pubsubctl import store
from pubsubctl.store.opening import open_store
from pubsubctl.store.schema import metadata
from pubsubctl.store.statements import Statement

BY_KEY = re.compile(r"\((id|job_id|idempotency_key)=\?")


def statements():
    """Those of all modules that have a list of keys bound."""
    found = {}
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).items():
            if isinstance(value, Statement):
                sql, names, _ = value._for(dialect())
                if "json_each" in sql and sql not in found:
                    found[sql] = pytest.param(sql, len(names), id=f"{module.name}.{name}")
    return list(found.values())


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "jobs.db"
    open_store(str(path)).close()
    return path


def test_there_are_such_statements():
    assert len(statements()) > 8


@pytest.mark.parametrize(("sql", "parameters"), statements())
def test_jobs_that_are_named_are_found_by_their_keys(sql, parameters, path):
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * parameters)]
    read = [step for step in plan if step.split()[0] in {"SCAN", "SEARCH"} and step.split()[1] in metadata.tables]
    assert read, plan
    assert [step for step in read if not BY_KEY.search(step)] == []
