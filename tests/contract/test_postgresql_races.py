"""Two who write the same jobs of a PostgreSQL store at the same moment."""

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import psycopg
import pytest
from cutting import CuttingProxy
from given import REQUEST, a_claim, a_failure, a_job, added, an_outcome, running, the_job

from pubsubctl.errors import StoreBusy, StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed
from pubsubctl.store.opening import open_store
from pubsubctl.store.postgresql.batching import portions
from pubsubctl.worker.recorder import Recorder

pytestmark = pytest.mark.xdist_group("postgresql-server")


@pytest.fixture
def server(postgresql_server):
    postgresql_server.ensure()
    return postgresql_server


@pytest.fixture
def url(server, request):
    return server.url(schema=f"s{abs(hash(request.node.name))}")


@pytest.fixture
def store(url):
    with open_store(url) as store:
        yield store


@contextmanager
def meanwhile(call: Callable[[], object]):
    """Have ``call`` made by another thread, which waits for whatever the block has; its answer is in the list."""
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    yield thread.start, answers
    thread.join(20)
    assert answers, "it has not come back, or raised"


def waits_for_a_lock(server) -> None:
    """Return when somebody does."""
    deadline = time.monotonic() + 10
    with psycopg.connect(server.url(), autocommit=True) as other:
        while not other.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone():
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)


def test_a_worker_is_told_what_it_was_granted_though_the_answer_was_lost(server, url):
    with CuttingProxy(server.port) as proxy, open_store(url.replace(f":{server.port}/", f":{proxy.port}/")) as store:
        ids = [f"job-{number}" for number in range(5)]
        added(store, *ids)
        recorder = Recorder(store)
        recorder.start()
        told: queue.Queue[list[object]] = queue.Queue()
        answers = []
        for job_id in ids:
            proxy.armed.set()
            recorder.claim([a_claim(job_id, token=job_id)], told.put)
            answers += told.get(timeout=20)
        recorder.close()
        assert proxy.cuts == len(ids)
        assert answers == [Claimed(job_id, 1, 0, 5) for job_id in ids]


def test_what_is_being_asked_for_again_is_not_purged(store):
    running(store, "again", "goes")
    store.record([a_failure("again"), a_failure("goes")])
    with meanwhile(lambda: store.purge(older_than_s=-1.0)) as (start, purged), store.group():
        store.retry(["again"])
        start()
        deadline = time.monotonic() + 10
        while not purged:  # it waits for nobody
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert purged[0].count == 1
    assert the_job(store, "again").state is JobState.QUEUED


def test_a_key_whose_job_is_being_deleted_is_free_for_who_waited(server, store):
    store.add([a_job("old", idempotency_key="k")])
    store.cancel(["old"])
    with meanwhile(lambda: store.add([a_job("new", idempotency_key="k")])[0]) as (start, answers), store.group():
        store.delete(["old"])
        start()
        waits_for_a_lock(server)
    assert (answers[0].job_id, answers[0].existed) == ("new", False)
    assert store.get(["old"]) == [None]
    assert the_job(store, "new").state is JobState.QUEUED


def test_a_lease_lasts_from_when_it_is_granted_however_long_its_row_was_waited_for(server, store):
    added(store)
    with meanwhile(lambda: store.claim([a_claim(lease_s=2.0)])) as (start, answers), store.group():
        store.claim([a_claim(message_id="spends time", lease_s=0.0)])
        start()
        waits_for_a_lock(server)
        time.sleep(2.2)
    assert isinstance(answers[0][0], Claimed)
    assert store.claim([a_claim(worker_id="another", message_id="other")])[0].refusal == "busy"


def test_an_unknown_job_that_two_are_told_of_at_once_is_granted_to_one(server, store):
    later = [a_claim("new", message_id="m-2"), a_claim("free")]
    with meanwhile(lambda: store.claim(later)) as (start, answers), store.group():
        first = store.claim([a_claim("new", message_id="m-1")])
        start()
        waits_for_a_lock(server)
    assert [isinstance(each, Claimed) for each in (*first, *answers[0])] == [True, False, True]
    assert the_job(store, "new").message_id == "m-1"
    assert store.request("free") == REQUEST


def test_a_call_that_loses_a_race_is_made_again(server, store):
    running(store, "a", "b")

    def group() -> bool:
        with store.group():
            store.record([an_outcome("b")])
            locked.set()
            assert asked.wait(10)
            waits_for_a_lock(server)
            return store.record([an_outcome("a")]) == [True]

    locked, asked = threading.Event(), threading.Event()
    done: list[object] = []

    def insist() -> None:
        try:
            done.append(group())
        except StoreBusy:  # one of the two has to give way; whoever has a group asks again by itself
            done.append(store.record([an_outcome("a"), an_outcome("b")]))

    thread = threading.Thread(target=insist)
    thread.start()
    assert locked.wait(10)
    asked.set()
    assert [each.state for each in store.cancel(["a", "b"])]
    thread.join(20)
    assert done
    assert all(job.finished for job in store.get(["a", "b"]))


def test_a_read_that_fails_in_a_group_undoes_it(store):
    running(store)

    def heedless() -> None:
        with store.group():
            store.record([an_outcome()])
            with pytest.raises(StoreError):
                store.find(limit=-5)

    with pytest.raises(StoreError, match="nothing of the group"):
        heedless()
    assert the_job(store).state is JobState.RUNNING


def test_a_forked_process_has_connections_of_its_own(store):
    added(store, "job-1")
    child = os.fork()
    if child == 0:
        try:
            ids = [job.id for job in store.find().jobs]
            store.add([a_job("from-the-child")])
            os._exit(0 if ids == ["job-1"] else 1)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as pytest
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {job.id for job in store.find().jobs} == {"job-1", "from-the-child"}


def test_a_database_that_cannot_hold_every_text_is_refused(server):
    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute(
            "CREATE DATABASE plain ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc "
            "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    with pytest.raises(StoreError, match=r"SQL_ASCII.*ENCODING 'UTF8'"):
        open_store(server.url("plain"))


def test_rows_go_in_portions_that_a_server_takes():
    rows = [{"body": b"x" * size} for size in (40_000_000, 30_000_000, 1, 70_000_000, 5)]
    assert [[len(row["body"]) for row in part] for part in portions(rows)] == [
        [40_000_000],
        [30_000_000, 1],
        [70_000_000],
        [5],
    ]
    many = [{"job_id": str(number)} for number in range(10_001)]
    assert [len(part) for part in portions(many)] == [5000, 5000, 1]


def test_many_large_bodies_are_added_in_one_call(store):
    body = os.urandom(1 << 20)
    store.add([a_job(f"job-{number}", request=Request("POST", "/", (), body)) for number in range(80)])
    assert store.request("job-79").body == body
