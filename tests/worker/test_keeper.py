"""What runs keeps its lease, what is lost is told by attempt, progress gets through, overdue jobs are stopped."""

import queue
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from project import wait_for

from pubsubctl.errors import StoreUnreachable
from pubsubctl.exchange import Request
from pubsubctl.store.claims import Claim, Claimed, Lease, Refusal, Refused, WorkerInfo
from pubsubctl.store.sql import SqlStore
from pubsubctl.store.sqlite import SqliteDatabase
from pubsubctl.worker.keeper import Keeper
from pubsubctl.worker.outcome import Ending, TimedOut
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.task import Task

HERE = Path(__file__).parent
LEASE_S = 10.0
RENEWED_S = LEASE_S / 3 + 0.01
INFO = WorkerInfo("worker-1", "host", 1, "testapp:app", "subscription", 1)


class Listener:
    """Keeps how attempts ended."""

    def __init__(self) -> None:
        self.ends: queue.SimpleQueue[tuple[Task, Ending]] = queue.SimpleQueue()

    def loaded(self) -> None:
        pass

    def room_made(self) -> None:
        pass

    def ended(self, endings: Sequence[tuple[Task, Ending]]) -> None:
        for ended in endings:
            self.ends.put(ended)

    def stopped(self, task: Task) -> None:
        pass

    def interrupted(self, task: Task) -> None:
        pass

    def failed(self, error: Exception) -> None:
        pass


