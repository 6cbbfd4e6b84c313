from collections import Counter

import pytest
from given import MAX_CRASHES, a_claim, a_failure, a_job, a_retry, added, an_outcome, due, running

from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Lease, Refusal
from pubsubctl.store.messages import Burial, Published, Returned, Unpublished

QUEUED, RUNNING, RETRYING = JobState.QUEUED, JobState.RUNNING, JobState.RETRYING
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED


def counted(store):
    """The states that have jobs; found one by one, there are as many."""
    counts = store.counts()
    assert list(counts) == list(JobState)
    assert counts == dict.fromkeys(JobState, 0) | Counter(job.state for job in store.find(limit=100_000).jobs)
    return {state: number for state, number in counts.items() if number}


def test_an_empty_store_has_none_in_any_state(store):
    assert counted(store) == {}


def test_jobs_are_counted_through_each_of_their_states(store, backend):
    added(store, "a", "b", "c")
    assert counted(store) == {QUEUED: 3}
    store.claim([a_claim("a"), a_claim("b"), a_claim("by-message", message_id="m")])
    assert counted(store) == {QUEUED: 1, RUNNING: 3}
    store.record([a_retry("a"), an_outcome("b"), a_failure("by-message"), an_outcome("by-message")])
    assert counted(store) == {QUEUED: 1, RETRYING: 1, SUCCEEDED: 1, FAILED: 1}
    store.cancel(["a", "a", "b", "c", "nobody"])
    assert counted(store) == {CANCELLED: 2, SUCCEEDED: 1, FAILED: 1}
    store.retry(["a", "b", "by-message", "by-message"])
    assert counted(store) == {QUEUED: 2, SUCCEEDED: 1, CANCELLED: 1}
    backend.advance(1.0)
    assert store.purge(older_than_s=0.0, states=[SUCCEEDED], limit=1).count == 1
    assert counted(store) == {QUEUED: 2, CANCELLED: 1}
    assert store.delete(["c", "a"]).count == 1
    assert counted(store) == {QUEUED: 2}


def test_what_is_given_back_is_counted_once(store):
    running(store)
    store.release([Lease("job-1", 1), Lease("job-1", 1), Lease("job-1", 9), Lease("nobody", 1)])
    assert counted(store) == {QUEUED: 1}


def test_what_the_broker_has_refused_or_returned_is_counted_as_failed(store):
    added(store, "refused", "returned", "claimed")
    store.published([Published("returned", "m")])
    store.claim([a_claim("claimed")])
    store.unpublished([Unpublished(job_id, "no") for job_id in ("refused", "refused", "returned", "claimed", "nobody")])
    assert counted(store) == {FAILED: 1, QUEUED: 1, RUNNING: 1}
    store.returned([Returned("returned", "m", "too often")] * 2 + [Returned("claimed", "x", "too often")])
    assert counted(store) == {FAILED: 2, RUNNING: 1}


def test_what_is_submitted_again_under_its_key_is_counted_as_queued(store):
    store.add([a_job(idempotency_key="k")])
    store.unpublished([Unpublished("job-1", "no")])
    store.add([a_job("job-2", idempotency_key="k"), a_job("job-3", idempotency_key="k"), a_job("job-4")])
    assert counted(store) == {QUEUED: 2}


def test_what_is_buried_is_counted_as_failed_each_time(store):
    burial = Burial("msg-1", "1", "t", "no path", (), b"")
    store.bury([burial, burial])
    store.bury([burial])
    assert counted(store) == {FAILED: 1}
    store.retry(["msg-1"])
    assert counted(store) == {QUEUED: 1}
    store.bury([burial])
    assert counted(store) == {FAILED: 1}


def test_what_crashes_is_counted_as_it_is_left(store, backend):
    running(store, "claimed-again", "swept")
    for number in range(2, MAX_CRASHES + 1):
        backend.advance(100.0)
        assert due(store) == ["claimed-again", "swept"]
        assert counted(store) == {RETRYING: 2}
        store.claim([a_claim(job_id, message_id=f"m{number}") for job_id in ("claimed-again", "swept")])
    backend.advance(50.0)
    assert store.claim([a_claim("claimed-again", message_id="n")])[0].refusal is Refusal.CRASHED
    assert counted(store) == {FAILED: 1, RUNNING: 1}
    backend.advance(50.0)
    due(store)
    assert counted(store) == {FAILED: 2}


def test_a_group_sees_its_own_counts_and_others_see_them_when_it_is_written(store, backend):
    other = backend.open()
    with store.group():
        added(store, "a", "b")
        store.cancel(["a"])
        assert counted(store) == {QUEUED: 1, CANCELLED: 1}
        assert counted(other) == {}
    assert counted(other) == counted(store) == {QUEUED: 1, CANCELLED: 1}


def test_a_group_that_fails_is_not_counted(store):
    added(store, "a")

    def fail() -> None:
        with store.group():
            added(store, "b", "c")
            store.cancel(["a"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert counted(store) == {QUEUED: 1}
    added(store, "b")
    assert counted(store) == {QUEUED: 2}


def test_what_a_purge_would_delete_is_told_by_state(store, backend):
    running(store, "old", "older", "young")
    store.record([an_outcome("old"), a_failure("older", reason=Reason.EXHAUSTED)])
    added(store, "waits")
    backend.advance(100.0)
    store.record([an_outcome("young")])
    assert store.purgeable(older_than_s=50.0) == {SUCCEEDED: 1, FAILED: 1}
    assert store.purgeable(older_than_s=50.0, states=[FAILED, CANCELLED, QUEUED]) == {FAILED: 1}
    assert store.purgeable(older_than_s=200.0) == {}
    assert store.purge(older_than_s=50.0).count == 2
    assert store.purgeable(older_than_s=50.0) == {}


def test_what_ended_first_is_purged_first_however_old_it_is(store, backend):
    running(store, "begun-first", "begun-last")
    for job_id in ("begun-last", "begun-first"):
        store.record([an_outcome(job_id)])
        backend.advance(10.0)
    assert store.purge(older_than_s=0.0, states=[SUCCEEDED], limit=1).count == 1
    assert [job.id for job in store.find().jobs] == ["begun-first"]


def test_what_is_retried_is_not_purged_for_its_first_end(store, backend):
    running(store)
    store.record([a_failure()])
    backend.advance(100.0)
    store.retry(["job-1"])
    store.claim([a_claim(message_id="m")])
    store.record([an_outcome(attempt=2)])
    backend.advance(10.0)
    assert store.purgeable(older_than_s=50.0) == {}
    assert store.purge(older_than_s=50.0).count == 0
