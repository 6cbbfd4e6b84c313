import pytest
from given import LEASE_S, REQUEST, TOPIC, a_claim, a_failure, a_job, a_retry, added, due, running, the_job

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request
from pubsubctl.job import JobState, Reason
from pubsubctl.store.answers import Added
from pubsubctl.store.base import LEASE_GRACE_S, LOST_MESSAGE_S, PUBLISH_GRACE_S
from pubsubctl.store.claims import Claimed, Lease, Refused
from pubsubctl.store.messages import Burial, DueKind, Published, Unpublished


def test_a_new_job_is_queued_and_comes_back_as_it_was_submitted(store):
    job = a_job(
        batch_id="batch-1",
        max_attempts=2,
        timeout_s=1.5,
        idempotency_key="key",
        ordering_key="order",
        topic="projects/p/topics/t",
    )
    assert store.add([job]) == [Added("job-1")]
    found = the_job(store)
    assert found.state is JobState.QUEUED
    assert (found.method, found.path, found.batch_id) == ("POST", "/run?x=1", "batch-1")
    assert (found.max_attempts, found.timeout_s, found.idempotency_key) == (2, 1.5, "key")
    assert (found.ordering_key, found.topic) == ("order", "projects/p/topics/t")
    assert (found.attempt, found.failures, found.crashes) == (0, 0, 0)
    assert found.created_at == store.now()
    assert store.request("job-1") == REQUEST


def test_adding_nothing_does_nothing(store):
    assert store.add([]) == []
    assert sum(store.counts().values()) == 0


def test_more_jobs_than_a_statement_has_parameters_are_added_in_one_call(store):
    ids = [f"job-{n:05}" for n in range(3000)]
    assert store.add([a_job(job_id) for job_id in ids]) == [Added(job_id) for job_id in ids]
    assert [job and job.id for job in store.get(ids)] == ids


@pytest.mark.parametrize("ids", [["job-1"], ["job-2", "job-1"], ["job-3", "job-3"]])
def test_an_id_that_is_taken_is_refused_and_nothing_of_the_call_is_done(store, ids):
    added(store, "job-1")
    with pytest.raises(StoreError, match=f"'{ids[-1]}' already"):
        store.add([a_job(job_id, request=Request.of("GET", "/other")) for job_id in ids])
    assert store.counts()[JobState.QUEUED] == 1
    assert store.request("job-1") == REQUEST


def test_an_idempotency_key_that_is_known_finds_the_job_instead_of_adding_one(store):
    added(store, "job-1", idempotency_key="key")
    assert store.add([a_job("job-2", idempotency_key="key"), a_job("job-3", idempotency_key="new")]) == [
        Added("job-1", existed=True),
        Added("job-3"),
    ]
    assert store.get(["job-2"]) == [None]


TRACED = [("traceparent", "00-1"), ("tracestate", "a=1"), ("baggage", "b=2"), ("x-request-id", "3")]


def test_how_a_request_came_makes_it_no_other_one(store):
    store.add([a_job("job-1", idempotency_key="key", request=Request.of("GET", "/", [("accept", "a/b")]))])
    traced = Request.of("GET", "/", [("accept", "a/b"), *TRACED])
    other = Request.of("GET", "/", [("accept", "c/d"), *TRACED])
    answers = store.add(
        [a_job(f"new-{n}", idempotency_key="key", request=each) for n, each in enumerate([traced, other])]
    )
    assert [each.same_request for each in answers] == [True, False]


def test_nor_does_it_use_up_the_key_of_a_job_that_could_not_be_published(store):
    added(store, "job-1", idempotency_key="key", request=Request.of("GET", "/"))
    store.unpublished([Unpublished("job-1", "refused")])
    traced = a_job("new", idempotency_key="key", request=Request.of("GET", "/", TRACED))
    assert store.add([traced, traced]) == [Added("job-1"), Added("job-1", existed=True)]


def test_an_idempotency_key_given_twice_in_a_call_adds_one_job(store):
    jobs = [a_job("job-1", idempotency_key="key"), a_job("job-2", idempotency_key="key"), a_job("job-3")]
    assert store.add(jobs) == [Added("job-1"), Added("job-1", existed=True), Added("job-3")]
    assert store.counts()[JobState.QUEUED] == 2


