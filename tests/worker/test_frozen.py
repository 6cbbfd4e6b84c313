"""Workers and children that stand still for longer than their leases, and go on as if nothing had been.

On the embedded emulator alone: the streams of the frozen have to be cut, and Google's takes no faults.
"""

import os
import signal

import pytest
from breaking import freeze, left_over, thaw, wait_until_frozen, wait_until_lapsed
from process_parts import children_of
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.submitted import SubmittedJob

ALONE = ("-p", "1", "--prefetch", "0")
"""A worker that holds one message and no other."""


def frozen_at(project: Project, client: Client, point: str) -> SubmittedJob:
    """A job, held by a worker that has frozen at a named point of its life."""
    project.environment["PUBSUBCTL_FAULT"] = f"{point}:stop"
    worker = project.worker(*ALONE)
    job = client.submit("GET", f"/attempt?{point}")
    wait_until_frozen(worker)
    return job


def frozen_while_it_runs(project: Project, client: Client, *, group: bool) -> SubmittedJob:
    """A job in the middle of its run, held by a worker that is frozen, with or without its child."""
    worker = project.worker(*ALONE)
    job = client.submit("GET", f"/until{project.folder}/end")
    wait_for(lambda: (job.id, 1) in project.runs, what="the job runs")
    freeze(worker.pid, *children_of(worker.pid) * group)
    return job


@pytest.mark.parametrize(
    ("where", "attempts"), [("claimed", 2), ("ended", 2), ("recorded", 1), ("parent", 2), ("group", 2)]
)
def test_what_a_frozen_worker_held_is_done_by_another_and_its_own_result_is_refused(project, where, attempts):
    with project.client() as client:
        if where in {"parent", "group"}:
            job = frozen_while_it_runs(project, client, group=where == "group")
        else:
            job = frozen_at(project, client, where)
            del project.environment["PUBSUBCTL_FAULT"]
        (frozen,) = project.workers
        (project.folder / "end").touch()

        wait_until_lapsed(project, {job.id})
        rescuer = project.worker("-p", "1")
        record = job.wait(40)
        assert (record.state, record.attempt) == (JobState.SUCCEEDED, attempts)
        result = client.result(job.id)

        thaw(*children_of(frozen.pid), frozen.pid)  # which may end its child at once
        if where not in {"claimed", "recorded"}:  # it comes with a result of its own
            wait_for(
                lambda: "is not ours any more" in project.log(0) or "ours no more" in project.log(0),
                what="it has noticed",
            )
        project.stop(rescuer)
        others = [client.submit("GET", "/noop") for _ in range(5)]
        assert {other.wait(30).state for other in others} == {JobState.SUCCEEDED}, "it goes on working"
        assert (client.get(job.id), client.result(job.id)) == (record, result), "nothing of the result has changed"
        if where == "ended":
            assert result.json() == {"job": job.id, "attempt": 2}
    assert project.stop(frozen) == 0
    assert left_over(project, project.settings.subscription) == 0


def test_a_result_that_comes_late_leaves_the_message_to_whoever_runs_the_job_now(project):
    with project.client() as client:
        job = frozen_while_it_runs(project, client, group=False)
        (frozen,) = project.workers
        wait_until_lapsed(project, {job.id})
        rescuer = project.worker(*ALONE)
        wait_for(lambda: (job.id, 2) in project.runs, what="the other has taken over", timeout_s=40)
        freeze(*children_of(rescuer.pid))  # so that it does not end yet
        (project.folder / "end").touch()
        thaw(frozen.pid)
        wait_for(lambda: "ours" in project.log(0), what="the first has noticed")
        assert job.state is JobState.RUNNING
        rescuer.kill()  # had the first one acked, nobody would have the message now
        rescuer.wait()
        record = job.wait(40)
        assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 3, 2)
    assert project.runs == [(job.id, 1), (job.id, 2), (job.id, 3)]


def test_a_frozen_child_keeps_its_lease_and_is_killed_at_its_timeout(project):
    worker = project.worker("-p", "1", "--job-timeout", "12")
    with project.client() as client:
        job = client.submit("GET", "/hangs-at-first")
        wait_for(lambda: len(project.runs) == 1, what="the job has begun")
        (child,) = children_of(worker.pid)
        os.kill(child, signal.SIGSTOP)
        other = project.worker("-p", "1")  # gets the job if the lease, of 10 s, is not kept
        wait_for(lambda: job.state is JobState.RETRYING, what="the attempt has timed out")
        assert project.runs == [(job.id, 1)]
        record = job.wait(20)
        assert (record.state, record.attempt, record.failures, record.crashes) == (JobState.SUCCEEDED, 2, 1, 0)
    assert project.stop(other) == 0
