import pytest
from given import (
    LEASE_S,
    TOPIC,
    a_claim,
    a_failure,
    a_job,
    a_retry,
    added,
    an_outcome,
    due,
    running,
)

from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Lease
from pubsubctl.store.messages import Published

TIMEOUT, CRASHED, STATUS = Reason.TIMEOUT, Reason.CRASHED, Reason.STATUS


def ids(store, **wanted):
    return [job.id for job in store.find(**wanted).jobs]


def failed(store, job_id, reason, **changes):
    store.add([a_job(job_id, **changes)])
    store.claim([a_claim(job_id)])
    assert store.record([a_failure(job_id, reason=reason)]) == [True]


def test_by_reason_only_failed_jobs_are_found(store, backend):
    failed(store, "slow", TIMEOUT)
    backend.advance(1)
    failed(store, "died", CRASHED)
    running(store, "tried-again")
    store.record([a_retry("tried-again", reason=TIMEOUT)])
    assert ids(store, reasons=[TIMEOUT]) == ["slow"]
    assert ids(store, reasons=[TIMEOUT, CRASHED, TIMEOUT]) == ["died", "slow"]
    assert ids(store, reasons=[STATUS]) == []


def test_by_reason_and_state_both_must_hold(store):
    failed(store, "slow", TIMEOUT)
    assert ids(store, reasons=[TIMEOUT], states=[JobState.FAILED, JobState.QUEUED]) == ["slow"]
    assert ids(store, reasons=[TIMEOUT], states=[JobState.QUEUED, JobState.RETRYING]) == []


def test_by_reason_within_a_batch(store):
    failed(store, "mine", TIMEOUT, batch_id="batch-1")
    failed(store, "other", TIMEOUT, batch_id="batch-2")
    assert ids(store, reasons=[TIMEOUT], batch_id="batch-1") == ["mine"]


def test_a_retried_job_is_not_found_by_its_reason(store):
    failed(store, "slow", TIMEOUT)
    store.retry(["slow"])
    assert ids(store, reasons=[TIMEOUT]) == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/a*", {"/a", "/a/b?x=1", "/a_b", "/axb", "/a[1]"}),
        ("/a?b", {"/a_b", "/axb"}),
        ("/a?b*", {"/a_b", "/axb", "/a/b?x=1"}),
        ("/a_b", {"/a_b"}),
        ("/A*", {"/A"}),
        ("/a[1]", {"/a[1]"}),
        ("/100%", {"/100%"}),
        ("/caf*", {"/caf\xe9"}),
        ("a", set()),
    ],
)
def test_by_path_a_shell_pattern_means_what_it_means_in_a_shell(store, pattern, found):
    paths = ["/a", "/A", "/a/b?x=1", "/a_b", "/axb", "/a[1]", "/100%", "/caf\xe9"]
    store.add([a_job(f"job-{number}", request=Request("GET", path)) for number, path in enumerate(paths)])
    assert {job.path for job in store.find(path=pattern).jobs} == found


def test_by_age_both_ends_are_in(store, backend):
    for number in range(5):
        added(store, f"job-{number}")
        backend.advance(10)
    assert ids(store, older_than_s=30.0) == ["job-2", "job-1", "job-0"]
    assert ids(store, newer_than_s=30.0) == ["job-4", "job-3", "job-2"]
    assert ids(store, older_than_s=20.0, newer_than_s=40.0) == ["job-3", "job-2", "job-1"]
    assert ids(store, older_than_s=40.0, newer_than_s=20.0) == []


def test_by_everything_at_once(store, backend):
    failed(store, "old", TIMEOUT, batch_id="batch-1")
    backend.advance(100)
    failed(store, "right", TIMEOUT, batch_id="batch-1")
    failed(store, "elsewhere", TIMEOUT, batch_id="batch-1", request=Request("GET", "/other"))
    failed(store, "died", CRASHED, batch_id="batch-1")
    wanted = {"reasons": [TIMEOUT], "batch_id": "batch-1", "path": "/run*", "newer_than_s": 50.0}
    assert ids(store, **wanted) == ["right"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_a_filter_neither_repeat_nor_skip_though_jobs_come_between(store, backend, limit):
    for number in range(9):
        failed(store, f"job-{number}", [TIMEOUT, CRASHED, STATUS][number % 3])
        if number % 2:  # so that some were created at the same time
            backend.advance(1)
    expected = [f"job-{number}" for number in (7, 6, 4, 3, 1, 0)]
    wanted = {"reasons": [TIMEOUT, CRASHED], "path": "/run*", "older_than_s": 0.0}
    found, cursor = [], None
    while True:
        page = store.find(**wanted, limit=limit, cursor=cursor)
        found += [job.id for job in page.jobs]
        if (cursor := page.next_cursor) is None:
            break
        backend.advance(1)
        failed(store, f"new-{len(found)}", TIMEOUT)
    # The order of jobs of one time is by id, from the last to the first.
    assert found == expected


def test_pending_counts_what_has_not_finished_and_may_run_soon(store, backend):
    def pending(within_s=0.0):
        return store.pending(TOPIC, within_s=within_s)

    assert pending() == 0
    running(store, "runs", "waits-again", "succeeded", "failed", "dead", "cancelled", "released", "held")
    added(store, "queued", "published")
    added(store, "delayed", delay_s=100.0)
    added(store, "elsewhere", topic="projects/p/topics/other")
    store.published([Published("published", "m"), Published("delayed", "m2")])
    store.record([an_outcome("succeeded"), a_failure("failed"), a_failure("dead", dead_letter=True)])
    store.record([a_retry("waits-again", retry_in_s=50.0), a_retry("held", retry_in_s=20.0, held=True)])
    store.cancel(["cancelled"])
    store.release([Lease("released", 1)])
    at_once = {"runs", "released", "queued", "published"}
    assert pending() == len(at_once)
    assert [pending(within_s) for within_s in (19.0, 20.0, 50.0, 99.0, 100.0)] == [4, 5, 6, 6, 7]
    backend.advance(LEASE_S + LEASE_GRACE_S)
    due(store)
    assert pending() == len(at_once | {"held", "waits-again"})
    assert store.pending("projects/p/topics/other", within_s=0.0) == 1


def test_pending_counts_very_many(store, backend):
    at_once = min(10_000, backend.many)
    for start in range(0, backend.many, at_once):
        with store.group():
            store.add([a_job(f"job-{number}", request=Request("GET", "/")) for number in range(start, start + at_once)])
    assert store.pending(TOPIC, within_s=0.0) == backend.many
