"""The store goes away under a worker: what runs is kept, nothing new is begun, and it goes on by itself.

On the embedded emulator alone: the broker, whichever it is, has no part in this.
"""

import resource
import sqlite3
import time

from breaking import deliveries
from project import Project, wait_for

from pubsubctl import JobState

LEASE_S = 10


def troubles(project: Project) -> list[str]:
    return [line for line in project.log().splitlines() if " ERROR " in line or " WARNING " in line]


def test_a_store_that_is_locked_for_longer_than_a_lease_lets_nothing_lapse(project):
    worker = project.worker("-p", "1", "--prefetch", "4", "--verbose")
    with project.client() as client:
        running = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 1, what="the job runs")
        waiting = [client.submit("GET", f"/noop?n={n}") for n in range(3)]
        lock = sqlite3.connect(project.state.jobs_db, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        locked_at = time.monotonic()
        (project.folder / "end").touch()
        wait_for(lambda: time.monotonic() - locked_at > LEASE_S + 2, what="a lease that was not kept has lapsed")
        assert len(project.runs) == 1, "nothing new has begun"
        lock.execute("ROLLBACK")
        lock.close()
        for job in (running, *waiting):
            record = job.wait(20)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
    assert len(project.runs) == 4
    assert deliveries(project) == 4, "the broker sent each message once"
    assert worker.poll() is None


def test_a_store_whose_disk_is_full_for_a_while_is_told_once_and_loses_nothing(project):
    worker = project.worker("-p", "1", "--prefetch", "4")
    with project.client() as client:
        for job in client.submit_many({"path": f"/noop?n={n}"} for n in range(50)):
            assert job.wait(20).state is JobState.SUCCEEDED
        running = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: len(project.runs) == 51, what="the job runs")
        # No file of the worker's may grow any more, beyond what the log still needs.
        log = project.state.jobs_db.with_name("jobs.db-wal").stat().st_size
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (log // 2, resource.RLIM_INFINITY))
        (project.folder / "end").touch()
        wait_for(lambda: "the store is away" in project.log(), what="the worker tells")
        waiting = [client.submit("GET", f"/noop?later={n}") for n in range(3)]
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for job in (running, *waiting):
            record = job.wait(20)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
        wait_for(lambda: "the store is back" in project.log(), what="the worker tells")
    assert len(project.runs) == 54
    assert sum("the store is away" in line for line in troubles(project)) == 1
