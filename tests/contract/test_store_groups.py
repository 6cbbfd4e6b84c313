import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from given import a_claim, a_job, added, an_outcome, running, the_job

from pubsubctl.errors import StoreError
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed

WRITER = Path(__file__).with_name("writer.py")


class Interrupted(BaseException):
    """What no store raises."""


def test_a_store_keeps_its_id_and_its_jobs_when_it_is_opened_again(store, backend):
    added(store)
    store_id = store.store_id
    assert store_id
    store.close()
    again = backend.open()
    assert again.store_id == store_id
    assert the_job(again).state is JobState.QUEUED


def test_calls_in_a_group_see_each_other_and_count_together(store, backend):
    other = backend.open()
    with store.group():
        added(store)
        assert isinstance(store.claim([a_claim()])[0], Claimed)
        assert the_job(store).state is JobState.RUNNING
        assert store.find().jobs == [the_job(store)]
        assert store.record([an_outcome()]) == [True]
        assert other.get(["job-1"]) == [None]
    assert the_job(other).state is JobState.SUCCEEDED


def test_groups_within_groups_are_one(store, backend):
    other = backend.open()
    with store.group():
        with store.group():
            added(store, "inner")
        added(store, "outer")
        assert other.find().jobs == []
    assert len(other.find().jobs) == 2


@pytest.mark.parametrize("error", [ValueError, Interrupted, UnicodeError("mine")])
def test_a_group_that_raises_has_done_nothing_and_the_error_is_the_callers_own(store, error):
    added(store)

    def interrupted() -> None:
        with store.group():
            store.claim([a_claim()])
            added(store, "job-2")
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        interrupted()
    assert the_job(store).state is JobState.QUEUED
    assert store.get(["job-2"]) == [None]
    added(store, "job-2")


def test_a_call_that_fails_inside_a_group_undoes_it_even_if_that_is_caught(store):
    def heedless() -> None:
        with store.group():
            added(store, "job-1")
            with pytest.raises(StoreError, match="already"):
                added(store, "job-1")
            with pytest.raises(StoreError, match="nothing of the group"):
                added(store, "job-2")

    with pytest.raises(StoreError, match="nothing of the group"):
        heedless()
    assert store.find().jobs == []


def test_an_empty_group_does_nothing(store):
    with store.group():
        pass
    assert store.find().jobs == []


def test_a_group_belongs_to_its_thread(store):
    inside, seen = threading.Event(), []

    def elsewhere() -> None:
        assert inside.wait(10)
        seen.append(store.get(["job-1"]))  # a read does not wait for the group
        added(store, "job-2")  # a write does, and is no part of it

    thread = threading.Thread(target=elsewhere)

    def undone() -> None:
        with store.group():
            added(store, "job-1")
            inside.set()
            while not seen:
                thread.join(0.01)
            raise ValueError("undo")

    thread.start()
    with pytest.raises(ValueError, match="undo"):
        undone()
    thread.join(10)
    assert seen == [[None]]
    assert [job.id for job in store.find().jobs] == ["job-2"]


def test_many_threads_write_through_one_store(store):
    def write(name: str) -> None:
        for number in range(20):
            with store.group():
                running(store, f"{name}-{number}")
            store.record([an_outcome(f"{name}-{number}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.counts()[JobState.SUCCEEDED] == 80


def test_a_closed_store_says_so(store):
    store.close()
    store.close()
    for call in (store.find, store.watch, lambda: store.add([a_job()]), lambda: store.group().__enter__()):
        with pytest.raises(StoreError, match="closed"):
            call()


@pytest.mark.parametrize("run", range(3))
def test_a_process_killed_while_it_writes_leaves_whole_groups_and_all_that_it_told(backend, run):
    with subprocess.Popen([sys.executable, WRITER, backend.url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20 + 7 * run)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    store = backend.open()
    groups: dict[str, int] = {}
    for job in store.find(limit=100_000).jobs:
        groups[job.id.split("-")[0]] = groups.get(job.id.split("-")[0], 0) + 1
        assert job.state is JobState.SUCCEEDED
        assert store.response(job.id) is not None
    assert set(groups.values()) == {6}
    assert len(told) <= len(groups) <= len(told) + 1