class ReportingStore(SqlStore):
    """A store in whose heartbeat a task reports more progress."""

    reports: tuple[Task, tuple[float, str]] | None = None

    def heartbeat(self, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
        lost = super().heartbeat(worker, leases, lease_s=lease_s)
        if self.reports is not None and leases:
            task, task.progress = self.reports
            self.reports = None
        return lost


class Rig:
    """A keeper between a store and a pool. ``now`` is the time of the store and of the keeper."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.path = folder / "jobs.db"
        self.path.touch()
        self.store = ReportingStore(SqliteDatabase(self.path, lambda: self.now, lock_timeout_s=0.05))
        self.listener = Listener()
        self.pool = Pool("testapp:app", self.listener, processes=1, threads=1)
        self.lost: queue.SimpleQueue[list[Task]] = queue.SimpleQueue()
        self.ticks: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.presence = Presence("the store is back")
        self.held = 0
        self.keeper = Keeper(
            self.store,
            self.pool,
            INFO,
            lease_s=LEASE_S,
            lost=self.lost.put,
            tick=lambda: self.ticks.put(None),
            held=lambda: self.held,
            clock=lambda: self.now,
            presence=self.presence,
        )

    def running(
        self, job_id: str = "j", path: str = "/noop", message_id: str = "m", timeout_s: float | None = None
    ) -> Task:
        """An attempt that was granted and is in the pool."""
        (claimed,) = self.store.claim([self.claim(job_id, path, message_id)])
        assert isinstance(claimed, Claimed)
        task = Task(claimed, Request.of("GET", path), timeout_s)
        self.pool.run([task])
        return task

    def claim(self, job_id: str, path: str = "/noop", message_id: str = "m") -> Claim:
        return Claim(job_id, message_id, "worker-1", LEASE_S, 5, 10, 0.0, 3600.0, Request.of("GET", path), "topic")

    def lease_left(self, job_id: str) -> float:
        (refused,) = self.store.claim([self.claim(job_id)])
        assert isinstance(refused, Refused)
        assert refused.refusal is Refusal.HELD
        return refused.wait_s

    def look(self) -> None:
        """Wait until the keeper has looked at what it finds now."""
        while not self.ticks.empty():
            self.ticks.get()
        for _ in range(2):  # the first may have begun before
            self.ticks.get(timeout=20)

    def progress(self) -> tuple[float | None, str | None]:
        (job,) = self.store.get(["j"])
        assert job is not None
        return job.progress_fraction, job.progress_note

    def close(self) -> None:
        self.keeper.close()
        self.pool.stop()
        self.store.close()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_a_worker_is_known_as_soon_as_it_has_started(rig):
    rig.keeper.start()
    assert [worker.id for worker in rig.store.workers()] == ["worker-1"]


def test_a_worker_that_has_nothing_any_more_is_soon_known_as_idle(rig):
    def told() -> tuple[int, int]:
        (worker,) = rig.store.workers()
        return worker.busy, worker.held

    rig.held = 3
    rig.keeper.start()
    assert told() == (0, 3)
    rig.now += 1
    rig.look()
    assert told() == (0, 3)
    rig.held = 0
    rig.now += 1
    rig.look()
    assert told() == (0, 0)


def test_all_leases_are_renewed_in_good_time(rig):
    ids = ["a", "b", "c"]
    for job_id in ids:
        rig.running(job_id)
    rig.keeper.start()
    for _ in range(4):
        rig.now += RENEWED_S
        rig.look()
        assert [rig.lease_left(job_id) for job_id in ids] == [LEASE_S] * 3


def test_leases_are_not_written_more_often_than_they_must(rig, slow):
    rig.keeper.start()
    before = slow.calls
    rig.now += LEASE_S / 3 - 0.01
    rig.running()  # later than that, since one that has been here for long is checked for a cancellation
    rig.look()
    assert slow.calls == before


def test_a_renewal_that_failed_is_made_up_for_at_once(rig):
    rig.running()
    rig.keeper.start()
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rig.now += RENEWED_S
        rig.look()
        other.execute("ROLLBACK")
    rig.look()
    assert rig.lease_left("j") == LEASE_S


def test_a_store_that_is_away_is_not_back_because_there_is_nothing_to_write(rig):
    task = rig.running()
    rig.keeper.start()
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task.progress = (0.5, "half")
        wait_for(lambda: rig.presence.trouble is not None, what="the store is missed")
        assert rig.pool.kill(task, None)
        rig.look()
        rig.look()
        assert rig.presence.trouble is not None
        other.execute("ROLLBACK")
    wait_for(lambda: rig.presence.trouble is None, what="the store is found")


def test_a_lost_lease_is_told_by_its_attempt(rig):
    first = rig.running()
    rig.now += LEASE_S
    second = rig.running(message_id="another")
    assert (first.claimed.attempt, second.claimed.attempt) == (1, 2)
    rig.keeper.start()
    for _ in range(2):
        rig.now += RENEWED_S
        assert rig.lost.get(timeout=20) == [first]


def test_a_cancelled_job_is_told_as_lost(rig):
    task = rig.running()
    rig.keeper.start()
    rig.store.cancel(["j"])
    rig.now += RENEWED_S
    assert rig.lost.get(timeout=20) == [task]


def test_progress_reaches_the_store_and_is_not_written_again(rig):
    task = rig.running()
    rig.keeper.start()
    task.progress = (0.5, "half")
    wait_for(lambda: rig.progress() == (0.5, "half"), what="the progress is in the store")
    wait_for(lambda: task.progress is None, what="the progress is taken")


def test_progress_outlives_a_heartbeat_that_failed(rig):
    task = rig.running()
    rig.keeper.start()
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task.progress = (1.0, "done")
        rig.look()
        other.execute("ROLLBACK")
    assert rig.progress() == (None, None)
    wait_for(lambda: rig.progress() == (1.0, "done"), what="the last progress is in the store")


def test_progress_reported_during_a_heartbeat_is_in_the_next_one(rig):
    task = rig.running()
    rig.store.reports = task, (1.0, "done")
    rig.keeper.start()
    task.progress = (0.5, "half")
    wait_for(lambda: rig.progress() == (1.0, "done"), what="the last progress is in the store")


def test_a_job_over_its_timeout_is_killed(rig):
    rig.pool.start()
    task = rig.running(path="/sleep/100", timeout_s=0.5)
    rig.keeper.start()
    assert rig.listener.ends.get(timeout=20) == (task, TimedOut(0.5))


class SlowStore(ReportingStore):
    """A store that takes its time over every heartbeat, or has none: then it is away."""

    pause_s = 0.0
    away = False
    calls = 0
    leases: tuple[str, ...] = ()

    def heartbeat(self, worker: WorkerInfo, leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
        self.calls += 1
        self.leases = tuple(lease.job_id for lease in leases)
        time.sleep(self.pause_s)
        if self.away:
            raise StoreUnreachable("the store is away")
        return super().heartbeat(worker, leases, lease_s=lease_s)


@pytest.fixture
def slow(rig: Rig) -> Iterator[SlowStore]:
    """The rig's store, as slow as the test says."""
    rig.store.__class__ = SlowStore
    assert isinstance(rig.store, SlowStore)
    yield rig.store
    rig.store.pause_s = 0.0


def test_a_store_that_takes_five_seconds_a_call_delays_no_timeout(rig, slow):
    rig.pool.start()
    rig.keeper.start()
    slow.pause_s = 5.0
    first = rig.running(path="/sleep/100", timeout_s=1.0)
    rig.now += RENEWED_S
    wait_for(lambda: first.began_at is not None and slow.leases == ("j",), what="a heartbeat is under way")
    assert rig.listener.ends.get(timeout=20)[0] is first
    assert first.began_at is not None
    assert time.monotonic() - first.began_at < 4.0


def test_timeouts_are_kept_while_the_store_is_away(rig, slow):
    rig.pool.start()
    rig.keeper.start()
    task = rig.running(path="/stubborn", timeout_s=0.5)
    slow.away = True
    rig.now += RENEWED_S
    ended, ending = rig.listener.ends.get(timeout=20)
    assert ended is task
    assert isinstance(ending, TimedOut)


def test_a_job_that_is_stopped_dies_in_time_while_the_store_takes_its_time(rig, slow):
    rig.pool.start()
    rig.keeper.start()
    task = rig.running(path="/stubborn")
    wait_for(lambda: task.began_at is not None, what="it has begun")
    slow.pause_s = 5.0
    rig.now += RENEWED_S
    wait_for(lambda: slow.leases == ("j",), what="a heartbeat is under way")
    stopped_at = time.monotonic()
    rig.pool.kill(task, TimedOut(1.0))
    rig.listener.ends.get(timeout=20)
    assert time.monotonic() - stopped_at < 4.0


def test_a_cancelled_job_that_waits_behind_a_long_one_is_told_long_before_its_lease_is_renewed(rig):
    rig.pool.start()
    long = rig.running("long", path="/sleep/100")
    wait_for(lambda: long.began_at is not None, what="it has begun")
    waiting = rig.running("waiting")
    rig.keeper.start()
    rig.look()
    rig.store.cancel(["waiting"])
    rig.now += 1.0
    assert rig.lost.get(timeout=20) == [waiting]


def test_all_jobs_that_are_here_for_long_are_looked_at_in_one_call(rig, slow):
    rig.pool.start()
    tasks = [rig.running(f"j{n}", path="/sleep/100") for n in range(4)]
    wait_for(lambda: tasks[0].began_at is not None, what="one has begun")
    rig.keeper.start()
    rig.look()
    before = slow.calls
    rig.now += 0.6
    rig.running("new")
    rig.look()
    assert slow.calls == before
    rig.now += 0.2
    rig.look()
    assert slow.calls == before + 1
    assert sorted(slow.leases) == ["j0", "j1", "j2", "j3"], "what has just come need not be looked at"
    rig.now += RENEWED_S
    rig.look()
    assert sorted(slow.leases) == ["j0", "j1", "j2", "j3", "new"]
