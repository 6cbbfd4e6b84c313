"""When a worker ends by itself.

What breaks the broker is for the embedded one alone: Google's takes no faults, and all tests share one.
"""

import signal
import sqlite3
from dataclasses import dataclass, replace

import pytest
from breaking import chaos, kill_the_broker, publish
from project import Project, ended, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.errors import StoreUnreachable
from pubsubctl.worker.stopping import Limits, StopConditions


@dataclass
class Given:
    """A worker's work, as a test says it is."""

    busy: bool = False
    jobs_ended: int = 0
    ration_used: bool = False
    soon: int = 0
    later: int = 0
    store: bool = True
    broker: bool = True
    open: bool = True
    now: float = 100.0

    def idle(self) -> bool:
        return not self.busy

    def answered(self) -> int:
        return self.jobs_ended

    def used_up(self) -> bool:
        return self.ration_used

    def pending(self, within_s: float) -> int:
        if not self.store:
            raise StoreUnreachable("away")
        return self.soon + (self.later if within_s > 1000 else 0)

    def broker_answers(self) -> bool:
        return self.broker

    def listens(self) -> bool:
        return self.broker and self.open


BURST = Limits(burst=True)


def after(given: Given, limits: Limits, *later: dict[str, object]) -> str | None:
    """What is found 1.5 s after each of some changes."""
    conditions = StopConditions(limits, given, lambda _: None, clock=lambda: given.now)
    found = conditions.met()
    for change in ({}, *later):
        given.__dict__.update(change)
        given.now += 1.5
        found = conditions.met()
    return found


def test_a_burst_ends_when_no_job_is_left():
    assert after(Given(), BURST, {}) == "--burst: no job is left"


def test_the_end_of_a_burst_tells_what_is_left_to_the_next_run():
    assert after(Given(later=3), BURST, {}) == "--burst: no job is left but 3 due in a minute or later"


@pytest.mark.parametrize(
    "given",
    [Given(busy=True), Given(soon=1), Given(store=False), Given(broker=False), Given(open=False)],
    ids=["a job runs", "a job is due soon", "the store is away", "the broker is away", "no stream is open"],
)
def test_a_burst_goes_on_while(given):
    assert after(replace(given), BURST, {}, {}) is None


def test_a_burst_that_waited_for_the_broker_ends_when_that_is_back(caplog):
    back = {"broker": True}
    assert after(Given(broker=False), BURST, {}, {}, back) is None, "it has not had the time to send what it has"
    caplog.clear()
    assert after(Given(broker=False), BURST, {}, {}, back, {}, {}) == "--burst: no job is left"
    assert caplog.text.count("waited for") == 1


def test_a_burst_waits_a_minute_for_a_stream_that_the_broker_refuses():
    assert after(Given(open=False), BURST, *[{}] * 38) is None
    assert after(Given(open=False), BURST, *[{}] * 42) == "--burst: no job is left"
    away = Given(open=False, broker=False)
    assert after(away, BURST, *[{}] * 60, {"broker": True}, {}) is None, "it is back since a moment"


def test_no_time_without_a_job_is_counted_before_the_last_one_has_ended():
    limits = Limits(max_idle_s=3)
    assert after(Given(), limits, {"jobs_ended": 1}, {}) is None
    assert after(Given(), limits, {"jobs_ended": 1}, {}, {}) == "--max-idle-time: no job for 3 s"


def test_whichever_limit_is_reached_first_ends_the_worker():
    limits = Limits(burst=True, max_jobs=2, max_idle_s=60)
    assert after(Given(), limits, {}) == "--burst: no job is left"
    assert after(Given(soon=5), limits, {"ration_used": True}) == "--max-jobs: 2 done"
    assert after(Given(soon=5), limits, *[{}] * 40) == "--max-idle-time: no job for 60 s"


def said_why(project: Project, why: str) -> None:
    told = [line for line in project.log().splitlines() if "draining" in line]
    assert len(told) == 1, project.log()
    assert why in told[0]


@pytest.mark.on_every_broker
def test_a_burst_runs_all_there_is_and_leaves_what_is_due_later(project):
    with project.client() as client:
        jobs = [client.submit("GET", f"/noop?n={n}") for n in range(20)]
        again = client.submit("GET", "/fails-until/2")
        later = [client.submit("GET", "/noop", delay=3600) for _ in range(2)]
        worker = project.worker("--burst", ready=False)
        assert worker.wait(40) == 0
        assert {job.state for job in (*jobs, again)} == {JobState.SUCCEEDED}
        assert {job.state for job in later} == {JobState.QUEUED}
    said_why(project, "--burst: no job is left but 2 due in a minute or later")


