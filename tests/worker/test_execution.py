"""What becomes of deliveries that meet a claim of another, on a real store and real children."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from project import wait_for

from pubsubctl import wire
from pubsubctl.exchange import USUAL_RETRY_ON, Request, RetryOn
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Outcome
from pubsubctl.store.opening import open_store
from pubsubctl.store.timeline import EventKind
from pubsubctl.worker.delivery import Terms
from pubsubctl.worker.execution import Execution
from pubsubctl.worker.pool import Pool
from pubsubctl.worker.recorder import Recorder
from pubsubctl.worker.task import Task

HERE = Path(__file__).parent

with_room_left = pytest.mark.parametrize("rig", [{"threads": 4}], ids=["4 threads"], indirect=True)
where_nothing_is_begun_twice = pytest.mark.parametrize(
    "rig", [{"retry_on": RetryOn.of("none")}], ids=["none"], indirect=True
)


class Arrival:
    """A message as a stream hands it on; keeps what is done with it."""

    def __init__(self, job_id: str, message_id: str = "m1", path: str = "/noop", **more: Any) -> None:
        self.message_id = message_id
        envelope = wire.Envelope(job_id, Request.of("GET", path), store_id=more.get("store_id"))
        self.data, self.attributes = wire.encode(envelope)
        self.ordering_key = more.get("ordering_key", "")
        self.published_at = time.time() - more.get("age_s", 0)
        self.delivery_attempt = 0
        self.settled: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def ack(self, *others: Self) -> None:
        for each in (self, *others):
            each.settled.put(("ack",))

    def nack(self, *others: Self) -> None:
        for each in (self, *others):
            each.settled.put(("nack",))

    def drop(self) -> None:
        self.settled.put(("drop",))

    def outcome(self) -> tuple[Any, ...]:
        return self.settled.get(timeout=20)


class Rig:
    def __init__(
        self, store: Store, *, threads: int = 1, retry_on: RetryOn = USUAL_RETRY_ON, ahead_s: float = 0.0
    ) -> None:
        self.store = store
        self.recorder = Recorder(store)
        self.dead_letters: queue.SimpleQueue[None] = queue.SimpleQueue()
        terms = Terms("us", store.store_id, "topic", None, 60, None, 5, 3600.0, retry_on=retry_on)
        self.execution = Execution(
            terms,
            self.recorder,
            on_loaded=lambda: None,
            on_dead_letter=lambda: self.dead_letters.put(None),
            on_failure=lambda _: None,
            clock=lambda: time.time() + ahead_s,
        )
        self.pool = Pool("testapp:app", self.execution, processes=1, threads=threads)
        self.execution.attach(self.pool)
        self.recorder.start()
        self.pool.start()

    def deliver(self, *arrivals: Arrival) -> None:
        self.execution.deliver(arrivals, self)

    def state(self, job_id: str) -> JobState | None:
        job = self.store.get([job_id])[0]
        return None if job is None else job.state

    def attempt(self, job_id: str) -> int:
        job = self.store.get([job_id])[0]
        return 0 if job is None else job.attempt

    def wait(self, *, until: Callable[[], bool]) -> None:
        """Be the keeper, whose ticks move on what waits, until a condition holds."""

        def look() -> bool:
            self.execution.tick()
            return until()

        wait_for(look, what="what waits has gone on")

    def claimed_elsewhere(self, job_id: str, message_id: str, *, lease_s: float = 60.0) -> Claimed:
        claim = Claim(job_id, message_id, "them", lease_s, 5, 10, 0.0, 3600.0, Request.of("GET", "/noop"), "topic")
        (claimed,) = self.store.claim([claim])
        assert isinstance(claimed, Claimed)
        return claimed


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """With room for one job and the usual terms, unless a test asks for others."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    with open_store(str(tmp_path / "jobs.db")) as store:
        rig = Rig(store, **getattr(request, "param", {}))
        yield rig
        rig.execution.drain(0.0)
        rig.pool.stop()
        rig.recorder.close()


def test_it_is_acked_only_after_its_result_is_stored(rig):
    arrival = Arrival("a")
    rig.deliver(arrival)
    assert arrival.outcome() == ("ack",)
    assert rig.state("a") is JobState.SUCCEEDED


def test_a_second_delivery_of_a_job_that_has_ended_is_acked_and_not_run(rig):
    rig.deliver(first := Arrival("a"))
    first.outcome()
    rig.deliver(again := Arrival("a", "m2"))
    assert again.outcome() == ("ack",)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert job.attempt == 1


