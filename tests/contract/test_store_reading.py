import pytest
from given import REQUEST, a_failure, a_retry, added, an_outcome, running, the_job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pubsubctl.errors import InvalidCursor
from pubsubctl.job import JobState
from pubsubctl.store.base import Store


def pages(store: Store, *, limit: int, **asked: object) -> list[str]:
    """The ids on all pages."""
    ids: list[str] = []
    cursor = None
    while True:
        page = store.find(limit=limit, cursor=cursor, **asked)
        assert len(page.jobs) <= limit
        ids += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def test_get_answers_in_order_and_none_for_unknown_jobs(store):
    added(store, "a", "b")
    assert [job and job.id for job in store.get(["b", "x", "a", "b"])] == ["b", None, "a", "b"]
    assert store.get([]) == []


def test_an_unknown_job_has_neither_request_nor_response(store):
    assert store.request("x") is None
    assert store.response("x") is None


def test_a_job_that_has_not_finished_has_no_response(store):
    running(store)
    assert store.response("job-1") is None


def test_of_many_jobs_those_that_have_ended_are_told_whole(store):
    added(store, "queued")
    running(store, "running", "succeeded", "failed", "retrying")
    store.record([an_outcome("succeeded"), a_failure("failed"), a_retry("retrying")])
    added(store, "cancelled")
    store.cancel(["cancelled"])
    names = ["queued", "running", "succeeded", "failed", "retrying", "cancelled"]
    found = sorted(store.ended([*names, "unknown"]), key=lambda job: names.index(job.id))
    assert found == [the_job(store, job_id) for job_id in ("succeeded", "failed", "cancelled")]
    assert store.ended([]) == []


def test_the_responses_of_many_jobs_are_those_that_there_are(store):
    running(store, "a", "b", "c")
    store.record([an_outcome("a"), a_failure("b")])
    found = store.responses(["a", "b", "c", "unknown"])
    assert found == {job_id: response for job_id in "abc" if (response := store.response(job_id)) is not None}
    assert "a" in found
    assert store.responses([]) == {}


def test_jobs_are_found_newest_first(store, backend):
    for job_id in ("b", "a", "c"):
        added(store, job_id)
        backend.advance(1)
    assert [job.id for job in store.find().jobs] == ["c", "a", "b"]


def test_found_jobs_are_whole(store):
    added(store, batch_id="batch-1", delay_s=3.0, idempotency_key="k")
    running(store, "job-2")
    store.record([an_outcome("job-2")])
    assert store.find().jobs == [the_job(store, "job-2"), the_job(store, "job-1")]


def test_jobs_are_found_by_state_and_batch(store):
    added(store, "q1", "q2", batch_id="one")
    added(store, "q3", batch_id="two")
    running(store, "r", "s", "f", "t")
    store.record([an_outcome("s"), a_failure("f"), a_retry("t")])
    found = {state: pages(store, limit=10, states=[state]) for state in JobState}
    assert found == {
        JobState.QUEUED: ["q3", "q2", "q1"],
        JobState.RUNNING: ["r"],
        JobState.RETRYING: ["t"],
        JobState.SUCCEEDED: ["s"],
        JobState.FAILED: ["f"],
        JobState.CANCELLED: [],
    }
    assert pages(store, limit=1, states=[JobState.QUEUED], batch_id="one") == ["q2", "q1"]
    assert pages(store, limit=2, states=[JobState.FAILED, JobState.SUCCEEDED, JobState.FAILED]) == ["s", "f"]
    assert pages(store, limit=10, batch_id="two") == ["q3"]
    assert pages(store, limit=10, batch_id="three") == []


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 12), states=st.lists(st.sampled_from(JobState), max_size=3))
def test_pages_neither_repeat_nor_skip_a_job(store, backend, limit, states):
    if not store.find(limit=1).jobs:
        for number in range(10):
            running(store, f"run-{number}", f"end-{number}")
            added(store, f"wait-{number}")
            store.record([an_outcome(f"end-{number}")])
            backend.advance(number % 2)
    wanted = set(states or JobState)
    everything = [job for job in store.find(limit=100).jobs if job.state in wanted]
    assert pages(store, limit=limit, states=states) == [job.id for job in everything]
    ordered = [(job.created_at, job.id) for job in everything]
    assert ordered == sorted(ordered, reverse=True)