@pytest.mark.parametrize(
    "other",
    [
        Request.of("PUT", "/run?x=1", REQUEST.headers, REQUEST.body),
        Request.of("POST", "/run", REQUEST.headers, REQUEST.body),
        Request.of("POST", "/run?x=1", (), REQUEST.body),
        Request.of("POST", "/run?x=1", REQUEST.headers, b""),
    ],
    ids=["method", "path", "headers", "body"],
)
def test_a_different_request_under_a_known_key_is_reported(store, other):
    different = Added("job-1", existed=True, same_request=False)
    first = a_job("job-1", idempotency_key="key")
    second = a_job("job-2", idempotency_key="key", request=other)
    assert store.add([first, second]) == [Added("job-1"), different]
    assert store.add([second]) == [different]


def test_a_published_job_knows_its_message(store):
    added(store)
    store.published([Published("job-1", "message-9"), Published("nobody", "message-8")])
    assert the_job(store).message_id == "message-9"


def test_a_job_claimed_since_its_message_was_made_is_left_alone(store):
    added(store)
    assert isinstance(store.claim([a_claim(message_id="first")])[0], Claimed)
    store.published([Published("job-1", "late", attempt=0), Published("job-1", "later", attempt=1)])
    assert the_job(store).message_id == "first"


def test_a_job_never_known_to_be_published_is_due_after_a_grace(store, backend):
    added(store)
    backend.advance(PUBLISH_GRACE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["job-1"]


def test_a_published_job_is_due_when_the_broker_may_have_forgotten_it(store, backend):
    added(store)
    store.published([Published("job-1", "message-1")])
    backend.advance(LOST_MESSAGE_S - 1)
    assert due(store) == []
    backend.advance(1)
    assert due(store) == ["job-1"]


def test_a_delayed_job_is_due_at_its_time(store, backend):
    added(store, delay_s=7.0)
    assert the_job(store).not_before == store.now() + 7
    backend.advance(6.5)
    assert due(store) == []
    backend.advance(0.5)
    assert due(store) == ["job-1"]


def test_a_delayed_job_published_too_early_stays_due_at_its_time(store, backend):
    added(store, delay_s=200.0)
    store.published([Published("job-1", "message-1")])
    backend.advance(200)
    assert due(store) == ["job-1"]


def test_an_unpublished_job_is_failed_with_its_reason(store, backend):
    added(store, "job-1", "job-2")
    store.unpublished([Unpublished("job-1", "the topic is gone"), Unpublished("nobody", "no")])
    job = the_job(store)
    assert (job.state, job.reason, job.error) == (JobState.FAILED, Reason.UNPUBLISHED, "the topic is gone")
    assert job.finished_at == store.now()
    assert the_job(store, "job-2").state is JobState.QUEUED
    backend.advance(PUBLISH_GRACE_S)
    assert due(store) == ["job-2"]


def test_a_job_that_has_a_message_or_runs_is_never_unpublished(store):
    added(store, "published")
    store.published([Published("published", "message-1")])
    running(store, "running")
    store.unpublished([Unpublished("published", "no"), Unpublished("running", "no", 1)])
    assert the_job(store, "published").state is JobState.QUEUED
    assert the_job(store, "running").state is JobState.RUNNING


def test_a_job_to_be_retried_can_be_unpublished_with_a_dead_letter(store, backend):
    running(store, "job-1", "job-2")
    store.record([a_retry("job-1"), a_retry("job-2")])
    store.unpublished([Unpublished("job-1", "too many headers", 1, dead_letter=True), Unpublished("job-2", "no", 1)])
    job = the_job(store)
    assert (job.state, job.reason, job.error) == (JobState.FAILED, Reason.UNPUBLISHED, "too many headers")
    assert (job.attempt, job.failures, job.not_before) == (1, 1, None)
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=3)
    assert (found.kind, found.job.id) == (DueKind.DEAD_LETTER, "job-1")
    assert isinstance(store.claim([a_claim("job-2")])[0], Refused)


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_job_of_another_attempt_is_never_unpublished(store, attempt):
    running(store)
    store.record([a_retry()])
    store.unpublished([Unpublished("job-1", "no", attempt)])
    assert the_job(store).state is JobState.RETRYING


