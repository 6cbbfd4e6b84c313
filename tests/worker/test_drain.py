"""How a worker ends: what runs may end, the rest is given back, nothing is lost, whoever is away."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from breaking import pulled
from pool_kit import alive
from process_parts import children_of
from project import Project, ended, in_state, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.emulator import daemon


def unacked(project: Project) -> set[str]:
    """The jobs whose messages the broker still has, when no lease keeps any of them away."""
    let_leases_lapse(project)
    found: set[str] = set()
    while messages := pulled(project, project.settings.subscription_path):
        found |= {message.attributes["job-id"] for message in messages}
    return found


def let_leases_lapse(project: Project) -> None:
    """The embedded emulator forgets them when it starts anew; of Google's they have to be waited for."""
    if project.google is None:
        daemon.stop(project.state)
        daemon.start(project.state)
    else:
        ended_at = time.monotonic()
        wait_for(lambda: time.monotonic() - ended_at > project.lease_s + 1, what="every lease has lapsed")


def until_draining(project: Project) -> None:
    wait_for(lambda: "draining" in project.log(), what="the worker drains")


def never_ending(project: Project) -> str:
    return f"/until{project.folder}/end"


def let_end(project: Project) -> None:
    (project.folder / "end").touch()


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """The store cannot be written."""
    lock = sqlite3.connect(project.state.jobs_db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


@pytest.mark.on_every_broker
def test_every_job_that_has_ended_is_acknowledged_and_no_other(project):
    worker = project.worker("-p", "2", "-t", "2")
    with project.client() as client:
        jobs = list(client.submit_many({"path": f"/sleep/0.05?n={n}"} for n in range(100)))
        wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] > 20, what="some jobs are done")
        assert project.stop(worker) == 0
        states = {job.id: job.refresh().state for job in jobs}
    done = {job_id for job_id, state in states.items() if state is JobState.SUCCEEDED}
    assert set(states.values()) == {JobState.SUCCEEDED, JobState.QUEUED}
    assert unacked(project) == set(states) - done
    assert {job_id for job_id, _ in project.runs} == done


@pytest.mark.on_every_broker
def test_a_drain_that_lasts_longer_than_the_lease_runs_its_job_once(project):
    # Over 10 s, the shortest lease there is.
    worker = project.worker("-p", "1", "--drain-timeout", "60")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        lease = job.refresh()
        worker.send_signal(signal.SIGTERM)
        until_draining(project)
        project.worker("-p", "1")
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 12, what="a lease has passed")
        let_end(project)
        assert worker.wait(20) == 0
        record = ended(job)
        assert client.submit("GET", "/noop").result(20).status == 200
    assert (record.state, record.attempt, record.worker) == (JobState.SUCCEEDED, 1, lease.worker)
    assert [run for run in project.runs if run[0] == job.id] == [(job.id, 1)]


def test_an_idle_worker_tells_that_it_drains_and_that_it_has(project):
    worker = project.worker()
    assert project.stop(worker) == 0
    assert "draining (SIGTERM): no job runs" in project.log()
    (took_s,) = re.findall(r"drained in ([\d.]+) s", project.log())
    assert float(took_s) < 10, "it waited for nothing"
    assert "attempts ended 0, given back 0" in project.log()


@pytest.mark.on_every_broker
def test_a_drain_tells_how_many_jobs_it_let_end_and_gave_back(project):
    worker = project.worker("-p", "2", "--drain-timeout", "2")
    with project.client() as client:
        ends, stays = (client.submit("GET", f"/until{project.folder}/{name}") for name in ("end", "never"))
        until_running(ends)
        until_running(stays)
        worker.send_signal(signal.SIGTERM)
        wait_for(lambda: "draining (SIGTERM): 2 running may end within 2 s" in project.log(), what="it says so")
        let_end(project)
        assert worker.wait(20) == 0
    assert "attempts ended 1, given back 1" in project.log()


