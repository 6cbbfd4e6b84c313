"""Jobs with a past, made in the store as a worker would, so that no test has to wait for one."""

from collections.abc import Sequence

from pubsubctl import names
from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Outcome, WorkerInfo
from pubsubctl.store.messages import Published, Unpublished

TOPIC = "projects/pubsubctl-local/topics/pubsubctl-requests"
WORKER = WorkerInfo("elsewhere-1-ab", "elsewhere", 1, "app:app", "s", slots=4, busy=1)
"""On another machine: nobody here can tell whether its process is there."""


def added(
    store: Store,
    path: str = "/",
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    batch_id: str | None = None,
    ordering_key: str = "",
) -> str:
    """A job that the broker has a message of."""
    request = Request.of("POST", path, headers, body)
    job_id = names.new_job_id()
    store.add([NewJob(job_id, request, TOPIC, batch_id, ordering_key=ordering_key)])
    store.published([Published(job_id, f"m-{job_id[-6:]}")])
    return job_id


def begun(store: Store, job_id: str, *, max_attempts: int = 5, lease_s: float = 60.0) -> int:
    """The number of an attempt that begins now."""
    (job,), request = store.get([job_id]), store.request(job_id)
    assert job is not None
    assert request is not None
    message_id = job.message_id or f"m-{job_id[-6:]}-{job.attempt}"
    claim = Claim(job_id, message_id, WORKER.id, lease_s, max_attempts, 10, 0.0, 86400.0, request, TOPIC)
    (answer,) = store.claim([claim])
    assert isinstance(answer, Claimed), answer
    return answer.attempt


def failed(
    store: Store, job_id: str, reason: Reason, error: str = "it went wrong", *, log: str = "", status: int | None = None
) -> None:
    """An attempt that ends for good."""
    response = None if status is None else Response(status, (), b"no")
    dead = reason is not Reason.STATUS
    attempt = begun(store, job_id)
    outcome = Outcome(job_id, attempt, JobState.FAILED, reason, error, response, dead_letter=dead, log=log)
    assert store.record([outcome]) == [True]


def dead(store: Store, path: str = "/", reason: Reason = Reason.TIMEOUT, *, log: str = "", **more: object) -> str:
    """A dead letter."""
    job_id = added(store, path, **more)  # type: ignore[arg-type]
    failed(store, job_id, reason, log=log)
    return job_id


def many_dead(store: Store, count: int) -> str:
    """As many dead letters of one batch, of a broker that refused them."""
    batch_id = names.new_batch_id()
    for start in range(0, count, 1000):
        ids = [names.new_job_id() for _ in range(min(1000, count - start))]
        store.add([NewJob(job_id, Request("POST", "/many", (), b"x" * 1000), TOPIC, batch_id) for job_id in ids])
        store.unpublished([Unpublished(job_id, "the broker refused it") for job_id in ids])
    return batch_id