@pytest.mark.on_every_broker
def test_two_workers_of_a_burst_both_end_when_the_last_job_of_either_has(project):
    with project.client() as client:
        jobs = [client.submit("GET", f"/sleep/0.5?n={n}") for n in range(6)]
        workers = [project.worker("--burst", "-p", "1", ready=False) for _ in range(2)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert len(project.runs) == len(jobs)


@pytest.mark.on_every_broker
def test_a_burst_of_nothing_ends_soon(project):
    assert project.worker("--burst", ready=False).wait(20) == 0


@pytest.mark.on_every_broker
def test_a_burst_mirrors_the_dead_letters_that_it_leaves(project):
    with project.client() as client:
        job = client.submit("GET", "/status/500", max_attempts=1)
        assert project.worker("--burst", ready=False).wait(30) == 0
        assert job.state is JobState.FAILED
    with sqlite3.connect(project.state.jobs_db) as database:
        (due,) = database.execute("SELECT count(*) FROM jobs WHERE due_at IS NOT NULL").fetchone()
    database.close()
    assert due == 0, "its dead letter has been published"


@pytest.mark.on_every_broker
def test_a_burst_runs_messages_that_no_store_knows(project):
    project.setup()
    publish(project, *[Outgoing(b"", {"path": f"/noop?n={n}"}) for n in range(5)])
    assert project.worker("--burst", ready=False).wait(30) == 0
    assert len(project.runs) == 5


def test_a_burst_runs_them_where_the_broker_takes_its_time_too(project):
    publish(project, *[Outgoing(b"", {"path": f"/noop?n={n}"}) for n in range(5)])
    with chaos(project, "delay=1500ms"):
        assert project.worker("--burst", "-p", "1", ready=False).wait(40) == 0
    assert len(project.runs) == 5


def test_a_burst_waits_for_a_broker_that_has_gone_away(project):
    worker = project.worker("--burst", "-p", "1")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        kill_the_broker(project)
        (project.folder / "end").touch()
        assert ended(job).state is JobState.SUCCEEDED
        wait_for(lambda: "may have more, is waited for" in project.log(), what="the worker says what it waits for")
        assert worker.poll() is None
        daemon.start(project.state)
        assert worker.wait(60) == 0
    assert project.runs == [(job.id, 1)]


@pytest.mark.on_every_broker
def test_no_more_attempts_are_begun_than_asked_for(project):
    with project.client() as client:
        jobs = [client.submit("GET", f"/noop?n={n}") for n in range(30)]
        worker = project.worker("--max-jobs", "5", "-p", "2", "-t", "2", ready=False)
        assert worker.wait(40) == 0
        assert sum(job.state is JobState.SUCCEEDED for job in jobs) == 5
        assert len(project.runs) == 5
        said_why(project, "--max-jobs: 5 done")
        assert project.worker("--burst", ready=False).wait(40) == 0
        assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert len(set(project.runs)) == len(jobs)


def test_a_failed_attempt_is_one_of_those_asked_for(project):
    with project.client() as client:
        job = client.submit("GET", "/fails-until/2")
        assert project.worker("--max-jobs", "1", ready=False).wait(30) == 0
        assert (job.state, project.runs) == (JobState.RETRYING, [(job.id, 1)])


def test_a_worker_that_has_had_no_job_for_long_enough_ends(project):
    worker = project.worker("--max-idle-time", "2s", "-p", "1")
    with project.client() as client:
        job = client.submit("GET", "/sleep/3")
        assert ended(job).state is JobState.SUCCEEDED, "a job that runs longer is no idle time"
    assert worker.wait(30) == 0
    said_why(project, "--max-idle-time: no job for 2 s")


def test_a_signal_ends_a_worker_with_limits_too(project):
    worker = project.worker("--burst", "--max-jobs", "100")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        worker.send_signal(signal.SIGTERM)
        wait_for(lambda: "draining (SIGTERM)" in project.log(), what="it drains")
        (project.folder / "end").touch()
        assert worker.wait(30) == 0
        assert job.state is JobState.SUCCEEDED
