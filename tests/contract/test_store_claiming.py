import pytest
from given import (
    LEASE_S,
    MAX_CRASHES,
    REQUEST,
    TOPIC,
    a_claim,
    a_failure,
    a_retry,
    added,
    an_outcome,
    due,
    running,
    the_job,
)

from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claimed, Lease, Refusal, Refused
from pubsubctl.store.messages import DueKind


def test_a_queued_job_is_granted_and_runs(store):
    added(store, max_attempts=2, timeout_s=9.0)
    assert store.claim([a_claim(worker_id="w", message_id="m")]) == [Claimed("job-1", 1, 0, 2, 9.0)]
    job = the_job(store)
    assert (job.state, job.attempt, job.worker, job.message_id) == (JobState.RUNNING, 1, "w", "m")
    assert job.started_at == store.now()


def test_the_worker_decides_how_many_failures_a_job_may_have_that_does_not_say(store):
    added(store)
    assert store.claim([a_claim(max_attempts=7)]) == [Claimed("job-1", 1, 0, 7)]


def test_no_claims_get_no_answers(store):
    assert store.claim([]) == []


def test_answers_come_in_the_order_of_the_claims(store):
    running(store, "busy")
    added(store, "free", "other")
    answers = store.claim([a_claim("other"), a_claim("busy", message_id="else"), a_claim("new"), a_claim("free")])
    assert [answer.job_id for answer in answers] == ["other", "busy", "new", "free"]
    assert [isinstance(answer, Claimed) for answer in answers] == [True, False, True, True]


def test_of_two_claims_of_a_job_in_one_call_one_is_granted(store):
    added(store)
    answers = store.claim([a_claim(), a_claim(), a_claim(message_id="message-2")])
    assert answers == [
        Claimed("job-1", 1, 0, 5),
        Refused("job-1", Refusal.HELD, LEASE_S),
        Refused("job-1", Refusal.BUSY),
    ]
    assert the_job(store).attempt == 1


def test_of_two_claims_of_an_unknown_job_in_one_call_one_is_granted(store):
    first, second = store.claim([a_claim(), a_claim()])
    assert first == Claimed("job-1", 1, 0, 5)
    assert second == Refused("job-1", Refusal.HELD, LEASE_S)


def test_a_running_job_is_held_by_its_own_message_and_busy_for_others(store, backend):
    running(store, message_id="mine")
    backend.advance(10)
    assert store.claim([a_claim(message_id="mine")]) == [Refused("job-1", Refusal.HELD, LEASE_S - 10)]
    assert store.claim([a_claim(message_id="other")]) == [Refused("job-1", Refusal.BUSY)]


@pytest.mark.parametrize("outcome", [an_outcome(), a_failure(), a_failure(dead_letter=True)])
def test_a_job_that_has_ended_is_done(store, outcome):
    running(store)
    store.record([outcome])
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.DONE)]
    assert the_job(store).state is outcome.state


def test_a_cancelled_job_is_refused(store):
    added(store)
    store.cancel(["job-1"])
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.CANCELLED)]


def test_a_retry_is_refused_until_it_is_due_and_granted_then(store, backend):
    running(store)
    store.record([a_retry(retry_in_s=5.0, reason=Reason.TIMEOUT, error="too long")])
    backend.advance(2)
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.NOT_DUE, 3.0)]
    backend.advance(3)
    assert store.claim([a_claim()]) == [Claimed("job-1", 2, 1, 5)]
    job = the_job(store)
    assert (job.reason, job.error, job.not_before) == (None, None, None)


def test_a_delayed_job_is_refused_until_it_is_due(store, backend):
    added(store, delay_s=5.0)
    assert store.claim([a_claim()]) == [Refused("job-1", Refusal.NOT_DUE, 5.0)]
    backend.advance(5)
    assert isinstance(store.claim([a_claim()])[0], Claimed)


def test_an_unknown_job_is_inserted_and_granted(store):
    assert store.claim([a_claim(batch_id="b", ordering_key="o")]) == [Claimed("job-1", 1, 0, 5)]
    job = the_job(store)
    assert (job.state, job.batch_id, job.ordering_key, job.topic) == (JobState.RUNNING, "b", "o", TOPIC)
    assert (job.method, job.path, job.created_at) == ("POST", "/run?x=1", store.now())
    assert store.request("job-1") == REQUEST


def test_an_unknown_job_whose_message_is_older_than_results_is_forgotten(store):
    assert store.claim([a_claim(age_s=1001.0)]) == [Refused("job-1", Refusal.FORGOTTEN)]
    assert store.get(["job-1"]) == [None]
    assert isinstance(store.claim([a_claim(age_s=1000.0)])[0], Claimed)