def test_a_job_that_may_have_a_message_under_way_is_never_unpublished(store, backend):
    running(store, "released", "held", "republished", "crashed")
    store.release([Lease("released", 1)])
    store.record([a_retry("held", held=True), a_retry("republished")])
    store.published([Published("republished", "message-2", 1)])
    backend.advance(LEASE_S + LEASE_GRACE_S)
    assert "crashed" in due(store)
    ids = ["released", "held", "republished", "crashed"]
    store.unpublished([Unpublished(job_id, "no", 1) for job_id in ids])
    assert [the_job(store, job_id).state for job_id in ids] == [JobState.QUEUED, *[JobState.RETRYING] * 3]


def test_the_key_of_an_unpublished_job_queues_the_same_request_again_under_its_id(store, backend):
    added(store, "job-1", idempotency_key="key", max_attempts=2)
    store.unpublished([Unpublished("job-1", "no topic")])
    created_at = store.now()
    backend.advance(100)
    again = a_job(
        "job-2",
        idempotency_key="key",
        batch_id="batch-2",
        max_attempts=7,
        timeout_s=9.0,
        ordering_key="order",
        topic="projects/p/topics/t2",
    )
    assert store.add([again, again]) == [Added("job-1"), Added("job-1", existed=True)]
    assert store.get(["job-2"]) == [None]
    job = the_job(store)
    assert (job.state, job.reason, job.error, job.finished_at) == (JobState.QUEUED, None, None, None)
    assert (job.batch_id, job.max_attempts, job.timeout_s, job.ordering_key) == ("batch-2", 7, 9.0, "order")
    assert (job.topic, job.created_at, job.attempt) == ("projects/p/topics/t2", created_at, 0)
    backend.advance(PUBLISH_GRACE_S - 1)
    assert due(store, topic=job.topic) == []
    backend.advance(1)
    assert due(store, topic=job.topic) == ["job-1"]


def test_a_job_queued_again_keeps_its_attempt_number_and_takes_the_new_delay(store, backend):
    added(store, "job-1", idempotency_key="key")
    store.claim([a_claim()])
    store.record([a_retry()])
    store.unpublished([Unpublished("job-1", "no", 1)])
    assert store.add([a_job("job-2", idempotency_key="key", delay_s=10.0)]) == [Added("job-1", attempt=1)]
    assert (the_job(store).attempt, the_job(store).failures) == (1, 1)
    assert the_job(store).not_before == store.now() + 10
    backend.advance(10)
    assert due(store) == ["job-1"]
    store.published([Published("job-1", "message-2", 1)])
    assert the_job(store).message_id == "message-2"
    assert [each.attempt for each in store.claim([a_claim(message_id="message-2")])] == [2]


def test_the_key_of_an_unpublished_job_stays_with_its_request(store):
    added(store, "job-1", idempotency_key="key")
    store.unpublished([Unpublished("job-1", "no topic")])
    other = a_job("job-2", idempotency_key="key", request=Request.of("GET", "/other"))
    assert store.add([other]) == [Added("job-1", existed=True, same_request=False)]
    assert the_job(store).state is JobState.FAILED


def test_a_job_that_failed_for_another_reason_is_not_queued_again(store):
    added(store, "job-1", idempotency_key="key")
    store.claim([a_claim()])
    store.record([a_failure(reason=Reason.STATUS)])
    assert store.add([a_job("job-2", idempotency_key="key")]) == [Added("job-1", existed=True, attempt=1)]
    assert the_job(store).state is JobState.FAILED


def test_a_burial_is_a_failed_job_whose_dead_letter_is_due_at_once(store):
    burial = Burial("msg-1", "1", TOPIC, "no path", (("a", "b"),), b"\xff", reason=Reason.FORGOTTEN)
    store.bury([burial])
    job = the_job(store, "msg-1")
    assert (job.state, job.reason, job.error, job.message_id) == (JobState.FAILED, Reason.FORGOTTEN, "no path", "1")
    assert job.finished_at == store.now()
    (found,) = store.sweep(TOPIC, limit=10, max_crashes=3)
    assert found.kind is DueKind.DEAD_LETTER
    assert (found.request.headers, found.request.body) == ((("a", "b"),), b"\xff")


def test_a_burial_that_is_known_already_is_left_as_it_is(store):
    running(store)
    again = Burial("job-1", "2", TOPIC, "again", (), b"")
    store.bury([Burial("msg-1", "1", TOPIC, "first", (), b""), Burial("msg-1", "1", TOPIC, "second", (), b""), again])
    store.bury([again])
    assert the_job(store, "msg-1").error == "first"
    assert the_job(store).state is JobState.RUNNING
    assert store.request("job-1") == REQUEST
