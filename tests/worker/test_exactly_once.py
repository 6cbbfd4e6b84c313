"""Subscriptions with exactly-once delivery: acks may fail, then a job's message comes again, and nothing else does."""

import time
from collections import Counter

import pytest
from breaking import chaos, left_over, thaw, wait_for_all, wait_until_frozen, wait_until_lapsed
from probing import metrics
from process_parts import threads_of
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.broker.provision import Wanted
from pubsubctl.store.timeline import EventKind

EXACT = Wanted(enable_exactly_once_delivery=True)
BOTH = Wanted(enable_exactly_once_delivery=True, enable_message_ordering=True)


def set_up(project: Project, wanted: Wanted) -> Project:
    (project.folder / "pubsubctl.toml").write_text('subscription = "exact"\n')
    project.setup(wanted)
    return project


@pytest.fixture
def exact(project: Project) -> Project:
    return set_up(project, EXACT)


def refusals(client: Client, job_id: str) -> list[str | None]:
    return [event.text for event in client.store.history(job_id) if event.kind is EventKind.REFUSED]


@pytest.mark.on_every_broker
def test_many_jobs_run_once_each_and_nothing_is_left(exact):
    worker = exact.worker("-p", "2")
    with exact.client() as client:
        jobs = list(client.submit_many({"path": f"/attempt?n={n}"} for n in range(200)))
        wait_for_all(client, ended=200)
        assert all(client.result(job.id).json() == {"job": job.id, "attempt": 1} for job in jobs)
    assert Counter(exact.runs).total() == 200
    assert exact.stop(worker) == 0
    assert left_over(exact, "exact") == 0


@pytest.mark.on_every_broker
def test_retries_and_crashes_are_as_on_any_subscription(exact):
    exact.worker("-p", "2")
    with exact.client() as client:
        jobs = [
            client.submit("GET", path, max_attempts=2) for path in ("/fails-until/2", "/dies/SIGKILL", "/status/503")
        ]
        assert [job.wait(30).state for job in jobs] == [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED]
        assert [job.refresh().attempt for job in jobs] == [2, 2, 2]
        assert all(refusals(client, job.id) == [] for job in jobs), "each delivery was an attempt"


def test_an_ack_that_fails_for_good_brings_the_message_again_and_it_finds_the_job_done(exact):
    exact.environment["PUBSUBCTL_FAULT"] = "recorded:stop"
    worker = exact.worker("-p", "1", "--prefetch", "0")
    with exact.client() as client:
        job = client.submit("GET", "/noop")
        wait_until_frozen(worker)
        wait_until_lapsed(exact, {job.id})
        thaw(worker.pid)
        wait_for(lambda: refusals(client, job.id) != [], what="it has come again", timeout_s=40)
        assert client.submit("GET", "/noop").result(20).status == 200
        assert refusals(client, job.id) == ["the job has ended already"]
        assert (client.get(job.id).state, client.get(job.id).attempt) == (JobState.SUCCEEDED, 1)
    assert exact.stop(worker) == 0
    assert exact.runs.count((job.id, 1)) == 1
    assert left_over(exact, "exact") == 0


def test_an_ack_that_fails_for_now_is_sent_again_and_nothing_else_comes_of_it(exact):
    worker = exact.worker("-p", "2", "--host-port", "127.0.0.1:0")
    with exact.client() as client:
        client.submit("GET", "/noop").result(20)
        before = len(threads_of(worker.pid))
        with chaos(exact, "drop-ack=0.2,seed=3"):
            jobs = list(client.submit_many({"path": f"/attempt?n={n}"} for n in range(200)))
            wait_for_all(client, ended=201)
            wait_for(lambda: metrics(exact)["pubsubctl_worker_leases"] == 0, what="all acks are through")
        assert all(client.result(job.id).json() == {"job": job.id, "attempt": 1} for job in jobs)
        assert [refusals(client, job.id) for job in jobs] == [[]] * 200
        wait_for(lambda: len(threads_of(worker.pid)) <= before, what="no thread has stayed behind")
    assert exact.stop(worker) == 0
    assert len(exact.runs) == 201
    assert left_over(exact, "exact") == 0


def test_a_drain_waits_for_no_ack_that_always_fails(exact):
    worker = exact.worker("-p", "1")
    with exact.client() as client:
        with chaos(exact, "drop-ack=1"):
            job = client.submit("GET", "/noop")
            assert job.result(20).status == 200
            began = time.monotonic()
            assert exact.stop(worker) == 0
            assert time.monotonic() - began < 10
        exact.worker("-p", "1")
        wait_for(lambda: refusals(client, job.id) != [], what="it has come again")
        assert refusals(client, job.id) == ["the job has ended already"]
    assert exact.runs == [(job.id, 1)]


@pytest.mark.on_every_broker
def test_together_with_ordering_each_job_runs_once_and_in_order(project):
    set_up(project, BOTH).worker("-p", "2")
    with project.client() as client:
        jobs = [client.submit("GET", path, ordering_key="k") for path in ["/noop", "/fails-until/2", "/noop"] * 3]
        assert {job.wait(60).state for job in jobs} == {JobState.SUCCEEDED}
    expected = [(job.id, attempt) for n, job in enumerate(jobs) for attempt in ((1, 2) if n % 3 == 1 else (1,))]
    assert project.runs == expected


def test_together_with_ordering_failing_acks_change_no_order(project):
    set_up(project, BOTH).worker("-p", "1")
    project.worker("-p", "1")
    with project.client() as client, chaos(project, "drop-ack=0.1,nack=0.05,seed=2"):
        lines = {key: [client.submit("GET", "/noop", ordering_key=key) for _ in range(15)] for key in "ab"}
        assert {job.wait(100).state for line in lines.values() for job in line} == {JobState.SUCCEEDED}
    for line in lines.values():
        ids = [job.id for job in line]
        assert [job_id for job_id, _ in project.runs if job_id in ids] == ids
    assert len(project.runs) == 30
