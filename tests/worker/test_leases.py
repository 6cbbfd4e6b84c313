"""Leases: what runs, or waits behind it, is nobody else's; what nobody runs any more is soon another's."""

import textwrap
import time
from pathlib import Path

import pytest
from breaking import deliveries, kill_the_broker, kill_with_children
from project import HERE, Project, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.emulator import daemon

LEASE_S = 10


# It takes as long as leases that lapse would need to be noticed, and commits that take 5 s.
def test_a_job_that_holds_the_gil_for_longer_than_its_lease_runs_once_and_so_does_what_waits_behind_it(project):
    project.environment["PUBSUBCTL_FAULT"] = "committing:wait:5"
    project.worker("-p", "1", "--prefetch", "4", "--verbose", ready=False)
    with project.client() as client:
        long = client.submit("GET", f"/holds-the-gil/{LEASE_S + 3}")
        wait_for(lambda: bool(project.runs), what="the job runs")
        behind = [client.submit("GET", f"/noop?n={n}") for n in range(2)]
        for job in (long, *behind):
            record = job.wait(60 if project.google is None else 150)
            assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 1, 0)
    assert sorted(project.runs) == sorted((job.id, 1) for job in (long, *behind))
    assert deliveries(project) == 3, "the broker sent each message once"


@pytest.mark.on_every_broker
@pytest.mark.timeout(240)
def test_a_job_is_another_workers_soon_after_its_worker_was_killed(project):
    check_that_another_runs_it(project)


def test_a_job_is_another_workers_soon_after_everything_was_killed(project):
    check_that_another_runs_it(project, broker_too=True)  # Google's keeps nothing on disk


def check_that_another_runs_it(project: Project, *, broker_too: bool = False) -> None:
    worker = project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", "/hangs-at-first")
        wait_for(lambda: project.runs == [(job.id, 1)], what="the first attempt runs")
        kill_with_children(worker)
        killed_at = time.monotonic()
        if broker_too:
            kill_the_broker(project)
            daemon.start(project.state)
        project.worker("-p", "1")
        record = job.wait(60)
        took_s = time.monotonic() - killed_at
    assert (record.state, record.attempt, record.crashes) == (JobState.SUCCEEDED, 2, 1)
    assert project.runs == [(job.id, 1), (job.id, 2)]
    # Google's may send what was held to the stream of the dead once more.
    assert took_s < 2.5 * LEASE_S if project.google is None else 150


@pytest.mark.parametrize("hours", [2, -2])
def test_leases_are_kept_when_the_clock_is_moved(project, hours):
    keeping = ("pubsubctl.worker.leases", "pubsubctl.worker.feed", "pubsubctl.worker.puller", "pubsubctl.broker")
    clock = clock_to_be_moved(project, of=("google", *keeping))
    project.worker("-p", "1", "--verbose")
    with project.client() as client:
        job = client.submit("GET", f"/until{project.folder}/end")
        until_running(job)
        clock.write_text(str(hours * 3600))
        moved_at = time.monotonic()
        other = client.submit("GET", "/noop")
        wait_for(lambda: time.monotonic() - moved_at > LEASE_S + 2, what="a lease that was not kept has lapsed")
        assert deliveries(project) == 2
        (project.folder / "end").touch()
        for each in (job, other):
            record = each.wait(20)
            assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
        assert client.submit("GET", "/noop").result(20).status == 200
    assert len(project.runs) == 3


def clock_to_be_moved(project: Project, *, of: tuple[str, ...]) -> Path:
    """A file that says by how many seconds time.time() is wrong for the modules of these packages in workers."""
    folder = project.folder / "clock"
    folder.mkdir()
    offset = folder / "offset"
    offset.write_text("0")
    (folder / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
        import sys
        import time

        right = time.time

        def moved():
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if not caller.startswith({of!r}):
                return right()
            with open({str(offset)!r}) as file:
                return right() + float(file.read() or 0)

        time.time = moved
        """)
    )
    project.environment["PYTHONPATH"] = f"{folder}:{HERE}"
    return offset