def test_a_job_that_runs_under_another_message_is_left_to_that_one(rig):
    rig.claimed_elsewhere("a", "theirs")
    rig.deliver(arrival := Arrival("a", "ours"))
    assert arrival.outcome() == ("ack",)
    assert rig.state("a") is JobState.RUNNING


def test_the_very_message_of_a_running_job_waits_until_its_lease_has_run_out(rig):
    rig.claimed_elsewhere("a", "same", lease_s=1.0)
    rig.deliver(arrival := Arrival("a", "same"))
    rig.wait(until=lambda: rig.attempt("a") == 2)
    assert arrival.outcome() == ("ack",)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert (job.state, job.crashes) == (JobState.SUCCEEDED, 1)


def refused(rig: Rig, job_id: str) -> int:
    return sum(event.kind is EventKind.REFUSED for event in rig.store.history(job_id))


def run_until(rig: Rig, end: Path, **more: Any) -> Arrival:
    """Deliver a job that runs until a file exists."""
    rig.deliver(arrival := Arrival("a", path=f"/until{end}", **more))
    wait_for(lambda: rig.state("a") is JobState.RUNNING, what="the job runs")
    return arrival


@with_room_left
def test_the_very_message_of_a_job_that_runs_here_waits_for_its_end_and_asks_nobody(rig, tmp_path):
    running = run_until(rig, tmp_path / "end")
    rig.deliver(*(again := [Arrival("a"), Arrival("a")]), other := Arrival("b", "m2"))
    for _ in range(10):
        rig.execution.tick()
    assert refused(rig, "a") == 0
    (tmp_path / "end").touch()
    assert [arrival.outcome() for arrival in (running, other, *again)] == [("ack",)] * 4
    assert (rig.attempt("a"), refused(rig, "a")) == (1, 2)


@with_room_left
def test_it_takes_the_job_when_the_attempt_is_given_back(rig, tmp_path):
    running = run_until(rig, tmp_path / "end")
    rig.deliver(again := Arrival("a"))
    assert refused(rig, "a") == 0
    (task,) = rig.pool.tasks()
    rig.pool.kill(task, None)
    rig.execution.interrupted(task)
    (tmp_path / "end").touch()
    assert (running.outcome(), again.outcome()) == (("ack",), ("ack",))
    assert (rig.state("a"), rig.attempt("a")) == (JobState.SUCCEEDED, 2)


@with_room_left
def test_it_learns_of_a_cancellation(rig, tmp_path):
    running = run_until(rig, tmp_path / "end")
    rig.deliver(again := Arrival("a"))
    assert refused(rig, "a") == 0
    rig.store.cancel(["a"])
    rig.execution.lost(rig.pool.tasks())
    assert (running.outcome(), again.outcome()) == (("drop",), ("ack",))


@with_room_left
def test_it_is_given_back_by_a_drain(rig, tmp_path):
    run_until(rig, tmp_path / "end")
    rig.deliver(again := Arrival("a"))
    rig.wait(until=lambda: len(rig.execution._hand._aside) == 1)
    rig.execution.drain(0.0)
    assert again.outcome() == ("nack",)


def test_a_job_that_a_drain_stops_is_given_back_when_its_process_is_dead(rig):
    rig.deliver(arrival := Arrival("a", path="/stubborn"))
    wait_for(lambda: any(task.began_at for task in rig.pool.tasks()), what="the job runs")
    (child,) = (child.pid for child in rig.pool._children)
    draining = threading.Thread(target=rig.execution.drain, args=(0.0,))
    draining.start()
    assert arrival.outcome() == ("nack",)
    assert not Path(f"/proc/{child}").exists()
    assert rig.state("a") is JobState.QUEUED
    draining.join()


def test_a_job_whose_owner_is_gone_is_taken_over(rig):
    rig.claimed_elsewhere("a", "same", lease_s=0.0)
    rig.deliver(arrival := Arrival("a", "same"))
    assert arrival.outcome() == ("ack",)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert (job.state, job.attempt, job.crashes) == (JobState.SUCCEEDED, 2, 1)


def test_a_result_that_comes_too_late_is_dropped_and_its_message_not_acked(rig, tmp_path):
    rig.deliver(arrival := Arrival("a", path=f"/until{tmp_path}/end"))
    wait_for(lambda: rig.state("a") is JobState.RUNNING, what="the job runs")
    rig.store.cancel(["a"])
    (tmp_path / "end").touch()
    assert arrival.outcome() == ("drop",)
    assert rig.state("a") is JobState.CANCELLED
    assert rig.store.response("a") is None


