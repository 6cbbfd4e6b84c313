import pytest
from given import a_claim, a_failure, a_job, a_retry, added, an_outcome

from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store import reading
from pubsubctl.store.claims import Lease

MINE = "worker-1"


def every(store, *, limit=100, **wanted):
    """The ids of all pages, the newest first."""
    found, cursor = [], None
    while True:
        page = store.find(**wanted, limit=limit, cursor=cursor)
        assert len(page.jobs) <= limit
        found += [job.id for job in page.jobs]
        if (cursor := page.next_cursor) is None:
            return found


def claimed(store, *job_ids, worker_id=MINE, **changes):
    added(store, *job_ids, **changes)
    store.claim([a_claim(job_id, worker_id=worker_id) for job_id in job_ids])


def test_the_jobs_of_a_worker_are_those_that_it_runs_or_ran_last(store, backend):
    claimed(store, "ran")
    store.record([an_outcome("ran")])
    backend.advance(1.0)
    claimed(store, "runs")
    claimed(store, "taken-over")
    store.record([a_retry("taken-over", retry_in_s=0.0)])
    claimed(store, "of-another", worker_id="worker-2")
    store.claim([a_claim("taken-over", worker_id="worker-2", message_id="m")])
    added(store, "nobody's")
    assert every(store, worker=MINE) == ["runs", "ran"]
    assert every(store, worker="worker-2") == ["taken-over", "of-another"]
    assert every(store, worker="worker") == []


def test_what_it_gave_back_is_none_of_its_jobs(store):
    claimed(store, "a", "b")
    store.release([Lease("a", 1)])
    assert every(store, worker=MINE) == ["b"]


@pytest.mark.parametrize("of_state", [[JobState.FAILED], [JobState.FAILED, JobState.RUNNING], []])
def test_everything_else_that_is_asked_for_must_hold_too(store, backend, of_state):
    claimed(store, "old", batch_id="batch-1")
    backend.advance(100.0)
    elsewhere = Request("GET", "/other")
    claimed(store, "right", batch_id="batch-1")
    claimed(store, "other-batch", batch_id="batch-2")
    claimed(store, "other-path", batch_id="batch-1", request=elsewhere)
    claimed(store, "other-reason", batch_id="batch-1")
    claimed(store, "other-worker", batch_id="batch-1", worker_id="worker-2")
    timed_out = ["old", "right", "other-batch", "other-path", "other-worker"]
    store.record([a_failure(job_id, reason=Reason.TIMEOUT) for job_id in timed_out])
    store.record([a_failure("other-reason", reason=Reason.STATUS)])
    wanted = {"batch_id": "batch-1", "path": "/run*", "newer_than_s": 50.0, "states": of_state}
    assert every(store, worker=MINE, reasons=[Reason.TIMEOUT], **wanted) == ["right"]
    assert set(every(store, worker=MINE, **wanted)) == {"right", "other-reason"}
    assert every(store, worker=MINE, states=[JobState.RUNNING]) == []
    assert every(store, worker=MINE, older_than_s=50.0) == ["old"]


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("wanted", [{}, {"states": [JobState.RUNNING, JobState.SUCCEEDED]}, {"batch_id": "b"}], ids=str)
def test_its_pages_neither_repeat_nor_skip_however_little_each_may_look_at(store, backend, monkeypatch, limit, wanted):
    monkeypatch.setattr(reading, "LOOKED_AT", 3)
    expected = []
    for number in range(20):
        worker_id = MINE if number in {0, 1, 2, 9, 10, 19} else "worker-2"
        claimed(store, f"job-{number:02}", worker_id=worker_id, batch_id="b")
        if worker_id == MINE:
            expected.insert(0, f"job-{number:02}")
        if number % 2:
            store.record([an_outcome(f"job-{number:02}")])
        if number % 5 == 0:  # so that many were created at the same time
            backend.advance(1.0)
    assert every(store, worker=MINE, limit=limit, **wanted) == expected
    assert every(store, worker="nobody", limit=limit, **wanted) == []


def test_jobs_of_one_moment_are_looked_at_a_page_at_a_time_too(store, monkeypatch):
    monkeypatch.setattr(reading, "LOOKED_AT", 4)
    store.add([a_job(f"job-{number:02}") for number in range(30)])
    store.claim([a_claim("job-00")])
    assert every(store, worker=MINE) == ["job-00"]


def test_a_page_of_a_worker_that_ran_nothing_is_the_last_one_where_few_jobs_are(store):
    added(store, "a")
    assert store.find(worker="nobody").next_cursor is None
