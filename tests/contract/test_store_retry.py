import pytest
from given import (
    LEASE_S,
    MAX_CRASHES,
    REQUEST,
    TOPIC,
    a_claim,
    a_failure,
    a_job,
    a_new_claim,
    a_retry,
    added,
    an_outcome,
    due,
    running,
    the_job,
)

from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store.answers import Added, Retried
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claimed, Lease, Refusal, Refused, WorkerInfo
from pubsubctl.store.messages import Burial, DueKind, Published, Unpublished
from pubsubctl.store.timeline import EventKind

FAILED, CANCELLED, QUEUED = JobState.FAILED, JobState.CANCELLED, JobState.QUEUED


def exhausted(store, *, attempts: int, first: int = 1) -> None:
    """Fails as often as it may, from the attempt that runs on."""
    for number in range(first, first + attempts - 1):
        assert store.record([a_retry(attempt=number, retry_in_s=0.0)]) == [True]
        assert isinstance(store.claim([a_new_claim()])[0], Claimed)
    assert store.record([a_failure(attempt=first + attempts - 1, reason=Reason.EXHAUSTED, dead_letter=True)]) == [True]


def crashed(store, backend) -> None:
    """Loses leases until it is given up."""
    for _ in range(MAX_CRASHES):
        assert isinstance(store.claim([a_new_claim()])[0], Claimed)
        backend.advance(LEASE_S)
    assert store.claim([a_new_claim()]) == [Refused("job-1", Refusal.CRASHED)]


def test_a_failed_job_is_queued_again_and_due_at_once(store):
    running(store)
    store.record([an_outcome(state=FAILED, reason=Reason.STATUS, error="no")])
    assert store.response("job-1") is not None
    assert store.retry(["job-1"]) == [Retried("job-1", FAILED)]
    job = the_job(store)
    assert (job.state, job.attempt, job.failures) == (QUEUED, 1, 1)
    gone = (job.reason, job.error, job.http_status, job.finished_at, job.result_bytes, job.worker, job.message_id)
    assert gone == (None,) * 7
    assert store.response("job-1") is None
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.kind, found.job, found.request) == (DueKind.PUBLISH, job, REQUEST)
    assert store.claim([a_claim(message_id="message-2")]) == [Claimed("job-1", 2, 1, 6)]


def test_a_cancelled_job_is_queued_again(store):
    running(store, "ran")
    added(store, "waited", delay_s=100.0)
    store.cancel(["ran", "waited"])
    assert store.retry(["ran", "waited"]) == [Retried("ran", CANCELLED), Retried("waited", CANCELLED)]
    assert sorted(due(store)) == ["ran", "waited"]
    assert [type(each) for each in store.claim([a_new_claim("ran"), a_new_claim("waited")])] == [Claimed, Claimed]


def test_the_message_that_a_job_had_before_brings_it_no_more(store):
    running(store, "failed", "cancelled")
    store.record([a_failure("failed")])
    store.cancel(["cancelled"])
    store.retry(["failed", "cancelled"])
    spent = [a_claim("failed"), a_claim("cancelled")]
    refused = [Refused("failed", Refusal.SPENT), Refused("cancelled", Refusal.SPENT)]
    assert store.claim(spent) == refused, "their acks may have been lost"
    assert [type(each) for each in store.claim([a_new_claim("failed"), a_new_claim("cancelled")])] == [Claimed, Claimed]
    assert store.claim(spent) == refused
    store.cancel(["failed"])
    store.retry(["failed"])
    assert store.claim(spent[:1]) == refused[:1], "however often it is asked for"
    assert [event.text for event in store.history("failed") if event.kind is EventKind.REFUSED] == [
        "the job has another message since somebody asked for it again"
    ] * 3


def test_a_job_that_waits_runs_or_has_succeeded_is_left_as_it_is(store):
    running(store, "runs", "waits-again", "succeeded")
    added(store, "waits")
    store.record([an_outcome("succeeded"), a_retry("waits-again")])
    ids = ["runs", "waits", "waits-again", "succeeded", "nobody"]
    before = store.get(ids), [store.history(job_id) for job_id in ids]
    states = [each.state if each else None for each in before[0]]
    assert store.retry(ids) == [Retried(*each) for each in zip(ids, states, strict=True)]
    assert (store.get(ids), [store.history(job_id) for job_id in ids]) == before
    assert store.response("succeeded") is not None


def test_one_that_is_named_twice_is_queued_again_once(store):
    running(store)
    store.record([a_failure()])
    assert store.retry(["job-1", "job-1"]) == [Retried("job-1", FAILED), Retried("job-1", QUEUED)]
    assert [event.kind for event in store.history("job-1")].count(EventKind.RETRIED) == 1