def test_a_known_job_runs_however_old_its_message_is(store):
    added(store)
    assert isinstance(store.claim([a_claim(age_s=1e9)])[0], Claimed)


def test_an_expired_lease_is_a_crash_and_the_next_claim_is_granted(store, backend):
    running(store)
    backend.advance(LEASE_S)
    assert store.claim([a_claim(message_id="message-2")]) == [Claimed("job-1", 2, 0, 5, None, 1)]
    job = the_job(store)
    assert (job.attempt, job.crashes, job.failures, job.message_id) == (2, 1, 0, "message-2")


def test_a_job_that_crashed_too_often_is_given_up_and_its_dead_letter_is_due(store, backend):
    running(store)
    for attempt in range(2, MAX_CRASHES + 1):
        backend.advance(LEASE_S)
        assert store.claim([a_claim()]) == [Claimed("job-1", attempt, 0, 5, None, attempt - 1)]
    backend.advance(LEASE_S)
    refusals = store.claim([a_claim(), a_claim()])
    assert refusals == [Refused("job-1", Refusal.CRASHED), Refused("job-1", Refusal.DONE)]
    job = the_job(store)
    assert (job.state, job.reason, job.crashes, job.attempt) == (JobState.FAILED, Reason.CRASHED, 3, 3)
    assert job.finished_at == store.now()
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=MAX_CRASHES)
    assert (found.kind, found.job.id) == (DueKind.DEAD_LETTER, "job-1")


def test_leases_that_end_at_once_are_granted_in_turn_within_a_call(store):
    added(store)
    answers = store.claim([a_claim(lease_s=0.0), a_claim(lease_s=0.0), a_claim(lease_s=0.0), a_claim(lease_s=0.0)])
    assert [getattr(answer, "attempt", None) for answer in answers] == [1, 2, 3, None]
    assert answers[-1] == Refused("job-1", Refusal.CRASHED)
    job = the_job(store)
    assert (job.state, job.attempt, job.crashes) == (JobState.FAILED, 3, 3)


def test_a_released_job_is_queued_and_counted_nowhere_but_in_its_attempt(store):
    running(store)
    store.release([Lease("job-1", 1), Lease("nobody", 1)])
    job = the_job(store)
    assert (job.state, job.attempt, job.failures, job.crashes) == (JobState.QUEUED, 1, 0, 0)
    assert (job.worker, job.started_at) == (None, None)
    assert store.claim([a_claim()]) == [Claimed("job-1", 2, 0, 5)]


def test_a_released_job_is_due_when_its_message_should_be_back(store, backend):
    running(store)
    store.release([Lease("job-1", 1)])
    backend.advance(LEASE_GRACE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["job-1"]


def test_only_the_current_attempt_can_be_released(store, backend):
    running(store)
    backend.advance(LEASE_S)
    store.claim([a_claim()])
    store.release([Lease("job-1", 1)])
    assert the_job(store).state is JobState.RUNNING
    store.record([an_outcome(attempt=2)])
    store.release([Lease("job-1", 2)])
    assert the_job(store).state is JobState.SUCCEEDED


def test_a_claim_whose_answer_was_lost_is_told_what_it_was_granted(store, backend):
    added(store)
    granted = store.claim([a_claim(worker_id="w")])
    backend.advance(3.0)
    assert store.claim([a_claim(worker_id="w", first_asked_s=3.0)]) == granted
    assert the_job(store).attempt == 1
    assert store.claim([a_claim(worker_id="w")]) == [Refused("job-1", Refusal.HELD, LEASE_S)]  # from now on


def test_asked_again_only_its_own_attempt_is_told_it(store, backend):
    added(store)
    store.claim([a_claim(worker_id="w")])
    backend.advance(3.0)
    for claim in (
        a_claim(worker_id="w", first_asked_s=2.0),  # it was granted before that one was made
        a_claim(worker_id="another", first_asked_s=9.0),
        a_claim(worker_id="w", first_asked_s=None),
    ):
        assert store.claim([claim]) == [Refused("job-1", Refusal.HELD, LEASE_S - 3.0)]
    assert store.claim([a_claim(worker_id="w", message_id="message-2", first_asked_s=9.0)]) == [
        Refused("job-1", Refusal.BUSY)
    ]


def test_of_two_claims_asked_again_in_one_call_one_is_told(store):
    added(store)
    store.claim([a_claim(), a_claim()])
    first, second = store.claim([a_claim(first_asked_s=1.0), a_claim(first_asked_s=1.0)])
    assert first == Claimed("job-1", 1, 0, 5)
    assert second == Refused("job-1", Refusal.HELD, LEASE_S)