def test_jobs_that_come_or_go_between_pages_do_not_disturb_the_others(store, backend):
    for number in range(6):
        added(store, f"job-{number}")
        backend.advance(1)
    first = store.find(limit=2)
    store.cancel(["job-4"])
    backend.advance(10)
    assert store.purge(older_than_s=5.0).count == 1
    added(store, "job-9")
    second = store.find(limit=10, cursor=first.next_cursor)
    assert [job.id for job in first.jobs + second.jobs] == ["job-5", "job-4", "job-3", "job-2", "job-1", "job-0"]


def test_the_last_page_has_no_cursor_even_if_it_is_full(store):
    added(store, "a", "b")
    assert store.find(limit=2).next_cursor is None
    assert store.find(limit=1).next_cursor is not None
    assert store.find(limit=1, states=[JobState.FAILED]).next_cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "not a cursor", "\N{SNOWMAN}", "AAAA", "MTIz", "MS4wIGEAYg", "bmFuIHg", "aW5mIHg"]
)
def test_a_cursor_that_find_did_not_give_is_refused(store, cursor):
    with pytest.raises(InvalidCursor, match="no cursor"):
        store.find(cursor=cursor)


def test_every_state_is_counted_of_all_jobs_and_of_a_batch(store):
    assert store.counts() == dict.fromkeys(JobState, 0)
    added(store, "q1", "q2", batch_id="one")
    running(store, "r", "s", "f", "t", "c")
    store.record([an_outcome("s"), a_failure("f"), a_retry("t")])
    store.cancel(["c"])
    assert store.counts() == dict.fromkeys(JobState, 1) | {JobState.QUEUED: 2}
    assert store.counts("one") == dict.fromkeys(JobState, 0) | {JobState.QUEUED: 2}
    assert store.counts("two") == dict.fromkeys(JobState, 0)


def test_only_jobs_that_finished_long_enough_ago_are_purged_with_their_bodies(store, backend):
    added(store, "queued")
    running(store, "running", "retrying", "old", "dead", "gone", "young")
    store.record([a_retry("retrying"), an_outcome("old"), a_failure("dead", dead_letter=True)])
    store.cancel(["gone"])
    backend.advance(100)
    store.record([an_outcome("young")])
    assert store.purge(older_than_s=100.0).count == 0
    backend.advance(1)
    assert store.purge(older_than_s=100.0).count == 3
    assert {job.id for job in store.find().jobs} == {"queued", "running", "retrying", "young"}
    assert store.request("old") is None
    assert store.response("old") is None
    assert store.request("young") == REQUEST


def test_a_purge_is_bounded_and_can_be_of_some_states(store, backend):
    ids = [f"job-{number}" for number in range(7)]
    running(store, *ids)
    store.record([an_outcome(job_id) for job_id in ids[:5]] + [a_failure(job_id) for job_id in ids[5:]])
    backend.advance(1)
    assert store.purge(older_than_s=0.0, states=[JobState.FAILED], limit=100).count == 2
    assert [store.purge(older_than_s=0.0, limit=3).count for _ in range(3)] == [3, 2, 0]


def test_asking_to_purge_unfinished_states_purges_nothing(store, backend):
    added(store)
    backend.advance(1000)
    assert store.purge(older_than_s=0.0, states=[JobState.QUEUED, JobState.RUNNING]).count == 0
    assert the_job(store).state is JobState.QUEUED


def test_a_purged_idempotency_key_can_be_used_again(store, backend):
    added(store, "job-1", idempotency_key="key")
    store.cancel(["job-1"])
    backend.advance(1)
    store.purge(older_than_s=0.0)
    added(store, "job-2", idempotency_key="key")
    assert the_job(store, "job-2").state is JobState.QUEUED
