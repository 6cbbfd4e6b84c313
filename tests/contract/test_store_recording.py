import pytest
from given import LEASE_S, RESPONSE, a_claim, a_failure, a_new_claim, a_retry, added, an_outcome, due, running, the_job

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Response
from pubsubctl.job import JobState, Reason
from pubsubctl.store.answers import Cancelled
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claimed, Lease


def test_a_success_is_kept_with_its_response_exactly_as_it_was_given(store):
    running(store)
    assert store.record([an_outcome()]) == [True]
    job = the_job(store)
    assert (job.state, job.http_status, job.result_bytes) == (JobState.SUCCEEDED, 200, len(RESPONSE.body))
    assert (job.finished_at, job.failures, job.reason, job.error) == (store.now(), 0, None, None)
    assert store.response("job-1") == RESPONSE


def test_a_failure_is_kept_with_its_reason_error_and_response(store):
    running(store)
    outcome = a_failure(reason=Reason.STATUS, error="no such model", response=Response(404, (), b"none"))
    assert store.record([outcome]) == [True]
    job = the_job(store)
    assert (job.state, job.reason, job.error) == (JobState.FAILED, Reason.STATUS, "no such model")
    assert (job.http_status, job.failures, job.crashes) == (404, 1, 0)
    assert store.response("job-1") == Response(404, (), b"none")


def test_a_failure_without_a_response_has_none(store):
    running(store)
    store.record([a_failure(reason=Reason.TIMEOUT, error="too long")])
    assert store.response("job-1") is None
    assert (the_job(store).http_status, the_job(store).result_bytes) == (None, None)


def test_an_empty_body_is_a_response_too(store):
    running(store)
    store.record([an_outcome(response=Response(204))])
    assert store.response("job-1") == Response(204)
    assert the_job(store).result_bytes == 0


def test_of_a_retried_attempt_only_the_status_is_kept(store):
    running(store)
    assert store.record([a_retry(reason=Reason.STATUS, error="503", response=Response(503, (), b"later"))]) == [True]
    job = the_job(store)
    assert (job.state, job.http_status, job.failures, job.error) == (JobState.RETRYING, 503, 1, "503")
    assert (job.not_before, job.finished_at, job.result_bytes) == (store.now() + 5, None, None)
    assert store.response("job-1") is None


def test_a_retry_is_due_at_its_time(store, backend):
    running(store)
    store.record([a_retry(retry_in_s=100.0)])
    backend.advance(99)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["job-1"]


def test_a_retry_whose_message_is_held_is_due_a_grace_later_but_runs_again_at_its_time(store, backend):
    running(store, "held", "claimed")
    store.record([a_retry("held", retry_in_s=100.0, held=True), a_retry("claimed", retry_in_s=100.0, held=True)])
    assert the_job(store, "held").not_before == store.now() + 100
    backend.advance(100)
    assert isinstance(store.claim([a_claim("claimed")])[0], Claimed)
    backend.advance(LEASE_GRACE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["held"]


def test_only_a_retry_can_be_held(store):
    running(store)
    store.record([a_failure(dead_letter=True, held=True)])
    assert due(store) == ["job-1"]


def test_a_crash_counts_as_a_crash_and_not_as_a_failure(store):
    running(store)
    store.record([a_retry(reason=Reason.CRASHED, crashed=True, retry_in_s=0.0)])
    assert (the_job(store).failures, the_job(store).crashes) == (0, 1)
    assert store.claim([a_claim()]) == [Claimed("job-1", 2, 0, 5, None, 1)]


def test_a_dead_letter_is_due_until_it_is_mirrored(store, backend):
    running(store)
    store.record([a_failure(dead_letter=True)])
    assert due(store) == ["job-1"]
    store.mirrored({"job-1": the_job(store).finished_at, "nobody": 1.0})
    backend.advance(1e9)
    assert due(store) == []


def test_the_mirror_of_an_earlier_end_does_not_count_for_the_next_one(store, backend):
    running(store)
    store.record([a_failure(dead_letter=True)])
    ended_at = the_job(store).finished_at
    backend.advance(1)
    store.retry(["job-1"])
    store.claim([a_new_claim()])
    store.record([a_failure(attempt=2, dead_letter=True)])
    store.mirrored({"job-1": ended_at})
    assert due(store) == ["job-1"]


def test_a_finished_job_without_a_dead_letter_is_never_due(store, backend):
    running(store, "job-1", "job-2")
    store.record([an_outcome("job-1"), a_failure("job-2")])
    backend.advance(1e9)
    assert due(store) == []


@pytest.mark.parametrize("attempt", [0, 2])
def test_an_outcome_of_any_other_attempt_is_refused_and_changes_nothing(store, attempt):
    running(store)
    before = the_job(store)
    assert store.record([an_outcome(attempt=attempt)]) == [False]
    assert the_job(store) == before
    assert store.response("job-1") is None


def test_the_outcome_of_an_overtaken_attempt_is_refused(store, backend):
    running(store)
    backend.advance(LEASE_S)
    store.claim([a_claim(worker_id="worker-2")])
    assert store.record([a_failure(attempt=1), an_outcome(attempt=2)]) == [False, True]
    assert (the_job(store).state, the_job(store).worker) == (JobState.SUCCEEDED, "worker-2")


def test_an_expired_lease_that_nobody_took_over_can_still_be_recorded(store, backend):
    running(store)
    backend.advance(LEASE_S * 100)
    assert store.record([an_outcome()]) == [True]


def test_of_two_outcomes_of_an_attempt_the_first_counts(store):
    running(store)
    assert store.record([an_outcome(), a_failure()]) == [True, False]
    assert store.record([a_failure()]) == [False]
    assert the_job(store).state is JobState.SUCCEEDED
    assert store.response("job-1") == RESPONSE


def test_the_outcome_of_an_unknown_queued_cancelled_or_released_job_is_refused(store):
    added(store, "queued")
    running(store, "cancelled", "released")
    store.cancel(["cancelled"])
    store.release([Lease("released", 1)])
    ids = ["unknown", "queued", "cancelled", "released"]
    assert store.record([an_outcome(job_id) for job_id in ids]) == [False] * 4
    assert store.response("cancelled") is None


def test_no_outcomes_get_no_answers(store):
    assert store.record([]) == []


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED])
def test_an_attempt_cannot_end_in_a_state_that_is_no_end(store, state):
    running(store)
    with pytest.raises(StoreError, match="cannot end"):
        store.record([an_outcome(state=state)])
    assert the_job(store).state is JobState.RUNNING


