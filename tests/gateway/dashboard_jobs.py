"""A store with jobs that have come to all kinds of ends, without a broker or a worker."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pubsubctl import Client, JobState, Settings
from pubsubctl.exchange import Request, Response
from pubsubctl.job import NewJob, Reason
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, WorkerInfo
from pubsubctl.store.messages import Published

WORKER = "box-1-abcd"
_numbers = itertools.count(1)


@contextmanager
def a_client(folder: Path, **flags: str) -> Iterator[Client]:
    settings = Settings.load(flags, environ={}, start=folder)
    settings.state.create()
    with Client(settings) as client:
        yield client


def added(client: Client, path: str = "/x", **given: object) -> str:
    """A job that was published."""
    job_id = str(given.pop("id", f"job-{next(_numbers)}"))
    request = given.pop("request", None) or Request.of("GET", path)
    client.store.add([NewJob(id=job_id, request=request, topic=client.settings.topic_path, **given)])
    client.store.published([Published(job_id, f"m-{job_id}", 0)])
    return job_id


def begun(client: Client, job_id: str, **given: object) -> int:
    """The number of an attempt that begins."""
    asked = Claim(
        **{
            "job_id": job_id,
            "message_id": f"m-{job_id}",
            "worker_id": WORKER,
            "lease_s": 60.0,
            "max_attempts": 5,
            "max_crashes": 10,
            "age_s": 0.0,
            "max_age_s": 1000.0,
            "request": Request.of("GET", "/x"),
            "topic": client.settings.topic_path,
        }
        | given
    )
    (claimed,) = client.store.claim([asked])
    assert isinstance(claimed, Claimed)
    return claimed.attempt


def answered(client: Client, response: Response | None = None, log: str = "", **given: object) -> str:
    """A job that succeeded, with this response."""
    job_id = added(client, **given)
    attempt = begun(client, job_id)
    state = JobState.SUCCEEDED
    client.store.record([Outcome(job_id, attempt, state, response=response or Response(200), log=log)])
    return job_id


def given_up(client: Client, reason: Reason = Reason.EXHAUSTED, error: str = "gave up", **given: object) -> str:
    """A dead letter."""
    job_id = added(client, **given)
    attempt = begun(client, job_id)
    client.store.record([Outcome(job_id, attempt, JobState.FAILED, reason, error, dead_letter=True)])
    return job_id


def a_worker(client: Client, leases: list[Lease] | None = None, **given: object) -> None:
    """A worker that gives a sign of life."""
    told = {"id": WORKER, "host": "box", "pid": 1, "app": "app:app", "subscription": "s", "slots": 2, "busy": 1}
    client.store.heartbeat(WorkerInfo(**told | given), leases or [], lease_s=60.0)
