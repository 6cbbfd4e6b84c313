"""Messages that come twice, jobs that two workers hold, acks that are lost: one result each, whatever runs."""

import time
from collections import Counter

import pytest
from breaking import chaos, left_over, publish, wait_for_all
from probing import metrics
from project import wait_for

from pubsubctl import Client, JobState, wire
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.exchange import Request
from pubsubctl.store.timeline import EventKind

JOBS = 300


def message(job_id: str, path: str) -> Outgoing:
    return Outgoing(*wire.encode(wire.Envelope(job_id, Request.of("GET", path))))


def refusals(client: Client, job_id: str) -> int:
    return sum(event.kind is EventKind.REFUSED for event in client.store.history(job_id))


def test_each_of_many_jobs_has_one_result_where_the_broker_doubles_messages_and_loses_acks(project):
    project.worker("-p", "1")
    project.worker("-p", "1")
    with project.client() as client, chaos(project, "duplicate=0.2,drop-ack=0.1,seed=11"):
        jobs = list(client.submit_many({"path": f"/attempt?n={n}"} for n in range(JOBS)))
        wait_for_all(client, ended=JOBS)
        assert client.store.counts()[JobState.SUCCEEDED] == JOBS
        for job in jobs:
            assert client.result(job.id).json() == {"job": job.id, "attempt": client.get(job.id).attempt}
        runs = Counter(project.runs)
        assert len({job_id for job_id, _ in runs}) == JOBS
        assert max(runs.values()) == 1, "no attempt was made twice"
        again = sum(refusals(client, job.id) for job in jobs)
        print(f"{JOBS} jobs, {runs.total()} runs, {again} deliveries refused")
        assert again >= JOBS / 20, "the broker did what it was asked for"
    assert runs.total() == JOBS, "a doubled message alone runs nothing again"


@pytest.mark.on_every_broker
def test_a_job_that_two_messages_carry_runs_once(project):
    project.worker("-t", "2")
    project.worker("-t", "2")
    with project.client() as client:
        publish(project, *[message("twice", f"/until{project.folder}/end")] * 2)
        publish(project, *[message("at-once", "/noop")] * 20)
        wait_for(lambda: ("twice", 1) in project.runs, what="one of them runs")
        wait_for(lambda: refusals(client, "twice") == 1, what="the other one was refused")
        (project.folder / "end").touch()
        wait_for_all(client, ended=2)
        wait_for(lambda: refusals(client, "at-once") == 19, what="each of the others was refused")
        assert client.store.counts()[JobState.SUCCEEDED] == 2
    assert sorted(project.runs) == [("at-once", 1), ("twice", 1)]
    for worker in project.workers:
        project.stop(worker)
    assert left_over(project, project.settings.subscription) == 0


def test_a_message_whose_ack_was_lost_comes_again_and_is_not_run_again(project):
    worker = project.worker("-p", "1", "--host-port", "127.0.0.1:0")
    with project.client() as client:
        with chaos(project, "drop-ack=1"):
            job = client.submit("GET", "/noop")
            assert job.result(20).status == 200
            wait_for(lambda: metrics(project)["pubsubctl_worker_leases"] == 0, what="the ack was sent, and lost")
        wait_for(lambda: refusals(client, job.id) == 1, what="it has come again")
        assert (client.get(job.id).state, client.get(job.id).attempt) == (JobState.SUCCEEDED, 1)
    project.stop(worker)
    assert project.runs == [(job.id, 1)]
    assert left_over(project, project.settings.subscription) == 0, "the second ack was not lost"


def test_a_message_that_comes_again_while_its_job_runs_waits_for_the_end_of_that(project):
    """As after a restart of the broker, which has forgotten who holds what."""
    worker = project.worker("-p", "1", "--prefetch", "1", "--host-port", "127.0.0.1:0")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 1, what="the job runs")
        daemon.stop(project.state)
        daemon.start(project.state)
        wait_for(
            lambda: metrics(project)["pubsubctl_worker_deliveries_total"] == 2,
            what="its message has come again",
            timeout_s=40,
        )
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 1, what="four ticks have passed")
        assert refusals(client, job.id) == 0, "the store was not asked"
        (project.folder / "end").touch()
        record = job.wait(20)
        assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 1, 0)
        wait_for(lambda: refusals(client, job.id) == 1, what="it has found the job done")
    project.stop(worker)
    assert project.runs == [(job.id, 1)]
    assert left_over(project, project.settings.subscription) == 0