@pytest.mark.on_every_broker
def test_what_was_prefetched_is_given_back_at_once(project):
    project.environment["PUBSUBCTL_LEASE"] = "600"  # so that nobody gets it because it lapsed
    first = project.worker("-p", "1", "--prefetch", "1000")
    with project.client() as client:
        running = client.submit("GET", never_ending(project))
        until_running(running)
        jobs = list(client.submit_many({"path": f"/noop?n={n}"} for n in range(1000)))
        first.send_signal(signal.SIGTERM)
        until_draining(project)
        project.worker("-p", "1")
        wait_for(lambda: client.store.counts()[JobState.SUCCEEDED] == len(jobs), what="another has run them all")
        assert first.poll() is None
        let_end(project)
        assert first.wait(20) == 0
        assert running.state is JobState.SUCCEEDED
    assert max(Counter(project.runs).values()) == 1


@pytest.mark.on_every_broker
def test_a_second_signal_stops_what_runs_and_it_runs_again_elsewhere(project):
    worker = project.worker("-p", "1", "--drain-timeout", "600")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        orphans = children_of(worker.pid)
        worker.send_signal(signal.SIGTERM)
        until_draining(project)
        signal_again(project, worker, signal.SIGTERM)
        assert worker.wait(20) == 0
        assert not any(map(alive, orphans))
        assert job.refresh().state is JobState.QUEUED
        project.worker("-p", "1")
        let_end(project)
        record = ended(job)
    assert (record.state, record.attempt, record.failures, record.crashes) == (JobState.SUCCEEDED, 2, 0, 0)