def test_as_many_failures_more_are_allowed_as_at_first_however_often(store):
    store.add([a_job(max_attempts=2)])
    store.claim([a_claim()])
    for life in range(3):
        exhausted(store, attempts=2, first=2 * life + 1)
        store.retry(["job-1"])
        (claimed,) = store.claim([a_new_claim()])
        assert (claimed.attempt, claimed.failures, claimed.max_attempts) == (2 * life + 3, 2 * life + 2, 2 * life + 4)


def test_failures_that_were_left_over_are_not_added_up(store):
    store.add([a_job(max_attempts=3)])
    for number in range(1, 5):
        (claimed,) = store.claim([a_new_claim()])
        assert (claimed.attempt, claimed.failures, claimed.max_attempts) == (number, number - 1, number + 2)
        store.record([a_failure(attempt=number, reason=Reason.STATUS)])
        store.retry(["job-1"])


def test_a_job_without_a_limit_of_its_own_gets_that_of_its_next_worker(store):
    added(store)
    store.unpublished([Unpublished("job-1", "refused")])
    assert store.retry(["job-1"]) == [Retried("job-1", FAILED)]
    assert store.claim([a_claim(max_attempts=7)]) == [Claimed("job-1", 1, 0, 7)]


@pytest.mark.parametrize("by_sweep", [True, False])
def test_as_many_crashes_more_are_allowed_as_at_first(store, backend, by_sweep):
    added(store)
    for life in range(1, 4):
        crashed(store, backend)
        assert the_job(store).crashes == life * MAX_CRASHES
        store.retry(["job-1"])
    assert store.claim([a_new_claim()]) == [Claimed("job-1", 3 * MAX_CRASHES + 1, 0, 5, None, 0)]
    backend.advance(LEASE_S + LEASE_GRACE_S)
    if by_sweep:
        (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
        assert (found.job.state, found.job.crashes) == (JobState.RETRYING, 3 * MAX_CRASHES + 1)
    assert store.claim([a_new_claim()]) == [Claimed("job-1", 3 * MAX_CRASHES + 2, 0, 5, None, 1)]


def test_a_worker_that_still_runs_what_was_cancelled_and_retried_has_lost_it(store):
    running(store)
    store.cancel(["job-1"])
    store.retry(["job-1"])
    worker, lease = WorkerInfo("worker-1", "host", 1, "app", "s", 1), Lease("job-1", 1)
    assert store.heartbeat(worker, [lease], lease_s=LEASE_S) == [lease]
    store.release([lease])
    assert store.record([an_outcome(attempt=1)]) == [False]
    assert the_job(store).state is QUEUED
    assert store.response("job-1") is None
    store.claim([a_claim(message_id="message-2")])
    assert store.record([an_outcome(attempt=1), an_outcome(attempt=2)]) == [False, True]


def test_the_history_goes_on_across_retries(store, backend):
    running(store)
    backend.advance(1)
    store.record([an_outcome(state=FAILED, reason=Reason.STATUS, error="404 NOT FOUND")])
    backend.advance(1)
    store.retry(["job-1"])
    backend.advance(1)
    store.published([Published("job-1", "message-2", 1)])
    store.claim([a_claim(message_id="message-2", worker_id="worker-2")])
    backend.advance(1)
    store.record([an_outcome(attempt=2)])
    told = [(event.kind, event.attempt, event.worker, event.message_id) for event in store.history("job-1")]
    assert told == [
        (EventKind.SUBMITTED, 0, None, None),
        (EventKind.PUBLISHED, 0, None, "message-1"),
        (EventKind.BEGAN, 1, "worker-1", "message-1"),
        (EventKind.ENDED, 1, "worker-1", "message-1"),
        (EventKind.RETRIED, 1, None, None),
        (EventKind.PUBLISHED, 1, None, "message-2"),
        (EventKind.BEGAN, 2, "worker-2", "message-2"),
        (EventKind.ENDED, 2, "worker-2", "message-2"),
    ]
    assert [event.text for event in store.history("job-1") if event.text] == [
        "failed (status): 404 NOT FOUND",
        "succeeded with 200",
    ]


def test_an_end_with_a_log_is_told_once_across_a_retry(store, backend):
    running(store)
    store.record([a_failure(log="why")])
    before = store.history("job-1")
    backend.advance(1)
    store.retry(["job-1"])
    assert store.history("job-1")[:-1] == before


def test_a_retried_job_that_cannot_be_published_fails_again(store):
    running(store)
    store.record([a_failure()])
    store.retry(["job-1"])
    store.unpublished([Unpublished("job-1", "the broker refused it", 1, dead_letter=True)])
    assert (the_job(store).state, the_job(store).reason) == (FAILED, Reason.UNPUBLISHED)
    assert store.retry(["job-1"]) == [Retried("job-1", FAILED)]


def test_a_key_used_again_after_such_a_failure_gives_its_limits_anew(store, backend):
    store.add([a_job(max_attempts=2, idempotency_key="k")])
    store.claim([a_claim()])
    exhausted(store, attempts=2)
    store.retry(["job-1"])
    crashed(store, backend)
    store.retry(["job-1"])
    attempt = the_job(store).attempt
    store.unpublished([Unpublished("job-1", "refused", attempt)])
    assert store.add([a_job("other", max_attempts=3, idempotency_key="k")]) == [Added("job-1", attempt=attempt)]
    assert store.claim([a_new_claim()]) == [Claimed("job-1", attempt + 1, 2, 5)]
    store.record([a_failure(attempt=attempt + 1)])
    store.retry(["job-1"])
    assert store.claim([a_new_claim()]) == [Claimed("job-1", attempt + 2, 3, 6)]


def test_a_key_used_again_without_limits_leaves_them_to_the_worker(store):
    store.add([a_job(max_attempts=2, idempotency_key="k")])
    store.claim([a_claim()])
    exhausted(store, attempts=2)
    store.retry(["job-1"])
    store.unpublished([Unpublished("job-1", "refused", 2)])
    store.add([a_job("other", idempotency_key="k")])
    assert store.claim([a_new_claim(max_attempts=4)]) == [Claimed("job-1", 3, 2, 6)]


def test_what_went_wrong_before_a_job_could_not_be_published_uses_up_none_of_its_new_limits(store):
    store.add([a_job(max_attempts=2, idempotency_key="k")])
    store.claim([a_claim(lease_s=0.0), a_claim(message_id="message-2")])
    store.record([a_retry(attempt=2, retry_in_s=0.0)])
    store.unpublished([Unpublished("job-1", "refused", 2)])
    store.add([a_job("other", max_attempts=2, idempotency_key="k")])
    assert store.claim([a_new_claim()]) == [Claimed("job-1", 3, 1, 3, None, 0)]
    store.record([a_failure(attempt=3)])
    store.retry(["job-1"])
    assert store.claim([a_new_claim()]) == [Claimed("job-1", 4, 2, 4, None, 0)]


def test_the_mirror_of_a_dead_letter_that_is_retried_meanwhile_does_not_keep_it_from_coming_due(store):
    running(store)
    store.record([a_failure(dead_letter=True)])
    ended_at = the_job(store).finished_at
    store.retry(["job-1"])
    store.mirrored({"job-1": ended_at})
    assert due(store) == ["job-1"]


BURIAL = Burial("msg-1", "1", TOPIC, "no path", (("a", "b"),), b"data", Reason.MALFORMED)


def test_a_buried_message_that_can_be_read_now_takes_what_its_claim_says(store):
    store.bury([BURIAL])
    store.retry(["msg-1"])
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.kind, found.request) == (DueKind.PUBLISH, Request("", "", BURIAL.headers, BURIAL.body))
    read = a_claim("msg-1", message_id="2", ordering_key="key", batch_id="batch")
    assert store.claim([read]) == [Claimed("msg-1", 1, 0, 5)]
    job = the_job(store, "msg-1")
    assert (job.method, job.path, job.ordering_key, job.batch_id) == (REQUEST.method, REQUEST.path, "key", "batch")
    assert store.request("msg-1") == REQUEST
    store.record([a_retry("msg-1", retry_in_s=0.0)])
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.request, found.job.ordering_key) == (REQUEST, "key")


