"""What holds for minutes, with the lease that workers have by default: run by `scripts/test -m long` alone.

Google's emulator forgets everything when it is killed, so it is not the broker that goes away.
"""

import time

import pytest
from breaking import deliveries, kill_the_broker, kill_with_children
from project import Project, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.emulator import daemon
from pubsubctl.settings import Settings

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

MINUTE_S = 60
BEHIND = 4


@pytest.fixture
def project(project: Project) -> Project:
    """One whose workers have the lease that they have by default."""
    project.lease_s = Settings.load({}, environ={}, start=project.folder).lease
    return project


@pytest.mark.on_every_broker
def test_a_job_that_holds_the_gil_for_a_quarter_of_an_hour_is_delivered_once_and_so_is_what_waits_behind_it(project):
    project.worker("-p", "1", "--prefetch", str(BEHIND), "--verbose")
    with project.client() as client:
        long = client.submit("GET", f"/holds-the-gil/{15 * MINUTE_S}")
        until_running(long)
        behind = [client.submit("GET", f"/noop?n={n}") for n in range(BEHIND)]
        wait_for(lambda: client.store.workers()[0].held == BEHIND, what="it holds what waits behind the long one")
        project.worker("-p", "1", "--verbose")  # which would be given what lapses
        for job in (long, *behind):
            record = job.wait(17 * MINUTE_S)
            assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 1, 0)
        assert client.submit("GET", "/noop").wait(20).state is JobState.SUCCEEDED
    assert len(project.runs) == BEHIND + 2
    assert deliveries(project, 0) + deliveries(project, 1) == BEHIND + 2, "the broker sent each message once"


@pytest.mark.on_every_broker
def test_what_a_killed_worker_ran_runs_again_within_seventy_seconds(project):
    worker = project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", "/hangs-at-first")
        wait_for(lambda: project.runs == [(job.id, 1)], what="the first attempt runs")
        kill_with_children(worker)
        killed_at = time.monotonic()
        project.worker("-p", "1")
        wait_for(lambda: (job.id, 2) in project.runs, what="it runs again", timeout_s=2 * MINUTE_S)
        assert time.monotonic() - killed_at < 70
        record = job.wait(20)
    assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 2, 1)
    assert project.runs == [(job.id, 1), (job.id, 2)]


def test_a_broker_that_is_away_for_five_minutes_costs_no_job_a_second_run_and_is_told_of_twice(project):
    worker = project.worker("-p", "1", "--prefetch", "2")
    with project.client() as client:
        long = client.submit("GET", f"/sleep/{6 * MINUTE_S}")
        until_running(long)
        queued = [client.submit("GET", f"/noop?n={n}") for n in range(6)]
        wait_for(lambda: client.store.workers()[0].held == 2, what="some are prefetched, and others at the broker")
        kill_the_broker(project)
        gone_at = time.monotonic()
        wait_for(lambda: time.monotonic() - gone_at > 5 * MINUTE_S, what="five minutes", timeout_s=6 * MINUTE_S)
        assert long.state is JobState.RUNNING
        daemon.start(project.state)
        for job in (long, *queued):
            record = job.wait(3 * MINUTE_S)
            assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 1, 0)
        assert client.submit("GET", "/noop").wait(20).state is JobState.SUCCEEDED
    assert worker.poll() is None
    assert sorted(project.runs) == sorted(set(project.runs))
    assert len(project.runs) == 8
    told = [line for line in project.log().splitlines() if " ERROR " in line or " WARNING " in line]
    assert [line.split()[1] for line in told] == ["ERROR", "WARNING"], told
    assert "the broker is back" in told[1]
