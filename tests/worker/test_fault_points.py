"""A process dies exactly between two steps, at every point there is: nothing is lost, and every job has one result.

===============  =========  ==========================================================================================
dies at          who dies   what must hold, once time has passed and another worker has started
===============  =========  ==========================================================================================
``inserted``     submitter  the jobs are in the store and no message is: a worker publishes and runs all of them
``published``    submitter  the messages are not noted, so they are published again: each job runs all the same
``noted``        submitter  the jobs run; nobody but the submitter has missed anything
``delivered``    worker     nothing was claimed: the messages come again
``claimed``      worker     attempts that were never begun are crashes; they are made again
``ended``        worker     attempts that were made and not recorded are made again
``committing``   worker     the same, or the claim was not made
``recorded``     worker     the result stands; the message comes again, and is not run
``acked``        worker     the same
``swept``        worker     what was taken from the store comes due again
``republished``  worker     what was published and not noted is published again
``mirrored``     worker     every dead letter is on the dead-letter topic: at least once, since that is not noted either
===============  =========  ==========================================================================================

Where a worker dies, the broker is the embedded one: leases at Google's would have to be waited for.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing

import pytest
from breaking import is_frozen, publish
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.faults import VARIABLE
from pubsubctl.job import Job

SUBMITTER_POINTS = ["inserted", "published", "noted"]
WORKER_POINTS = ["delivered", "claimed", "ended", "committing", "recorded", "acked", "swept", "republished", "mirrored"]
LONGER_THAN_ANY_WAIT_S = 2 * 24 * 3600.0
"""PUBLISH_GRACE_S, LEASE_GRACE_S and LOST_MESSAGE_S all go by."""


def let_time_pass(project: Project) -> None:
    """At the broker every lease runs out, which a broker that starts anew knows nothing of."""
    daemon.stop(project.state)
    daemon.start(project.state)
    let_time_pass_in_the_store(project)


def let_time_pass_in_the_store(project: Project) -> None:
    """For whoever comes next it is the same whether its clock is later, or all that was, earlier."""
    times = ("created_at", "not_before", "started_at", "finished_at", "lease_until", "due_at")
    earlier = ", ".join(f"{column} = {column} - {LONGER_THAN_ANY_WAIT_S}" for column in times)
    with closing(sqlite3.connect(project.state.jobs_db)) as database, database:
        database.execute(f"UPDATE jobs SET {earlier}")


def submit_and_die(project: Project, point: str) -> None:
    lines = "".join(json.dumps({"method": "POST", "path": "/echo", "json": {"n": n}}) + "\n" for n in range(5))
    done = subprocess.run(
        [sys.executable, "-m", "pubsubctl", "submit", "--from", "-"],
        cwd=project.folder,
        env=os.environ | project.places | {VARIABLE: f"{point}:kill"},
        input=lines.encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def run_and_die(project: Project, point: str) -> None:
    project.environment[VARIABLE] = (
        f"{point}:kill:2" if point in ("delivered", "ended", "recorded") else f"{point}:kill"
    )
    worker = project.worker("--max-attempts", "1", ready=False)
    del project.environment[VARIABLE]
    assert worker.wait(30) == -signal.SIGKILL, project.log()


def until_all_have_ended(client: Client, count: int) -> dict[str, Job]:
    def jobs() -> dict[str, Job]:
        return {job.id: job for job in client.store.find(limit=1000).jobs}

    wait_for(lambda: all(job.finished for job in jobs().values()), what="every job has ended", timeout_s=30)
    assert len(jobs()) == count
    return jobs()


def pulled_dead_letters(project: Project, expected: set[str]) -> Counter[str]:
    """How many times each was published, once all that is expected has come and no more does."""
    settings = project.settings
    found: Counter[str] = Counter()
    with Connection(settings) as connection:

        def pull() -> int:
            answer = connection.subscriber.pull(
                subscription=settings.dead_letter_subscription_path, max_messages=100, timeout=1.0
            )
            found.update(received.message.attributes["dead-letter-job"] for received in answer.received_messages)
            return len(answer.received_messages)

        wait_for(lambda: not pull() and found.keys() >= expected, what=f"{expected} on the dead-letter topic")
    return found


def check_runs(project: Project, jobs: dict[str, Job]) -> None:
    """No attempt was run twice, none was run that the store does not know of, and what succeeded was run."""
    runs = project.runs
    assert max(Counter(runs).values()) == 1
    assert all(1 <= attempt <= jobs[job_id].attempt for job_id, attempt in runs)
    last = {(job.id, job.attempt) for job in jobs.values() if job.state is JobState.SUCCEEDED}
    assert last <= set(runs)


@pytest.mark.on_every_broker
@pytest.mark.parametrize("point", SUBMITTER_POINTS)
def test_a_submitter_that_dies_leaves_no_job_behind(project, point):
    submit_and_die(project, point)
    let_time_pass_in_the_store(project)
    project.worker()
    with project.client() as client:
        jobs = until_all_have_ended(client, 5)
        assert {job.state for job in jobs.values()} == {JobState.SUCCEEDED}
        results = [client.result(job_id).json() for job_id in sorted(jobs)]
    assert results == [{"n": number} for number in range(5)]
    assert {job.attempt for job in jobs.values()} == {1}
    check_runs(project, jobs)
    assert len(project.runs) == 5, "what was published twice was run once"


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_dies_leaves_no_job_behind(project, point):
    with project.client() as client:
        good = [client.submit("GET", "/attempt").id for _ in range(4)]
        delayed = client.submit("GET", "/attempt", delay=0.2).id
        failing = client.submit("GET", "/status/503").id
        cancelled = client.submit("GET", "/attempt")
        cancelled.cancel()
        (message_id,) = publish(project, Outgoing(b"no job"))
        malformed = f"msg-{message_id}"
        run_and_die(project, point)
        let_time_pass(project)
        late = next((job for job in good if not client.get(job).finished), None)
        ran_before = Counter(project.runs)
        if late is not None:
            client.job(late).cancel()
        project.worker("--max-attempts", "1")
        wait_for(lambda: client.store.get([malformed])[0] is not None, what="the malformed message is known")
        jobs = until_all_have_ended(client, 8)

        assert jobs[delayed].state is JobState.SUCCEEDED
        assert all(jobs[job].state is JobState.SUCCEEDED for job in good if job != late)
        assert (jobs[failing].state, jobs[failing].reason) == (JobState.FAILED, "exhausted")
        assert (jobs[malformed].state, jobs[malformed].reason) == (JobState.FAILED, "malformed")
        for job_id in (*good, delayed):
            if job_id != late:
                assert client.result(job_id).json() == {"job": job_id, "attempt": jobs[job_id].attempt}
        assert jobs[cancelled.id].state is JobState.CANCELLED
        assert cancelled.id not in dict(project.runs)
        if late is not None:
            assert jobs[late].state is JobState.CANCELLED
            assert late not in dict(Counter(project.runs) - ran_before), "nothing is run that was cancelled"
        check_runs(project, jobs)
        letters = pulled_dead_letters(project, {failing, malformed})
    assert set(letters) == {failing, malformed}
    assert max(letters.values()) <= 2


def freeze(project: Project, point: str) -> subprocess.Popen[bytes]:
    project.environment[VARIABLE] = f"{point}:stop"
    worker = project.worker("--max-attempts", "1", ready=False)
    del project.environment[VARIABLE]
    wait_for(lambda: is_frozen(worker.pid), what=f"the worker has frozen; it printed: {project.log()}")
    wait_for(lambda: holds_no_lock(project, worker), what="the worker is frozen outside of a write")
    return worker


def holds_no_lock(project: Project, frozen: subprocess.Popen[bytes]) -> bool:
    """Whoever freezes in the midst of a write to a SQLite file keeps others from writing: it is let on a little."""
    with closing(sqlite3.connect(project.state.jobs_db, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            frozen.send_signal(signal.SIGCONT)
            frozen.send_signal(signal.SIGSTOP)
            return False
    return True


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_wakes_when_its_jobs_were_given_to_another_changes_nothing(project, point):
    with project.client() as client:
        good = [client.submit("GET", "/attempt").id for _ in range(4)]
        delayed = client.submit("GET", "/attempt", delay=0.2).id
        failing = client.submit("GET", "/status/503").id
        frozen = freeze(project, point)
        let_time_pass(project)
        project.worker("--max-attempts", "1")
        jobs = until_all_have_ended(client, 6)
        results = {job_id: client.result(job_id) for job_id in jobs}
        frozen.send_signal(signal.SIGCONT)
        assert project.stop(frozen) == 0, project.log(0)

        assert until_all_have_ended(client, 6) == jobs
        assert {job_id: client.result(job_id) for job_id in jobs} == results
    assert all(
        results[job_id].json() == {"job": job_id, "attempt": jobs[job_id].attempt} for job_id in (*good, delayed)
    )
    assert (jobs[failing].state, jobs[failing].reason) == (JobState.FAILED, "exhausted")
    check_runs(project, jobs)
