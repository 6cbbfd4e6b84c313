"""The recorder on a real store: groups, refusals, a store that goes away."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pubsubctl.errors import StoreUnreachable
from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, NewJob
from pubsubctl.store.base import Claim, Claimed, Lease, Outcome, Refusal, Refused, Store
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
    recorder.record(outcome, lambda accepted: told.put((accepted, store.response("a"))))
    accepted, response = told.get(timeout=10)
    assert accepted
    assert response is not None
    assert response.body == b"done"


def test_an_outcome_of_an_attempt_that_is_not_ours_any_more_is_refused(store, recorder):
    (claimed,) = answers_of(recorder, claim("a"))
    assert isinstance(claimed, Claimed)
    store.release([Lease("a", claimed.attempt)])
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()
    recorder.record(Outcome("a", claimed.attempt, JobState.SUCCEEDED, response=Response(200)), told.put)
    assert told.get(timeout=10) is False


def test_what_came_while_a_commit_ran_is_one_group(store, recorder):
    groups: list[int] = []
    hold, entered = threading.Event(), threading.Event()
    commit = store.group

    def counted() -> Any:
        groups.append(1)
        entered.set()
        assert hold.wait(10)
        return commit()

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

    def gone() -> Any:
        if not away.is_set():
            failed.set()
            raise StoreUnreachable("gone")
        return commit()

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

    def held() -> Any:
        assert hold.wait(10)
        return commit()

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