def signal_again(project: Project, worker: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal later than half a second after the first, so that it is no echo of that."""
    heard = time.monotonic()
    wait_for(lambda: time.monotonic() - heard > 0.6, what="a while")
    worker.send_signal(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_signals_at_once_are_one(project, number):
    worker = project.worker("-p", "1", "--drain-timeout", "600")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        worker.send_signal(number)
        until_draining(project)
        worker.send_signal(number)
        let_end(project)
        assert worker.wait(20) == 0
        assert job.state is JobState.SUCCEEDED


def test_a_third_signal_leaves_at_once_whatever_holds_the_worker_up(project):
    project.environment["PUBSUBCTL_FAULT"] = "recorded:wait:60"
    worker = project.worker("-p", "1", "--drain-timeout", "600")
    orphans = children_of(worker.pid)
    with project.client() as client:
        client.submit("GET", "/noop").wait(20)
        worker.send_signal(signal.SIGTERM)
        until_draining(project)
        for _ in range(2):
            signal_again(project, worker, signal.SIGTERM)
        assert worker.wait(10) == 130
    assert "left at once (SIGTERM)" in project.log()
    assert "Traceback" not in project.log()
    wait_for(lambda: not any(map(alive, orphans)), what="its children are gone")


def test_what_does_not_end_in_time_for_docker_stop_is_given_back_before_its_sigkill(project):
    # `docker stop` sends SIGTERM, and SIGKILL 10 s later.
    worker = project.worker("-p", "1", "--drain-timeout", "5")
    with project.client() as client:
        job = client.submit("GET", "/stubborn")
        until_running(job)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
        record = job.refresh()
    assert (record.state, record.failures, record.crashes) == (JobState.QUEUED, 0, 0)


def test_children_die_with_a_parent_that_is_killed(project):
    worker = project.worker("-p", "2")
    with project.client() as client:
        job = client.submit("GET", "/stubborn")
        until_running(job)
        orphans = children_of(worker.pid)
        assert len(orphans) == 2
        worker.kill()
        worker.wait()
        wait_for(lambda: not any(map(alive, orphans)), what="they are gone")


def test_a_hangup_drains(project):
    worker = project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        worker.send_signal(signal.SIGHUP)
        until_draining(project)
        let_end(project)
        assert worker.wait(20) == 0
        assert job.state is JobState.SUCCEEDED


ON_A_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)  # which makes it the terminal of this session
for number in range(3):
    os.dup2(terminal, number)
os.close(terminal)
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def on_a_terminal(project: Project, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A worker on a terminal of its own, as from a shell; yields it, and our end of the terminal."""
    ours, its = pty.openpty()
    prefix = (sys.executable, "-c", ON_A_TERMINAL, os.ttyname(its))
    try:
        worker = project.worker(*flags, prefix=prefix)
    finally:
        os.close(its)
    yield worker, ours


def test_ctrl_c_is_heard_by_the_worker_and_not_by_its_children(project):
    with on_a_terminal(project, "-p", "1") as (worker, terminal), project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        os.write(terminal, b"\x03")
        shown = b""
        while b"draining (SIGINT)" not in shown:
            shown += os.read(terminal, 65536)
        let_end(project)
        assert worker.wait(20) == 0
        os.close(terminal)
        assert ended(job).attempt == 1
    assert project.runs == [(job.id, 1)]


def test_a_terminal_that_is_closed_drains(project):
    with on_a_terminal(project, "-p", "1") as (worker, terminal), project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        os.close(terminal)
        let_end(project)
        assert worker.wait(20) == 0
        assert ended(job).attempt == 1
    assert project.runs == [(job.id, 1)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_whose_app_hangs_as_it_is_imported(project, number):
    (project.folder / "hangs.py").write_text("import time, pathlib\npathlib.Path('begun').touch()\ntime.sleep(600)\n")
    worker = project.worker("-p", "1", app="hangs:app", ready=False)
    wait_for((project.folder / "begun").exists, what="the app is being imported")
    orphans = children_of(worker.pid)
    worker.send_signal(number)
    assert worker.wait(20) == 0
    assert f"stopped before the app was loaded ({number.name})" in project.log()
    assert not any(map(alive, orphans))


def test_a_signal_before_the_children_are_started_ends_a_worker_without_a_traceback(project):
    for number, codes in ((signal.SIGINT, {0, 130}), (signal.SIGTERM, {0, -signal.SIGTERM})):
        for ms in range(0, 1000, 250):
            worker = project.worker("-p", "1", ready=False)
            began = time.monotonic()
            wait_for(lambda began=began, ms=ms: time.monotonic() - began > ms / 1000, what="a while")
            worker.send_signal(number)
            ended = worker.wait(20)
            # Where the machine is slow, no line of ours has run by then: the interpreter ends as any program does.
            assert ended in codes | ({-signal.SIGINT} if ms <= 250 or "worker ready" not in project.log() else set())
            assert ms == 0 or "Traceback" not in project.log()


def test_a_store_that_is_away_does_not_keep_a_worker_from_ending(project):
    worker = project.worker("-p", "1", "--drain-timeout", "1")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        with locked(project):
            let_end(project)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0
        assert "Traceback" not in project.log()
        project.worker("-p", "1")
        assert ended(job).state is JobState.SUCCEEDED
    assert [attempt for _, attempt in project.runs] == [1, 2]


@pytest.mark.on_every_broker
def test_a_worker_that_is_stopped_and_continued_drains(project):
    worker = project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", never_ending(project))
        until_running(job)
        worker.send_signal(signal.SIGSTOP)
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGCONT)
        until_draining(project)
        let_end(project)
        assert worker.wait(20) == 0
        assert job.state is JobState.SUCCEEDED
    assert project.runs == [(job.id, 1)]


def test_a_result_that_could_not_be_written_yet_is_written_by_the_drain(project):
    project.environment["PUBSUBCTL_FAULT"] = "ended:wait:2"
    worker = project.worker("-p", "1")
    with project.client() as client:
        job = client.submit("GET", "/noop")
        wait_for(lambda: project.runs == [(job.id, 1)], what="it has run")
        assert project.stop(worker) == 0
        assert in_state(client, job.id, JobState.SUCCEEDED)()
    assert unacked(project) == set()


def test_a_worker_that_breaks_itself_says_so(project):
    project.environment["PUBSUBCTL_FAULT"] = "recorded:kill:1000"
    project.worker()
    assert "PUBSUBCTL_FAULT=recorded:kill:1000 is set" in project.log()
