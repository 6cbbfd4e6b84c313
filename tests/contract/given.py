"""Jobs, claims and outcomes as tests need them: everything has a default, a test names what it is about."""

import itertools
from typing import Any

from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, NewJob
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Outcome
from pubsubctl.store.messages import Published

TOPIC = "projects/p/topics/jobs"
REQUEST = Request.of("POST", "/run?x=1", [("content-type", "text/plain"), ("x-name", "caf\xe9")], b"\x00body\xff")
RESPONSE = Response(200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")), b"\xffdone", "FINE")
LEASE_S = 30.0
MAX_ATTEMPTS = 5
MAX_CRASHES = 3


_numbers = itertools.count()


def a_job(job_id: str = "job-1", **changes: Any) -> NewJob:
    return NewJob(**{"id": job_id, "request": REQUEST, "topic": TOPIC} | changes)


def a_claim(job_id: str = "job-1", **changes: Any) -> Claim:
    given = {
        "job_id": job_id,
        "message_id": "message-1",
        "worker_id": "worker-1",
        "lease_s": LEASE_S,
        "max_attempts": MAX_ATTEMPTS,
        "max_crashes": MAX_CRASHES,
        "age_s": 0.0,
        "max_age_s": 1000.0,
        "request": REQUEST,
        "topic": TOPIC,
    }
    return Claim(**given | changes)


def a_new_claim(job_id: str = "job-1", **changes: Any) -> Claim:
    """By a message that nobody has seen yet."""
    return a_claim(job_id, message_id=f"new-message-{next(_numbers)}", **changes)


def an_outcome(job_id: str = "job-1", attempt: int = 1, **changes: Any) -> Outcome:
    given = {"job_id": job_id, "attempt": attempt, "state": JobState.SUCCEEDED, "response": RESPONSE}
    return Outcome(**given | changes)


def a_failure(job_id: str = "job-1", attempt: int = 1, **changes: Any) -> Outcome:
    return an_outcome(job_id, attempt, **{"state": JobState.FAILED, "response": None} | changes)


def a_retry(job_id: str = "job-1", attempt: int = 1, **changes: Any) -> Outcome:
    return an_outcome(job_id, attempt, **{"state": JobState.RETRYING, "response": None, "retry_in_s": 5.0} | changes)


def the_job(store: Store, job_id: str = "job-1") -> Job:
    (job,) = store.get([job_id])
    assert job is not None
    return job


def added(store: Store, *job_ids: str, **changes: Any) -> None:
    store.add([a_job(job_id, **changes) for job_id in job_ids or ("job-1",)])


def running(store: Store, *job_ids: str, **changes: Any) -> None:
    """Added, published and claimed."""
    ids = job_ids or ("job-1",)
    added(store, *ids)
    store.published([Published(job_id, "message-1") for job_id in ids])
    assert all(isinstance(answer, Claimed) for answer in store.claim([a_claim(job_id, **changes) for job_id in ids]))


def due(store: Store, *, topic: str = TOPIC, limit: int = 100) -> list[str]:
    """The ids that a sweep takes now."""
    return [each.job.id for each in store.sweep(topic, limit=limit, max_crashes=MAX_CRASHES)]
