"""SIGKILL for every part in turn, in the middle of 500 jobs: each of them ends once, with one result.

On the embedded emulator alone: what was on its way to a killed worker comes from Google's again after a minute or more.
"""

import os
import signal
from collections import Counter

from breaking import kill_the_broker
from pool_kit import alive
from process_parts import children_of
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.emulator import daemon

JOBS = 500


def kill_a_child(project: Project) -> None:
    children = children_of(project.workers[-1].pid)
    assert children, "the worker has children"
    os.kill(children[0], signal.SIGKILL)


def kill_and_start_the_broker(project: Project) -> None:
    address = kill_the_broker(project)
    assert daemon.start(project.state).address == address, "clients find it where it was"


def test_no_job_is_lost_and_none_has_two_results(project):
    project.worker("--prefetch", "20")
    with project.client() as client:
        jobs = list(client.submit_many({"path": f"/sleep/0.02?n={n}"} for n in range(JOBS)))

        def wait_until(done: int) -> None:
            wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] >= done, what=f"{done} jobs done", timeout_s=60)

        wait_until(50)
        orphans = children_of(project.workers[0].pid)
        project.workers[0].kill()
        project.workers[0].wait()
        wait_for(lambda: not any(map(alive, orphans)), what="its children have died with the parent")

        project.worker("--prefetch", "20")
        wait_until(200)
        kill_a_child(project)
        wait_until(300)
        kill_and_start_the_broker(project)
        wait_until(JOBS)

        assert client.store.counts() == dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: JOBS}
        check_results(client, [job.id for job in jobs])
    runs = Counter(job_id for job_id, _ in project.runs)
    assert set(runs) == {job.id for job in jobs}
    assert max(Counter(project.runs).values()) == 1, "no attempt was run twice"
    print(f"{JOBS} jobs, {sum(runs.values())} runs")


def check_results(client: Client, job_ids: list[str]) -> None:
    """Every job has the result of the one attempt that its row names."""
    for job in client.store.get(job_ids):
        assert job is not None
        response = client.store.response(job.id)
        assert response is not None
        assert (job.http_status, response.body) == (200, b"slept")
        assert job.attempt >= 1
