"""Bodies that are kept apart: what the store knows of them, and whom it tells when they may go."""

import hashlib

from given import a_claim, a_job, a_new_claim, a_retry, added, an_outcome, due, running, the_job

from pubsubctl.exchange import Payload, Request, Response
from pubsubctl.job import JobState
from pubsubctl.store.answers import Deleted
from pubsubctl.store.claims import Claimed

CONTENT = b"\x00body\xff" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ASKED = Payload("store-1/ab/job-1/request", len(CONTENT), DIGEST)
ANSWERED = Payload("store-1/ab/job-1/1", 3 << 30, "f" * 64)
HEADERS = (("content-type", "text/plain"),)
REQUEST = Request("POST", "/run", HEADERS, payload=ASKED)
RESPONSE = Response(200, (("X", "1"),), payload=ANSWERED)


def test_a_request_that_is_kept_apart_comes_back_with_all_that_is_known_of_it(store):
    added(store, request=REQUEST)
    assert store.request("job-1") == REQUEST


def test_a_response_that_is_kept_apart_comes_back_with_all_that_is_known_of_it(store):
    running(store)
    assert store.record([an_outcome(response=RESPONSE)]) == [True]
    assert store.response("job-1") == RESPONSE
    assert store.responses(["job-1"]) == {"job-1": RESPONSE}
    assert the_job(store).result_bytes == 3 << 30, "more than 32 bits hold"


def test_a_job_that_comes_by_message_alone_keeps_what_its_message_says(store):
    (answer,) = store.claim([a_claim(request=REQUEST)])
    assert isinstance(answer, Claimed)
    assert store.request("job-1") == REQUEST


def test_what_is_swept_to_be_published_again_says_where_its_body_is(backend, store):
    added(store, request=REQUEST)
    backend.advance(61)
    (item,) = store.sweep("projects/p/topics/jobs", limit=10, max_crashes=3)
    assert item.request == REQUEST


def test_who_deletes_jobs_is_told_which_of_them_had_bodies_apart(store):
    running(store, "plain", "answered", "answered-small")
    added(store, "asked", request=REQUEST)
    store.cancel(["asked"])
    store.record([an_outcome("plain"), an_outcome("answered", response=RESPONSE), an_outcome("answered-small")])
    gone = store.delete(["plain", "answered", "answered-small", "asked", "nobody"])
    assert (gone.count, set(gone.with_payloads)) == (4, {"answered", "asked"})
    assert store.delete(["answered", "asked"]) == Deleted()


def test_so_is_who_purges(backend, store):
    running(store, "plain", "answered")
    store.claim([a_new_claim("by-message", request=REQUEST)])
    store.record([an_outcome(each) for each in ("plain", "by-message")] + [an_outcome("answered", response=RESPONSE)])
    backend.advance(10)
    gone = store.purge(older_than_s=5.0)
    assert (gone.count, set(gone.with_payloads)) == (3, {"answered", "by-message"})


def test_an_answer_that_was_dropped_for_another_attempt_still_counts_as_kept_apart(store):
    """Its body may be there still, if whoever should have deleted it has died."""
    running(store)
    failed = an_outcome(response=RESPONSE, state=JobState.FAILED)
    store.record([failed])
    store.retry(["job-1"])
    assert store.response("job-1") is None
    (answer,) = store.claim([a_new_claim()])
    assert isinstance(answer, Claimed)
    store.record([an_outcome(attempt=answer.attempt)])
    assert store.delete(["job-1"]) == Deleted(1, ("job-1",))


def test_a_retried_attempt_that_answered_much_counts_too(store, backend):
    running(store)
    store.record([a_retry(response=RESPONSE)])
    assert the_job(store).result_bytes is None
    backend.advance(10)
    assert due(store) == ["job-1"]
    (answer,) = store.claim([a_new_claim()])
    assert isinstance(answer, Claimed)
    store.record([an_outcome(attempt=answer.attempt)])
    assert store.delete(["job-1"]).with_payloads == ("job-1",)


def test_a_known_key_compares_bodies_wherever_they_are(store):
    inline = Request("POST", "/run", HEADERS, CONTENT)
    store.add([a_job(request=REQUEST, idempotency_key="k"), a_job("job-2", request=inline, idempotency_key="k2")])
    elsewhere = Request("POST", "/run", HEADERS, payload=Payload("store-1/cd/job-9/request", len(CONTENT), DIGEST))
    other = Request("POST", "/run", HEADERS, payload=Payload("store-1/cd/job-9/request", len(CONTENT), "0" * 64))
    answers = store.add(
        [
            a_job("a", request=inline, idempotency_key="k"),
            a_job("b", request=elsewhere, idempotency_key="k"),
            a_job("c", request=other, idempotency_key="k"),
            a_job("d", request=elsewhere, idempotency_key="k2"),
            a_job("e", request=other, idempotency_key="k2"),
        ]
    )
    assert [answer.same_request for answer in answers] == [True, True, False, True, False]
    assert [answer.job_id for answer in answers] == ["job-1"] * 3 + ["job-2"] * 2
