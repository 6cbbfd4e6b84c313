import pytest
from given import LEASE_S, MAX_CRASHES, a_claim, a_failure, a_job, a_retry, added, an_outcome, due, running, the_job

from pubsubctl.job import JobState, Reason
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Lease
from pubsubctl.store.messages import Burial, Published, Returned, Unpublished
from pubsubctl.store.timeline import EVENTS_KEPT, FIRST_EVENTS_KEPT, LOG_BYTES_KEPT, Event, EventKind

SUBMITTED, PUBLISHED, BEGAN, ENDED = EventKind.SUBMITTED, EventKind.PUBLISHED, EventKind.BEGAN, EventKind.ENDED
# What the row of a job tells by itself: it was submitted, published, begun.
TOLD_BY_THE_ROW = 3


def kinds(store, job_id="job-1"):
    return [(event.kind, event.attempt) for event in store.history(job_id)]


def last(store, job_id="job-1"):
    return store.history(job_id)[-1]


def test_an_unknown_job_has_no_history(store):
    assert store.history("nobody") == []


def test_a_job_that_went_well_tells_its_four_steps(store, backend):
    added(store)
    backend.advance(1)
    store.published([Published("job-1", "message-1")])
    backend.advance(1)
    store.claim([a_claim()])
    backend.advance(1)
    store.record([an_outcome()])
    began = store.now() - 3
    assert store.history("job-1") == [
        Event(began, SUBMITTED),
        Event(began + 1, PUBLISHED, message_id="message-1"),
        Event(began + 2, BEGAN, 1, "worker-1", "message-1"),
        Event(began + 3, ENDED, 1, "worker-1", "message-1", "succeeded with 200"),
    ]


def test_a_job_that_runs_tells_since_when(store, backend):
    running(store)
    backend.advance(1)
    assert last(store) == Event(store.now() - 1, BEGAN, 1, "worker-1", "message-1")


def test_every_attempt_is_told_with_its_worker_message_and_log(store, backend):
    running(store, worker_id="first")
    backend.advance(1)
    store.record([a_retry(reason=Reason.TIMEOUT, error="too slow", retry_in_s=2.0, log="tick\n")])
    backend.advance(2)
    assert due(store) == ["job-1"]
    store.published([Published("job-1", "message-2", 1)])
    store.claim([a_claim(worker_id="second", message_id="message-2")])
    backend.advance(1)
    store.record([an_outcome(attempt=2, log="tock\n")])
    assert [(event.kind, event.attempt, event.message_id) for event in store.history("job-1")] == [
        (SUBMITTED, 0, None),
        (PUBLISHED, 0, "message-1"),
        (BEGAN, 1, "message-1"),
        (ENDED, 1, "message-1"),
        (PUBLISHED, 1, "message-2"),
        (BEGAN, 2, "message-2"),
        (ENDED, 2, "message-2"),
    ]
    first, second = (event for event in store.history("job-1") if event.kind is ENDED)
    assert (first.worker, first.text, first.log) == ("first", "failed (timeout): too slow; again in 2.0 s", "tick\n")
    assert (second.worker, second.text, second.log) == ("second", "succeeded with 200", "tock\n")


def test_the_first_message_is_told_even_where_it_was_claimed_before_that_was_noted(store, backend):
    added(store)
    backend.advance(2)
    store.claim([a_claim(message_id="first", age_s=1.0)])
    store.published([Published("job-1", "first")])
    store.record([a_retry(retry_in_s=0.0)])
    store.published([Published("job-1", "second", 1)])
    published = [(event.at, event.message_id) for event in store.history("job-1") if event.kind is PUBLISHED]
    assert published == [(store.now() - 1, "first"), (store.now(), "second")]


def test_a_message_that_is_noted_twice_is_told_once(store):
    added(store)
    store.published([Published("job-1", "message-1"), Published("job-1", "message-1")])
    store.published([Published("job-1", "message-1")])
    assert kinds(store) == [(SUBMITTED, 0), (PUBLISHED, 0)]
    store.published([Published("job-1", "message-2")])
    assert kinds(store) == [(SUBMITTED, 0), (PUBLISHED, 0), (PUBLISHED, 0)]


def test_a_message_of_an_attempt_that_was_overtaken_is_not_told(store):
    running(store)
    store.record([a_retry(retry_in_s=0.0)])
    before = store.history("job-1")
    store.published([Published("job-1", "late", 0)])
    assert store.history("job-1") == before
    assert the_job(store).message_id is None


