import pytest
from given import a_claim, a_failure, a_job, a_retry, added, an_outcome

from pubsubctl.job import JobState
from pubsubctl.store import overview


def names(store, **wanted):
    return [each.batch_id for each in store.batches(**wanted)]


def test_an_empty_store_and_jobs_of_no_batch_have_none(store):
    assert store.batches() == []
    added(store, "a", "b")
    assert store.batches() == []


def test_the_batch_with_the_newest_job_comes_first(store, backend):
    for batch_id in ("m", "z", "a"):
        added(store, f"{batch_id}-1", batch_id=batch_id)
        backend.advance(1.0)
    assert names(store) == ["a", "z", "m"]
    added(store, "m-2", batch_id="m")
    assert names(store) == ["m", "a", "z"]
    assert store.batches()[0].created_at == pytest.approx(store.now(), abs=0.001)
    assert names(store, limit=2) == ["m", "a"]
    assert names(store, limit=0) == []


def test_batches_of_one_moment_are_in_the_order_of_their_names_the_last_first(store):
    store.add([a_job(f"job-{batch_id}", batch_id=batch_id) for batch_id in ("b", "c", "a")])
    assert names(store) == ["c", "b", "a"]


def test_the_jobs_of_a_batch_are_counted_by_state(store):
    states = ["queued", "queued-2", "running", "retrying", "succeeded", "failed", "cancelled", "cancelled-2"]
    store.add([a_job(job_id, batch_id="mine") for job_id in states] + [a_job("other", batch_id="other"), a_job("none")])
    store.claim([a_claim(job_id) for job_id in ("running", "retrying", "succeeded", "failed")])
    store.record([a_retry("retrying"), an_outcome("succeeded"), a_failure("failed")])
    store.cancel(["cancelled", "cancelled-2"])
    found = {each.batch_id: each.counts for each in store.batches()}
    assert found["mine"] == {
        JobState.QUEUED: 2,
        JobState.RUNNING: 1,
        JobState.RETRYING: 1,
        JobState.SUCCEEDED: 1,
        JobState.FAILED: 1,
        JobState.CANCELLED: 2,
    }
    assert found == {batch_id: store.counts(batch_id) for batch_id in ("mine", "other")}
    assert all(list(counts) == list(JobState) for counts in found.values())


def test_a_batch_goes_with_its_last_job(store, backend):
    added(store, "a", batch_id="first")
    backend.advance(1.0)
    added(store, "b", "c", batch_id="last")
    store.cancel(["b", "c"])
    store.delete(["b"])
    assert names(store) == ["last", "first"]
    store.delete(["c"])
    assert names(store) == ["first"]


def test_behind_a_large_batch_older_ones_are_seen(store, backend, monkeypatch):
    monkeypatch.setattr(overview, "NEWEST_JOBS", 5)
    for number in range(4):
        added(store, f"old-{number}", batch_id=f"old-{number}")
        backend.advance(1.0)
    added(store, *(f"job-{number}" for number in range(20)), batch_id="large")
    assert names(store) == ["large", "old-3", "old-2", "old-1", "old-0"]
    assert sum(store.batches(limit=1)[0].counts.values()) == 20


def test_behind_very_many_jobs_the_last_by_name_are_seen(store, backend, monkeypatch):
    monkeypatch.setattr(overview, "NEWEST_JOBS", 5)
    monkeypatch.setattr(overview, "BATCHES_MET", 3)
    for number in range(6):
        added(store, f"old-{number}", batch_id=f"batch-{number}")
        backend.advance(1.0)
    added(store, *(f"job-{number}" for number in range(20)), batch_id="all")
    found = names(store)
    assert found[:4] == ["all", "batch-5", "batch-4", "batch-3"]


def test_in_a_group_its_own_batches_are_seen(store):
    with store.group():
        added(store, "a", "b", batch_id="new")
        store.cancel(["a"])
        (seen,) = store.batches()
    assert store.batches() == [seen]
    assert (seen.batch_id, seen.counts[JobState.QUEUED], seen.counts[JobState.CANCELLED]) == ("new", 1, 1)
