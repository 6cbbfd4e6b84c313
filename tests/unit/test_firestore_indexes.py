import json
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.firestore_v1", reason="google-cloud-firestore is not installed")

from pubsubctl.store.firestore import indexes
from pubsubctl.store.firestore.layout import EXPIRY, JOBS
from pubsubctl.store.firestore.query import Query
from pubsubctl.store.firestore.service import Place

WRITTEN = Path(indexes.__file__).with_name("firestore.indexes.json")


def test_the_file_is_what_the_queries_need():
    assert json.loads(WRITTEN.read_text()) == indexes.document()


def test_equal_fields_come_first_and_then_the_order():
    query = Query(JOBS, (("topic", "==", "t"), ("batch_id", "==", "b"), ("due_at", "<=", 1.0)), (("due_at", False),))
    assert query.index() == (JOBS, (("batch_id", False), ("topic", False), ("due_at", False)))
    assert Query(JOBS, (("state", "==", "failed"),)).index() is None
    ranged = Query(JOBS, (("topic", "==", "t"), ("not_before", ">", 1.0)))
    assert ranged.index() == (JOBS, (("topic", False), ("not_before", False)))


def test_no_field_that_is_asked_for_is_left_out_of_the_indexes():
    asked = {name for query in indexes.every_query() for name, *_ in (*query.where, *query.order)}
    left_out = {each["fieldPath"] for each in indexes.document()["fieldOverrides"]}
    assert not asked & left_out
    assert EXPIRY in left_out


def test_the_commands_say_the_same_as_the_file():
    commands = indexes.commands(Place("project-1", "(default)"))
    document = indexes.document()
    assert len(commands) == len(document["indexes"]) + len(document["fieldOverrides"])
    assert all("--project=project-1" in each and "--database='(default)'" in each for each in commands)
    assert sum("ttls update expires_at" in each for each in commands) == len(indexes.EXPIRING)