def test_what_a_later_claim_says_does_not_change_a_job(store):
    store.bury([BURIAL])
    store.retry(["msg-1"])
    store.claim([a_claim("msg-1", lease_s=0.0), a_claim("msg-1", request=Request("GET", "/other"), message_id="2")])
    assert store.request("msg-1") == REQUEST
    assert the_job(store, "msg-1").path == REQUEST.path


def test_a_buried_message_that_is_no_job_still_has_failed_once_more(store, backend):
    store.bury([BURIAL])
    store.retry(["msg-1"])
    backend.advance(1)
    again = Burial("msg-1", "2", TOPIC, "still no path", (), b"", Reason.FORGOTTEN)
    store.bury([again, again])
    job = the_job(store, "msg-1")
    assert (job.state, job.reason, job.error, job.finished_at) == (
        FAILED,
        Reason.FORGOTTEN,
        "still no path",
        store.now(),
    )
    assert store.request("msg-1") == Request("", "", BURIAL.headers, BURIAL.body)
    assert due(store) == ["msg-1"]
    told = [event.text for event in store.history("msg-1") if event.kind is EventKind.ENDED]
    assert told == ["failed (malformed): no path", "failed (forgotten): still no path"]


def test_a_burial_leaves_alone_what_nobody_asked_for_again_and_what_is_a_job(store):
    store.bury([BURIAL])
    added(store, "job-1")
    ids = ["msg-1", "job-1"]
    before = store.get(ids), [store.history(job_id) for job_id in ids]
    store.bury([Burial(job_id, "2", TOPIC, "other", (), b"") for job_id in ids])
    assert (store.get(ids), [store.history(job_id) for job_id in ids]) == before