def test_a_retry_that_is_not_due_is_left_to_the_sweeper(rig):
    claimed = rig.claimed_elsewhere("a", "m1")
    rig.store.record([Outcome("a", claimed.attempt, JobState.RETRYING, Reason.STATUS, "503", retry_in_s=100)])
    rig.deliver(arrival := Arrival("a", "m1"))
    assert arrival.outcome() == ("ack",)
    assert rig.state("a") is JobState.RETRYING


def test_with_an_ordering_key_it_is_kept_until_it_is_due(rig):
    claimed = rig.claimed_elsewhere("a", "m1")
    rig.store.record([Outcome("a", claimed.attempt, JobState.RETRYING, Reason.STATUS, "503", retry_in_s=1, held=True)])
    rig.deliver(arrival := Arrival("a", "m1", ordering_key="k"))
    rig.wait(until=lambda: rig.attempt("a") == 2)
    assert arrival.outcome() == ("ack",)


def test_what_is_kept_is_nacked_by_a_drain(rig):
    claimed = rig.claimed_elsewhere("a", "m1")
    rig.store.record([Outcome("a", claimed.attempt, JobState.RETRYING, Reason.STATUS, "503", retry_in_s=99, held=True)])
    rig.deliver(arrival := Arrival("a", "m1", ordering_key="k"))
    rig.deliver(other := Arrival("b"))
    assert other.outcome() == ("ack",)  # so the first has been refused, and is kept
    rig.execution.drain(0.0)
    assert arrival.outcome() == ("nack",)


def test_messages_of_another_store_are_given_back_at_once(rig):
    arrivals = [Arrival("theirs", f"m{number}", store_id="elsewhere") for number in range(50)]
    rig.deliver(*arrivals, ours := Arrival("ours"))
    assert {arrival.outcome() for arrival in arrivals} == {("nack",)}
    assert ours.outcome() == ("ack",)
    assert rig.state("theirs") is None


def test_malformed_messages_do_not_hold_up_the_jobs_behind_them(rig):
    malformed = [Arrival("x", f"m{number}") for number in range(50)]
    for arrival in malformed:
        arrival.attributes = {}
    rig.deliver(*malformed, good := Arrival("good"))
    assert good.outcome() == ("ack",)
    assert rig.state("good") is JobState.SUCCEEDED
    assert {arrival.outcome() for arrival in malformed} == {("ack",)}


def test_nothing_new_is_claimed_while_the_store_is_away(rig):
    rig.recorder._available = False
    rig.deliver(arrival := Arrival("a"))
    rig.execution.tick()
    assert rig.recorder._next.claims == []
    rig.recorder._available = True
    rig.execution.tick()
    assert arrival.outcome() == ("ack",)


def test_an_attempt_that_was_interrupted_is_made_again_and_counts_as_none(rig, tmp_path):
    rig.deliver(arrival := Arrival("a", path=f"/until{tmp_path}/end"))
    wait_for(lambda: rig.state("a") is JobState.RUNNING, what="the job runs")
    (task,) = rig.pool.tasks()
    rig.pool.kill(task, None)
    rig.execution.interrupted(task)
    (tmp_path / "end").touch()
    assert arrival.outcome() == ("ack",)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert (job.state, job.attempt, job.failures, job.crashes) == (JobState.SUCCEEDED, 2, 0, 0)


@where_nothing_is_begun_twice
@pytest.mark.parametrize(("began_at", "state"), [(None, JobState.QUEUED), (1.0, JobState.FAILED)])
def test_where_nothing_is_begun_twice_what_was_stopped_before_it_began_is_given_back(rig, began_at, state):
    # As what is claimed beyond what --max-jobs allows.
    task = Task(rig.claimed_elsewhere("a", "m1"), Request.of("GET", "/noop"), began_at=began_at)
    rig.execution.interrupted(task)
    wait_for(lambda: rig.state("a") is not JobState.RUNNING, what="that is written")
    assert rig.state("a") is state


def test_a_message_older_than_results_are_kept_is_a_dead_letter_and_not_run(rig):
    rig.deliver(arrival := Arrival("a", age_s=7200))
    assert arrival.outcome() == ("ack",)
    rig.dead_letters.get(timeout=20)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert (job.state, job.reason, job.attempt) == (JobState.FAILED, "forgotten", 0)


def test_what_waits_is_given_back_but_for_what_a_stream_has_just_brought_and_what_has_an_ordering_key(rig, tmp_path):
    rig.deliver(running := Arrival("running", path=f"/until{tmp_path}/end"))
    wait_for(lambda: rig.state("running") is JobState.RUNNING, what="the job runs")
    rig.deliver(waiting := Arrival("waiting", "m2"), *(keyed := [Arrival(n, n, ordering_key="k") for n in ("1", "2")]))
    new = object()
    rig.execution.deliver([latest := Arrival("latest", "m4")], new)
    rig.execution.spare(new, claimed=False)
    assert waiting.outcome() == ("nack",)
    (tmp_path / "end").touch()
    assert [each.outcome() for each in (running, latest, *keyed)] == [("ack",)] * 4
    assert waiting.settled.empty()
    assert rig.state("waiting") is None