def test_words_that_a_database_refuses_never_keep_a_job_from_being_recorded(store):
    running(store)
    response = Response(500, (("X-Odd", "\udcff\x00"),), b"", "O\udcffps\x00")
    assert store.record([a_failure(error="bad \udcff and \x00 and \N{SNOWMAN}", response=response)]) == [True]
    assert "\N{SNOWMAN}" in (the_job(store).error or "")
    kept = store.response("job-1")
    assert kept is not None
    assert kept.headers == response.headers


def test_a_large_body_comes_back_whole(store):
    body = bytes(range(256)) * 40_000
    running(store)
    store.record([an_outcome(response=Response(200, (), body))])
    response = store.response("job-1")
    assert response is not None
    assert response.body == body
    assert the_job(store).result_bytes == len(body)


def test_cancelling_tells_the_state_that_it_found_and_ends_what_has_not_finished(store, backend):
    added(store, "queued")
    running(store, "running", "retrying", "succeeded", "failed")
    store.record([a_retry("retrying"), an_outcome("succeeded"), a_failure("failed", dead_letter=True)])
    backend.advance(1)
    ids = ["queued", "running", "retrying", "succeeded", "failed", "unknown", "queued"]
    assert store.cancel(ids) == [
        Cancelled("queued", JobState.QUEUED),
        Cancelled("running", JobState.RUNNING),
        Cancelled("retrying", JobState.RETRYING),
        Cancelled("succeeded", JobState.SUCCEEDED),
        Cancelled("failed", JobState.FAILED),
        Cancelled("unknown", None),
        Cancelled("queued", JobState.CANCELLED),
    ]
    assert [the_job(store, job_id).state for job_id in ids[:3]] == [JobState.CANCELLED] * 3
    assert the_job(store, "running").finished_at == store.now()
    assert the_job(store, "succeeded").finished_at == store.now() - 1
    assert due(store) == ["failed"]
    backend.advance(1e9)
    assert due(store) == ["failed"]


@pytest.mark.parametrize("make", [an_outcome, a_failure, a_retry])
def test_an_outcome_whose_answer_was_lost_is_recorded_once(store, make):
    running(store)
    assert store.record([make(log="first")]) == [True]
    job, response, history = the_job(store), store.response("job-1"), store.history("job-1")
    assert store.record([make(log="first", again=True)]) == [True]
    assert (the_job(store), store.response("job-1"), store.history("job-1")) == (job, response, history)
    assert store.record([make()]) == [False]


def test_told_again_it_is_refused_if_it_was_not_what_the_job_ended_with(store):
    running(store, "cancelled", "failed", "again")
    store.cancel(["cancelled"])
    store.record([a_failure("failed"), a_retry("again")])
    assert store.claim([a_claim("again", message_id="m")])
    assert store.record([an_outcome(each, again=True) for each in ("cancelled", "failed", "again")]) == [False] * 3
