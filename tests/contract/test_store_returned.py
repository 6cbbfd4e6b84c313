from given import (
    LEASE_S,
    MAX_CRASHES,
    a_claim,
    a_failure,
    a_new_claim,
    a_retry,
    added,
    an_outcome,
    due,
    running,
    the_job,
)

from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import LEASE_GRACE_S, LOST_MESSAGE_S
from pubsubctl.store.claims import Claimed, Lease, Refusal, Refused
from pubsubctl.store.messages import Published, Returned
from pubsubctl.store.timeline import EVENTS_KEPT, EventKind

RETURNED = Returned("job-1", "message-1", "delivered 100 times")


def is_dead_lettered(store) -> bool:
    job = the_job(store)
    return (job.state, job.reason) == (JobState.FAILED, Reason.DEAD_LETTERED)


def test_a_job_that_waits_for_that_message_has_failed_and_is_not_mirrored_again(store, backend):
    added(store)
    store.published([Published("job-1", "message-1")])
    backend.advance(1)
    store.returned([RETURNED])
    assert is_dead_lettered(store)
    assert (the_job(store).error, the_job(store).finished_at) == ("delivered 100 times", store.now())
    backend.advance(LOST_MESSAGE_S)
    assert due(store) == []
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.DONE)]


def test_a_job_that_was_given_back_waits_for_its_message(store):
    running(store)
    store.release([Lease("job-1", 1)])
    store.returned([RETURNED])
    assert is_dead_lettered(store)


def test_a_job_whose_message_is_held_for_a_retry_waits_for_it(store):
    running(store)
    store.record([a_retry(held=True)])
    store.returned([RETURNED])
    assert is_dead_lettered(store)
    assert the_job(store).not_before is None


def test_a_job_whose_worker_died_waits_for_its_message(store, backend):
    running(store)
    backend.advance(LEASE_S + LEASE_GRACE_S)
    assert due(store) == ["job-1"]
    store.returned([RETURNED])
    assert is_dead_lettered(store)


def test_a_job_that_waits_for_another_message_is_left_alone(store):
    added(store)
    store.published([Published("job-1", "message-2")])
    before = the_job(store)
    store.returned([RETURNED])
    assert the_job(store) == before
    assert store.claim([a_claim(message_id="message-2")]) == [Claimed("job-1", 1, 0, 5)]


def test_a_job_that_is_to_be_published_anew_is_left_alone(store):
    running(store)
    store.record([a_retry(retry_in_s=0.0)])
    store.returned([RETURNED])
    assert the_job(store).state is JobState.RETRYING
    assert due(store) == ["job-1"]


def test_a_job_that_runs_or_has_ended_is_left_alone(store):
    running(store, "runs", "succeeded", "failed", "cancelled")
    store.record([an_outcome("succeeded"), a_failure("failed", reason=Reason.STATUS)])
    store.cancel(["cancelled"])
    ids = ["runs", "succeeded", "failed", "cancelled"]
    before = store.get(ids)
    store.returned([Returned(job_id, "message-1", "why") for job_id in ids])
    assert store.get(ids) == before
    assert store.record([an_outcome("runs")]) == [True]


def test_it_is_told_of_every_job_that_is_known(store):
    running(store, "runs")
    added(store, "waits")
    store.returned([Returned(job_id, "message-9", "why") for job_id in ("runs", "waits", "nobody")])
    for job_id in ("runs", "waits"):
        told = store.history(job_id)[-1]
        assert (told.kind, told.message_id, told.text) == (EventKind.RETURNED, "message-9", "why")
    assert store.history("nobody") == []
    assert store.get(["nobody"]) == [None]


def test_the_failure_is_told_by_its_message_alone(store):
    added(store)
    store.published([Published("job-1", "message-1")])
    store.returned([RETURNED])
    kinds = [event.kind for event in store.history("job-1")]
    assert kinds == [EventKind.SUBMITTED, EventKind.PUBLISHED, EventKind.RETURNED]
    store.retry(["job-1"])
    assert [event.kind for event in store.history("job-1")] == [*kinds, EventKind.RETRIED]


def test_messages_that_come_back_without_end_are_not_kept_without_end(store):
    running(store)
    store.returned([RETURNED] * (2 * EVENTS_KEPT))
    assert len(store.history("job-1")) <= EVENTS_KEPT + 3


def test_it_can_be_retried_with_all_that_it_was_allowed(store, backend):
    running(store)
    backend.advance(LEASE_S + LEASE_GRACE_S)
    due(store)
    store.returned([RETURNED])
    store.retry(["job-1"])
    assert due(store) == ["job-1"]
    assert store.claim([a_new_claim(max_crashes=MAX_CRASHES)]) == [Claimed("job-1", 2, 0, 5, None, 0)]