def test_a_job_that_came_by_message_alone_was_published_before_it_was_known(store):
    store.claim([a_claim(age_s=5.0)])
    published, submitted, began = store.history("job-1")
    assert (published.kind, published.at, published.message_id) == (PUBLISHED, store.now() - 5, "message-1")
    assert (submitted.kind, submitted.text) == (SUBMITTED, "it came by its message alone, and is known since then")
    assert began.kind is BEGAN


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\0b\udfff" * 500, "\x1b[31m\n"])
def test_no_text_however_unclean_keeps_anything_from_being_written(store, text):
    running(store)
    assert store.record([a_retry(error=text, log=text, retry_in_s=0.0)]) == [True]
    store.unpublished([Unpublished("job-1", text, 1)])
    assert store.record([an_outcome(log=text)]) == [False]
    store.bury([Burial("msg-1", "1", "t", text, (("a", text),), b"")])
    assert the_job(store).reason == Reason.UNPUBLISHED
    for event in store.history("job-1") + store.history("msg-1"):
        (event.text or "").encode()
        (event.log or "").encode()


@pytest.mark.parametrize("letter", ["a", "\xe9", "\N{SNOWMAN}", "\N{PILE OF POO}"])
def test_of_a_long_log_the_end_is_kept(store, letter):
    running(store)
    store.record([an_outcome(log=letter * LOG_BYTES_KEPT + "end")])
    log = last(store).log
    assert log.endswith(f"{letter}end")
    assert LOG_BYTES_KEPT - len(letter.encode()) < len(log.encode()) <= LOG_BYTES_KEPT


def test_a_lost_attempt_is_told_when_its_job_is_claimed_again(store, backend):
    running(store)
    backend.advance(LEASE_S)
    store.claim([a_claim(worker_id="worker-2", message_id="message-2")])
    lost = store.history("job-1")[-2]
    assert (lost.kind, lost.attempt, lost.worker, lost.message_id) == (EventKind.LOST, 1, "worker-1", "message-1")
    assert kinds(store)[2:] == [(BEGAN, 1), (EventKind.LOST, 1), (BEGAN, 2)]


@pytest.mark.parametrize("by_sweep", [True, False])
def test_the_last_of_too_many_lost_attempts_says_that_the_job_is_given_up(store, backend, by_sweep):
    running(store)
    for _ in range(MAX_CRASHES - 1):
        backend.advance(LEASE_S)
        store.claim([a_claim()])
    backend.advance(LEASE_S + LEASE_GRACE_S)
    if by_sweep:
        due(store)
    else:
        store.claim([a_claim()])
    lost = [event.text for event in store.history("job-1") if event.kind is EventKind.LOST]
    assert ["failed (crashed)" in text for text in lost] == [False] * (MAX_CRASHES - 1) + [True]


def test_two_lost_attempts_of_one_call_are_told_apart(store):
    added(store)
    store.claim([a_claim(lease_s=0.0, message_id="m1", worker_id="w1"), a_claim(message_id="m2", worker_id="w2")])
    told = [(event.kind, event.attempt, event.worker) for event in store.history("job-1")][2:]
    assert told == [(BEGAN, 1, "w1"), (EventKind.LOST, 1, "w1"), (BEGAN, 2, "w2")]


def test_a_late_outcome_is_told_and_changes_nothing(store):
    running(store)
    store.cancel(["job-1"])
    before = the_job(store)
    assert store.record([an_outcome(log="it ran all the same")]) == [False]
    late = last(store)
    assert (late.kind, late.attempt, late.log) == (EventKind.LATE, 1, "it ran all the same")
    assert late.text == "succeeded with 200"
    assert the_job(store) == before


def test_an_attempt_that_was_given_back_is_told(store):
    running(store)
    store.release([Lease("job-1", 1)])
    assert kinds(store)[2:] == [(BEGAN, 1), (EventKind.RELEASED, 1)]


def test_a_cancellation_is_told_of_a_job_that_ran_and_of_one_that_waited(store):
    running(store, "ran")
    added(store, "waited")
    store.cancel(["ran", "waited"])
    assert kinds(store, "ran")[2:] == [(BEGAN, 1), (EventKind.CANCELLED, 1)]
    assert kinds(store, "waited") == [(SUBMITTED, 0), (EventKind.CANCELLED, 0)]
    assert (last(store, "ran").text, last(store, "waited").text) == ("while it ran", None)


def test_the_mirror_of_a_dead_letter_is_told(store):
    running(store)
    store.record([a_failure(dead_letter=True)])
    store.mirrored({"job-1": the_job(store).finished_at, "nobody": 1.0})
    assert last(store).kind is EventKind.MIRRORED


def test_what_happens_at_the_time_of_an_end_is_not_taken_for_it(store):
    running(store)
    store.record([an_outcome()])
    store.returned([Returned("job-1", "message-1", "too late")])
    store.record([an_outcome()])
    assert kinds(store)[2:] == [(BEGAN, 1), (ENDED, 1), (EventKind.RETURNED, 1), (EventKind.LATE, 1)]


def test_a_failure_is_told_once_whichever_way_it_came(store, backend):
    running(store, "answered", "logged")
    added(store, "refused")
    store.record([a_failure("answered"), a_failure("logged", log="why")])
    store.unpublished([Unpublished("refused", "no")])
    backend.advance(1)
    for job_id in ("answered", "logged", "refused"):
        assert [event.kind for event in store.history(job_id)].count(ENDED) == 1


def test_refusals_are_told_and_never_more_than_are_kept(store):
    running(store)
    for number in range(EVENTS_KEPT + 50):
        store.claim([a_claim(message_id=f"again-{number}", worker_id="other")])
    told = store.history("job-1")
    assert len(told) == EVENTS_KEPT + TOLD_BY_THE_ROW
    refused = [event for event in told if event.kind is EventKind.REFUSED]
    assert (refused[0].text, refused[0].worker) == ("the job runs under another message", "other")
    numbers = [int(event.message_id.removeprefix("again-")) for event in refused]
    assert numbers[:FIRST_EVENTS_KEPT] == list(range(FIRST_EVENTS_KEPT))
    assert numbers[-1] == EVENTS_KEPT + 49
    assert numbers == sorted(numbers)


def test_many_refusals_of_one_call_are_no_more_than_are_kept(store):
    running(store, "job-1", "job-2")
    store.claim([a_claim(job_id, message_id="x") for job_id in ("job-1", "job-2") for _ in range(3 * EVENTS_KEPT)])
    for job_id in ("job-1", "job-2"):
        assert len(store.history(job_id)) == EVENTS_KEPT + TOLD_BY_THE_ROW


def test_refusals_do_not_wash_away_how_attempts_ended(store):
    running(store)
    for number in range(1, 31):
        store.record([a_retry(attempt=number, retry_in_s=0.0, log=f"log {number}")])
        store.claim([a_claim(message_id=f"m{number}")])
    store.claim([a_claim(message_id="other") for _ in range(2 * EVENTS_KEPT)])
    logs = [event.log for event in store.history("job-1") if event.kind is ENDED]
    assert logs == [f"log {number}" for number in range(1, 31)]


def test_redeliveries_of_what_is_unknown_and_forgotten_are_kept_nowhere(store):
    store.claim([a_claim(age_s=10.0, max_age_s=5.0)] * 10)
    store.record([an_outcome("nobody")])
    assert store.get(["job-1", "nobody"]) == [None, None]
    assert (store.history("job-1"), store.history("nobody")) == ([], [])


def test_a_purged_job_leaves_nothing_of_its_history_to_one_of_the_same_id(store, backend):
    running(store)
    store.record([a_failure(log="old")])
    backend.advance(10)
    assert store.purge(older_than_s=5.0).count == 1
    assert store.history("job-1") == []
    store.add([a_job()])
    assert kinds(store) == [(SUBMITTED, 0)]


def test_the_state_of_a_job_is_what_its_history_ends_with(store):
    running(store)
    store.record([a_failure(reason=Reason.STATUS, error="404 NOT FOUND", response=None)])
    assert the_job(store).state is JobState.FAILED
    assert last(store).text == "failed (status): 404 NOT FOUND"


def test_an_attempt_that_was_given_back_keeps_its_log(store):
    running(store)
    store.release([Lease("job-1", 1, log="step 3\n")])
    assert (last(store).kind, last(store).log) == (EventKind.RELEASED, "step 3\n")
    assert the_job(store).state is JobState.QUEUED


def test_an_attempt_that_was_stopped_since_it_was_cancelled_keeps_its_log(store):
    running(store)
    store.cancel(["job-1"])
    store.release([Lease("job-1", 1, log="step 3\n")])
    assert (last(store).kind, last(store).log) == (ENDED, "step 3\n")
    assert the_job(store).state is JobState.CANCELLED
    assert [kind for kind, _ in kinds(store)].count(BEGAN) == 1
    told = kinds(store)
    store.release([Lease("job-1", 1), Lease("job-1", 2, log="of another")])
    assert kinds(store) == told
