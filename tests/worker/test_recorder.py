"""The recorder on a real store: groups, refusals, a store that goes away."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from project import wait_for

from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, NewJob
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refusal, Refused
from pubsubctl.store.messages import Burial
from pubsubctl.store.opening import open_store
from pubsubctl.worker.recorder import Recorder

REQUEST = Request.of("GET", "/")


def claim(job_id: str, message_id: str = "m") -> Claim:
    return Claim(job_id, message_id, "w", 60.0, 5, 10, 0.0, 3600.0, REQUEST, "topic")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "jobs.db")) as store:
        yield store


@pytest.fixture
def recorder(store: Store) -> Iterator[Recorder]:
    recorder = Recorder(store)
    recorder.start()
    yield recorder
    recorder.close()


def answers_of(recorder: Recorder, *claims: Claim) -> list[Claimed | Refused]:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    recorder.claim(claims, told.put)
    answers: list[Claimed | Refused] = told.get(timeout=10)
    return answers


def test_claims_are_answered_in_order(store, recorder):
    store.add([NewJob("a", REQUEST, "topic"), NewJob("b", REQUEST, "topic")])
    first, again, other = answers_of(recorder, claim("a"), claim("a", "m2"), claim("b"))
    assert isinstance(first, Claimed)
    assert again == Refused("a", Refusal.BUSY)
    assert isinstance(other, Claimed)


def test_an_outcome_is_durable_when_it_is_told(store, recorder):
    (claimed,) = answers_of(recorder, claim("a"))
    assert isinstance(claimed, Claimed)
    told: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    outcome = Outcome("a", claimed.attempt, JobState.SUCCEEDED, response=Response(200, body=b"done"))
    recorder.record([(outcome, lambda accepted: told.put((accepted, store.response("a"))))])
    accepted, response = told.get(timeout=10)
    assert accepted
    assert response is not None
    assert response.body == b"done"


def test_an_outcome_of_an_attempt_that_is_not_ours_any_more_is_refused(store, recorder):
    (claimed,) = answers_of(recorder, claim("a"))
    assert isinstance(claimed, Claimed)
    store.release([Lease("a", claimed.attempt)])
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()
    recorder.record([(Outcome("a", claimed.attempt, JobState.SUCCEEDED, response=Response(200)), told.put)])
    assert told.get(timeout=10) is False


def test_what_came_while_a_commit_ran_is_one_group(store, recorder):
    groups: list[int] = []
    hold, entered = threading.Event(), threading.Event()
    commit = store.group

    def counted(**asked: bool) -> Any:
        groups.append(1)
        entered.set()
        assert hold.wait(10)
        return commit(**asked)

    store.group = counted  # type: ignore[method-assign] - the seam is the store's own method
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    recorder.claim([claim("first")], told.put)
    assert entered.wait(10)
    for number in range(50):
        recorder.claim([claim(f"job-{number}")], told.put)
    hold.set()
    for _ in range(51):
        assert isinstance(told.get(timeout=10)[0], Claimed)
    assert len(groups) == 2


def test_nothing_is_lost_while_the_store_is_away(store, recorder):
    away = threading.Event()
    failed = threading.Event()
    commit = store.group

    def gone(**asked: bool) -> Any:
        if not away.is_set():
            failed.set()
            raise StoreUnreachable("gone")
        return commit(**asked)

    store.group = gone  # type: ignore[method-assign]
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    recorder.claim([claim("a")], told.put)
    assert failed.wait(10)
    assert not recorder.available
    away.set()
    assert isinstance(told.get(timeout=10)[0], Claimed)
    assert recorder.available


def test_a_write_that_the_store_refuses_does_not_hold_up_the_others(store, recorder):
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    hold = threading.Event()
    commit = store.group

    def held(**asked: bool) -> Any:
        assert hold.wait(10)
        return commit(**asked)

    store.group = held  # type: ignore[method-assign]
    recorder.claim([claim("first")], told.put)
    recorder.claim([claim("good")], told.put)
    recorder.claim([claim("bad \ud800")], told.put)
    recorder.claim([claim("better")], told.put)
    hold.set()
    answers = [told.get(timeout=10)[0] for _ in range(4)]
    assert {answer.job_id for answer in answers if isinstance(answer, Claimed)} == {"first", "good", "better"}
    (refused,) = [answer for answer in answers if isinstance(answer, Refused)]
    assert refused.refusal is Refusal.HELD


def test_closing_writes_what_is_left(store):
    recorder = Recorder(store)
    recorder.claim([claim("a")], lambda _: None)
    recorder.start()
    recorder.close()
    found = store.get(["a"])[0]
    assert found is not None
    assert found.state is JobState.RUNNING


def refusing(store: Store, method: str, refuses: Callable[[Any], bool]) -> None:
    """Let a store refuse what such writes contain."""
    real = getattr(store, method)

    def call(items: Sequence[Any]) -> Any:
        if any(map(refuses, items)):
            raise StoreError("not that")
        return real(items)

    setattr(store, method, call)


def begun(recorder: Recorder, job_id: str) -> int:
    (claimed,) = answers_of(recorder, claim(job_id))
    assert isinstance(claimed, Claimed)
    return claimed.attempt


def recorded(recorder: Recorder, outcome: Outcome) -> bool:
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()
    recorder.record([(outcome, told.put)])
    return told.get(timeout=10)


def test_a_result_whose_log_the_store_refuses_is_recorded_without_it(store, recorder):
    refusing(store, "record", lambda outcome: bool(outcome.log))
    outcome = Outcome("a", begun(recorder, "a"), JobState.SUCCEEDED, response=Response(200, body=b"done"), log="odd")
    assert recorded(recorder, outcome)
    response = store.response("a")
    assert response is not None
    assert response.body == b"done"


def test_a_result_that_the_store_refuses_fails_its_job_instead_of_being_made_again_for_ever(store, recorder, caplog):
    refusing(store, "record", lambda outcome: outcome.response is not None)
    attempt = begun(recorder, "a")
    assert recorded(recorder, Outcome("a", attempt, JobState.SUCCEEDED, response=Response(200, body=b"done"), log="l"))
    (found,) = store.get(["a"])
    assert found is not None
    assert (found.state, found.error) == (JobState.FAILED, "the store does not take the result: not that")
    assert "keeps less of it: not that" in caplog.text


def test_a_retry_whose_answer_the_store_refuses_is_still_a_retry(store, recorder):
    refusing(store, "record", lambda outcome: outcome.response is not None)
    attempt = begun(recorder, "a")
    assert recorded(recorder, Outcome("a", attempt, JobState.RETRYING, response=Response(503), retry_in_s=5.0))
    (found,) = store.get(["a"])
    assert found is not None
    assert found.state is JobState.RETRYING


def test_garbage_that_the_store_refuses_is_kept_without_what_makes_it_so(store, recorder):
    refusing(store, "bury", lambda burial: bool(burial.headers))
    told = threading.Event()
    recorder.bury(Burial("msg-1", "1", "topic", "malformed", (("k", "v"),), b"body"), told.set)
    assert told.wait(10)
    (found,) = store.get(["msg-1"])
    assert found is not None
    assert found.state is JobState.FAILED


def test_of_jobs_asked_for_together_only_the_one_that_is_refused_waits(store, recorder):
    answers = answers_of(recorder, claim("good"), claim("bad \ud800"), claim("better"))
    assert [type(answer) for answer in answers] == [Claimed, Refused, Claimed]


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), StoreError("refused")])
def test_a_write_that_fails_for_any_reason_leaves_the_others_alone(store, recorder, error):
    attempts = {job_id: begun(recorder, job_id) for job_id in ("a", "b", "c")}
    record = store.record

    def faulty(outcomes: Sequence[Outcome]) -> list[bool]:
        if any(outcome.job_id == "b" for outcome in outcomes):
            raise error
        answers: list[bool] = record(outcomes)
        return answers

    store.record = faulty
    told: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    for job_id, attempt in attempts.items():
        outcome = Outcome(job_id, attempt, JobState.SUCCEEDED, response=Response(200))
        recorder.record([(outcome, lambda accepted, job_id=job_id: told.put((job_id, accepted)))])
    assert dict(told.get(timeout=10) for _ in range(3)) == {"a": True, "b": False, "c": True}


def test_one_that_does_not_take_its_answer_takes_nothing_from_the_others(store, recorder, caplog):
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    recorder.claim([claim("a")], fail)
    recorder.claim([claim("b")], told.put)
    assert isinstance(told.get(timeout=10)[0], Claimed)
    assert isinstance(answers_of(recorder, claim("c"))[0], Claimed)
    assert "ZeroDivisionError" in caplog.text


def test_nobody_who_asks_waits_for_a_commit(store, recorder):
    hold, entered = threading.Event(), threading.Event()
    commit = store.group

    def slow(**asked: bool) -> Any:
        entered.set()
        assert hold.wait(20)
        return commit(**asked)

    store.group = slow
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    recorder.claim([claim("a")], told.put)
    assert entered.wait(10)
    began = time.monotonic()
    recorder.claim([claim("b")], told.put)
    recorder.record([(Outcome("c", 1, JobState.SUCCEEDED), told.put)])
    recorder.release(Lease("d", 1), lambda: told.put("released"))
    recorder.bury(Burial("msg-1", "1", "topic", "malformed", (), b""), lambda: told.put("buried"))
    assert time.monotonic() - began < 1
    assert recorder.writing_since is not None
    hold.set()
    for _ in range(5):
        told.get(timeout=10)


def test_a_store_that_is_away_is_told_once_and_keeps_nobody_from_ending(store, caplog):
    def gone(**asked: bool) -> Any:
        raise StoreUnreachable("gone")

    store.group = gone
    recorder = Recorder(store)
    recorder.start()
    recorder.claim([claim("a")], lambda _: None)
    wait_for(lambda: not recorder.available, what="the store is found to be away")
    recorder.claim([claim("b")], lambda _: None)
    wait_for(lambda: recorder.writing_since is None, what="it waits for the next try")
    began = time.monotonic()
    recorder.close(10)
    assert time.monotonic() - began < 5
    assert not recorder._thread.is_alive()
    assert caplog.text.count("the store is away") == 1
