"""A store that an older version made. version_1.sql is what that version wrote, jobs in every state."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from contest import contend
from given import MAX_CRASHES, REQUEST, RESPONSE, TOPIC, a_claim, a_job, an_outcome, the_job

from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store.answers import Added
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claimed, Lease, Refusal, Refused
from pubsubctl.store.messages import DueKind, Published
from pubsubctl.store.opening import open_store
from pubsubctl.store.timeline import EventKind

HERE = Path(__file__).parent
MADE_AT = 1_800_000_000.0
STATES = {
    "queued": JobState.QUEUED,
    "published": JobState.QUEUED,
    "delayed": JobState.QUEUED,
    "keyed": JobState.QUEUED,
    "running": JobState.RUNNING,
    "by-message": JobState.RUNNING,
    "retrying": JobState.RETRYING,
    "succeeded": JobState.SUCCEEDED,
    "cancelled": JobState.CANCELLED,
    "failed": JobState.FAILED,
    "crashed": JobState.FAILED,
    "unpublished": JobState.FAILED,
    "msg-1": JobState.FAILED,
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript((HERE / "version_1.sql").read_text())
    return path


@pytest.fixture
def store(path):
    with open_store(str(path), clock=lambda: MADE_AT + 1) as store:
        yield store


def shape(path):
    """The version of a file, and everything that is in its schema."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (len(STATES),)
    return version, {(kind, name, table, " ".join((sql or "").split())) for kind, name, table, sql in rows}


def fresh(tmp_path):
    path = tmp_path / "fresh.db"
    open_store(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, table, " ".join((sql or "").split())) for kind, name, table, sql in rows}


def test_a_store_of_version_1_becomes_just_what_a_fresh_one_is(path, tmp_path):
    assert shape(path)[0] == "1"
    open_store(str(path)).close()
    assert shape(path) == ("4", fresh(tmp_path))


def test_it_keeps_its_identity_and_every_job_in_its_state(store):
    assert store.store_id == "14c29182898ee781"
    assert {job.id: job.state for job in store.find().jobs} == STATES
    assert store.counts() == {state: list(STATES.values()).count(state) for state in JobState}
    for job_id in STATES.keys() - {"msg-1"}:
        assert store.request(job_id) == REQUEST
    assert store.request("msg-1") == Request("", "", (("a", "b"),), b"data")
    assert store.response("succeeded") == RESPONSE
    (worker,) = store.workers()
    assert (worker.id, worker.busy) == ("worker-1", 1)


def test_what_was_known_of_a_job_is_known_still(store):
    keyed, crashed, running = (the_job(store, job_id) for job_id in ("keyed", "crashed", "running"))
    assert (keyed.idempotency_key, keyed.ordering_key, keyed.max_attempts, keyed.timeout_s) == (
        "key-1",
        "order-1",
        2,
        9,
    )
    assert (crashed.reason, crashed.attempt, crashed.crashes, crashed.batch_id) == (Reason.CRASHED, 3, 3, "batch-1")
    assert (running.worker, running.progress_fraction, running.progress_note) == ("worker-1", 0.5, "half")


def test_what_was_under_way_goes_on(store):
    assert store.claim([a_claim("running", message_id="message-running")])[0].refusal is Refusal.HELD
    assert store.record([an_outcome("running"), an_outcome("by-message")]) == [True, True]
    assert store.claim([a_claim("published", message_id="message-published")]) == [Claimed("published", 1, 0, 5)]
    assert store.claim([a_claim("retrying"), a_claim("succeeded")])[0].refusal is Refusal.NOT_DUE
    store.release([Lease("published", 1)])
    assert store.claim([a_claim("cancelled")]) == [Refused("cancelled", Refusal.CANCELLED)]


def test_keys_are_known_still(store):
    answers = store.add([a_job("new-1", idempotency_key="key-1"), a_job("new-2", idempotency_key="key-2")])
    assert answers == [Added("keyed", existed=True), Added("unpublished")]


def test_what_is_due_comes_due(path):
    with open_store(str(path), clock=lambda: MADE_AT + 100) as store:
        due = {each.job.id: each.kind for each in store.sweep(TOPIC, limit=100, max_crashes=MAX_CRASHES)}
    publish = dict.fromkeys(["queued", "keyed", "retrying", "running", "by-message"], DueKind.PUBLISH)
    assert due == publish | dict.fromkeys(["failed", "crashed", "msg-1"], DueKind.DEAD_LETTER)


def test_what_was_given_up_can_be_retried_with_all_that_it_was_allowed(store):
    store.retry(["crashed", "failed"])
    assert store.claim([a_claim("crashed", message_id="m")]) == [Claimed("crashed", 4, 0, 5, None, 0)]
    assert store.claim([a_claim("failed", message_id="m")]) == [Claimed("failed", 2, 1, 6)]


def test_its_jobs_have_a_history_from_what_their_rows_tell(store):
    kinds = [event.kind for event in store.history("failed")]
    assert kinds == [EventKind.SUBMITTED, EventKind.BEGAN, EventKind.ENDED]
    store.published([Published("queued", "message-9")])
    assert [event.message_id for event in store.history("queued")] == [None, "message-9"]


def test_ten_processes_that_open_it_at_once_make_one_store_of_it(path, tmp_path):
    told = contend(str(path), processes=10, threads=0, jobs=0)
    assert {each["store_id"] for each in told} == {"14c29182898ee781"}
    assert shape(path) == ("4", fresh(tmp_path))


def test_killed_in_the_middle_it_is_whole_of_one_version_or_the_other(path, tmp_path):
    before, after = shape(path), ("4", fresh(tmp_path))
    seen = []
    for number in range(2, 60, 3):
        done = subprocess.run([sys.executable, HERE / "dying.py", path, str(number)], timeout=30, check=False)
        seen.append(shape(path))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert seen.count(before) > 3, "it was killed too late to show anything"
    assert seen[-1] == after
    assert all(each in (before, after) for each in seen)


def test_a_handle_that_was_open_before_does_not_keep_a_reader_from_anything(path):
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT count(*) FROM jobs").fetchone() == (len(STATES),)
        with open_store(str(path)) as store:
            store.add([a_job("new")])
        assert old.execute("SELECT count(*) FROM jobs WHERE batch_id IS NULL").fetchone() == (2,)


def ids(store: Store, **wanted: object) -> set[str]:
    return {job.id for job in store.find(**wanted).jobs}  # type: ignore[arg-type]


def test_its_jobs_are_found_by_the_new_filters(store):
    assert ids(store, reasons=[Reason.CRASHED, Reason.UNPUBLISHED]) == {"crashed", "unpublished"}
    assert ids(store, reasons=[Reason.EXHAUSTED], batch_id="batch-1") == {"failed"}
    assert ids(store, path="/run*", states=[JobState.RETRYING]) == {"retrying"}
    assert store.pending(TOPIC, within_s=0.0) == len(STATES) - 8
