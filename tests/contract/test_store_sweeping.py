import threading

from given import LEASE_S, MAX_CRASHES, REQUEST, TOPIC, a_claim, a_failure, a_retry, added, due, running, the_job

from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import LEASE_GRACE_S, LOST_MESSAGE_S, PUBLISH_GRACE_S
from pubsubctl.store.claims import Claimed, Refusal
from pubsubctl.store.messages import DueKind, Published


def test_what_is_due_comes_with_its_job_and_request(store, backend):
    added(store)
    backend.advance(PUBLISH_GRACE_S)
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=3)
    assert (found.kind, found.job, found.request) == (DueKind.PUBLISH, the_job(store), REQUEST)


def test_a_job_that_was_taken_is_given_to_nobody_else_for_a_grace(store, backend):
    added(store)
    running(store, "dead")
    store.record([a_failure("dead", dead_letter=True)])
    backend.advance(PUBLISH_GRACE_S)
    assert sorted(due(store)) == ["dead", "job-1"]
    backend.advance(PUBLISH_GRACE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert sorted(due(store)) == ["dead", "job-1"]


def test_a_job_published_again_is_due_when_the_broker_may_have_forgotten_it(store, backend):
    running(store)
    store.record([a_retry(retry_in_s=1.0)])
    backend.advance(1)
    assert due(store) == ["job-1"]
    store.published([Published("job-1", "message-2", attempt=1)])
    assert the_job(store).message_id == "message-2"
    backend.advance(LOST_MESSAGE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["job-1"]


def test_the_oldest_come_first_and_no_more_than_asked_for(store, backend):
    for number in range(5):
        added(store, f"job-{4 - number}", delay_s=10.0 + number)
    backend.advance(20)
    assert due(store, limit=2) == ["job-4", "job-3"]
    assert due(store, limit=2) == ["job-2", "job-1"]
    assert due(store, limit=2) == ["job-0"]


def test_jobs_of_another_topic_are_left_alone(store, backend):
    added(store, "job-1", topic="projects/p/topics/other")
    added(store, "job-2")
    backend.advance(PUBLISH_GRACE_S)
    assert due(store) == ["job-2"]
    assert due(store, topic="projects/p/topics/other") == ["job-1"]


def test_a_running_job_is_due_only_a_grace_after_its_lease_ran_out(store, backend):
    running(store)
    backend.advance(LEASE_S + LEASE_GRACE_S - 1)
    assert due(store) == []
    backend.advance(1)
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.kind, found.job.state, found.job.reason) == (DueKind.PUBLISH, JobState.RETRYING, Reason.CRASHED)
    assert (found.job.crashes, found.job.failures, found.job.attempt) == (1, 0, 1)
    assert found.job == the_job(store)
    assert store.claim([a_claim()]) == [Claimed("job-1", 2, 0, 5, None, 1)]


def test_a_job_whose_lease_ran_out_too_often_is_given_up(store, backend):
    running(store)
    for _ in range(MAX_CRASHES - 1):
        backend.advance(LEASE_S + LEASE_GRACE_S)
        assert due(store) == ["job-1"]
        assert isinstance(store.claim([a_claim()])[0], Claimed)
    backend.advance(LEASE_S + LEASE_GRACE_S)
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.kind, found.job.state, found.job.reason) == (DueKind.DEAD_LETTER, JobState.FAILED, Reason.CRASHED)
    assert (found.job.crashes, found.job.finished_at) == (MAX_CRASHES, store.now())
    assert [each.refusal for each in store.claim([a_claim()])] == [Refusal.DONE]
    backend.advance(PUBLISH_GRACE_S)
    assert due(store) == ["job-1"]


def test_a_job_that_a_sweep_took_from_a_frozen_worker_is_not_recorded_by_it(store, backend):
    running(store)
    backend.advance(LEASE_S + LEASE_GRACE_S)
    assert due(store) == ["job-1"]
    assert store.record([a_failure(attempt=1)]) == [False]


def test_finding_nothing_due_takes_no_write_lock(store, backend):
    added(store)
    other = backend.open()
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        with other.group():
            begun.set()
            done.wait(30)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        assert due(store) == []
        assert due(other) == []
    finally:
        done.set()
        writer.join()


def test_two_sweepers_never_both_get_a_job(store, backend):
    ids = [f"job-{number}" for number in range(200)]
    added(store, *ids)
    backend.advance(PUBLISH_GRACE_S)
    taken: list[str] = []

    def take() -> None:
        own = backend.open()
        while found := due(own, limit=7):
            taken.extend(found)

    sweepers = [threading.Thread(target=take) for _ in range(4)]
    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()
    assert sorted(taken) == sorted(ids)