def test_what_was_claimed_ahead_is_given_back_with_its_attempt_uncounted_once_jobs_are_long(rig, tmp_path):
    rig.deliver(*(short := [Arrival(f"short-{n}", f"s{n}") for n in range(100)]))
    assert [each.outcome() for each in short] == [("ack",)] * 100
    long = Arrival("long", path=f"/until{tmp_path}/end")
    rig.deliver(long, *(ahead := [Arrival(f"ahead-{n}", f"a{n}") for n in range(5)]))
    wait_for(lambda: rig.state("ahead-0") is JobState.RUNNING, what="it is claimed")
    wait_for(lambda: rig.execution.tempo().stalled_s > 0.2, what="the child has given it back")
    rig.execution.spare(ahead[0], claimed=False)
    assert rig.state("ahead-0") is JobState.RUNNING
    rig.execution.spare(None, claimed=True)
    assert [each.outcome() for each in ahead] == [("nack",)] * 5
    assert rig.state("ahead-0") is JobState.QUEUED
    (tmp_path / "end").touch()
    assert long.outcome() == ("ack",)


def test_a_drain_gives_back_what_waits_behind_a_job_of_its_key_after_that_and_all_else_before(rig, tmp_path):
    settled: list[str] = []

    class Watched(Arrival):
        def ack(self) -> None:
            settled.append(f"{self.message_id} acked")

        def nack(self, *others: Arrival) -> None:
            settled.extend(each.message_id for each in (self, *others))

    running = Watched("a1", "a1", path=f"/until{tmp_path}/end", ordering_key="a")
    rig.deliver(running, *(Watched(n, n, ordering_key=n[0]) for n in ("a2", "b1", "a3", "b2")), Watched("c", "c"))
    wait_for(lambda: any(task.began_at for task in rig.pool.tasks()), what="the first runs")
    drain = threading.Thread(target=rig.execution.drain, args=(20.0,))
    drain.start()
    wait_for(lambda: len(settled) == 3, what="what nobody waits for is given back")
    assert settled == ["b1", "c", "b2"]
    (tmp_path / "end").touch()
    drain.join()
    assert settled[3:] == ["a1 acked", "a2", "a3"]


def test_a_job_that_a_drain_gives_back_comes_again_before_what_waits_behind_it(rig, tmp_path):
    rig.deliver(running := Arrival("1", "1", path=f"/until{tmp_path}/end", ordering_key="k"))
    wait_for(lambda: any(task.began_at for task in rig.pool.tasks()), what="the first runs")
    nacked: list[str] = []
    running.nack = lambda *others: nacked.extend(each.message_id for each in (running, *others))  # type: ignore[method-assign]
    rig.deliver(*(Arrival(n, n, ordering_key="k") for n in ("2", "3")))
    rig.execution.drain(0.0)
    assert nacked == ["1", "2", "3"]


def test_what_comes_while_draining_is_nacked_at_once(rig):
    rig.execution.drain(0.0)
    rig.deliver(arrival := Arrival("a", ordering_key="k"))
    assert arrival.outcome() == ("nack",)
    assert rig.state("a") is None


def test_a_queued_row_is_claimed_by_its_message(rig):
    rig.store.add([NewJob("a", Request.of("GET", "/attempt"), "topic", max_attempts=3)])
    rig.deliver(arrival := Arrival("a", path="/attempt"))
    assert arrival.outcome() == ("ack",)
    job = rig.store.get(["a"])[0]
    assert job is not None
    assert (job.state, job.max_attempts) == (JobState.SUCCEEDED, 3)


@pytest.mark.parametrize(
    ("rig", "age_s", "runs"),
    [({"ahead_s": -4000.0}, 3700.0, True), ({"ahead_s": 4000.0}, 0.0, False)],
    ids=["our clock is ahead", "our clock is behind"],
    indirect=["rig"],
)
def test_how_old_a_message_is_is_told_by_the_stores_clock(rig, age_s, runs):
    """Results are kept for an hour: who believed a clock that is wrong by more would run no job, or old ones."""
    rig.deliver(arrival := Arrival("nobody-knows-it", age_s=age_s))
    assert arrival.outcome() == ("ack",)
    assert rig.state("nobody-knows-it") is (JobState.SUCCEEDED if runs else JobState.FAILED)
