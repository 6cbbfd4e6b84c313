"""What names jobs by their keys reads those jobs, however many others there are; what asks for some, an index."""

import importlib
import pkgutil
import re
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.dialects.sqlite import dialect

from pubsubctl import store
from pubsubctl.job import JobState, Reason
from pubsubctl.store import deleting, overview, sweeping, tallies
from pubsubctl.store.opening import open_store
from pubsubctl.store.reading import Filter
from pubsubctl.store.schema import metadata
from pubsubctl.store.statements import Statement

BY_KEY = re.compile(r"\((id|job_id|idempotency_key|batch_id)=\?")


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


def plan(path, statement):
    sql, names, _ = statement._for(dialect())
    with closing(sqlite3.connect(path)) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * len(names))]


PAGES = {
    "jobs_created (created_at<?)": [
        Filter(),
        Filter(path="/a*"),
        Filter(older_than_s=1.0, newer_than_s=9.0),
        Filter(worker="w", newer_than_s=9.0),
    ],
    "jobs_state (state=? AND created_at<?)": [
        Filter([JobState.FAILED]),
        Filter([JobState.QUEUED, JobState.RUNNING], path="/a*", newer_than_s=9.0),
        Filter([JobState.FAILED], worker="w"),
    ],
    "jobs_batch (batch_id=? AND state=? AND created_at<?)": [
        Filter(batch_id="b"),
        Filter([JobState.FAILED], "b", path="/a*"),
        Filter(batch_id="b", reasons=[Reason.TIMEOUT]),
        Filter(batch_id="b", worker="w"),
    ],
    "jobs_reason (reason=? AND state=? AND created_at<?)": [
        Filter(reasons=[Reason.TIMEOUT, Reason.CRASHED]),
        Filter([JobState.FAILED], reasons=[Reason.TIMEOUT], path="/a*", older_than_s=1.0),
    ],
}


@pytest.mark.parametrize(
    ("index", "wanted"), [pytest.param(index, each, id=str(each)) for index in PAGES for each in PAGES[index]]
)
def test_a_page_of_jobs_is_read_from_an_index_in_its_order(index, wanted, path):
    # Both bounds of the time are one comparison of rows, and a condition: SQLite shows the first in either form.
    (step,) = plan(path, wanted.statement())
    name, _, conditions = index.partition(" ")
    assert re.fullmatch(rf"SEARCH jobs USING INDEX {name} \(.*\)", step)
    for condition in re.findall(r"\w+=\?|created_at", conditions):
        assert condition in step


@pytest.mark.parametrize(
    ("index", "wanted"), [pytest.param(index, each, id=str(each)) for index in PAGES for each in PAGES[index]]
)
def test_how_far_a_page_may_look_is_told_by_that_index_alone(index, wanted, path):
    (step,) = plan(path, wanted.far())
    assert step.startswith(f"SEARCH jobs USING COVERING INDEX {index.partition(' ')[0]} (")


def test_figures_are_read_from_indexes_alone(path):
    ended = "SEARCH jobs USING COVERING INDEX jobs_finished (state=? AND finished_at>? AND finished_at<?)"
    assert plan(path, overview._ACTIVITY).count(ended) == 3
    latest = "SEARCH jobs USING INDEX jobs_finished (state=? AND finished_at>? AND finished_at<?)"
    assert plan(path, overview._LATEST) == [latest]
    assert "SCAN jobs USING INDEX jobs_created" in plan(path, overview._OF_NEWEST)
    by_name = [step for step in plan(path, overview._BY_NAME) if re.match(r"\w+ (jobs|other) ", step)]
    assert by_name == [
        "SEARCH jobs USING COVERING INDEX jobs_batch (batch_id>?)",
        "SEARCH other USING COVERING INDEX jobs_batch (batch_id<?)",
        *["SEARCH jobs USING COVERING INDEX jobs_batch (batch_id=? AND state=?)"] * len(JobState),
    ]
    counted = "SEARCH jobs USING COVERING INDEX jobs_batch (batch_id=? AND state=?)"
    assert plan(path, overview._COUNTS).count(counted) == len(JobState)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (deleting._PURGEABLE, "SEARCH jobs USING INDEX jobs_finished (state=? AND finished_at<?)"),
        (deleting._NUMBER_PURGEABLE, "SEARCH jobs USING COVERING INDEX jobs_finished (state=? AND finished_at<?)"),
        (sweeping._ANY_DUE, "SEARCH jobs USING INDEX jobs_due (topic=? AND due_at<?)"),
        (tallies.READ, "SCAN tallies"),
        (tallies.ADD, "SEARCH tallies USING PRIMARY KEY (state=? AND slot=?)"),
    ],
)
def test_what_is_counted_purged_or_due_is_found_by_an_index(statement, expected, path):
    assert plan(path, statement) == [expected]
