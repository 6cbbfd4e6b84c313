"""A store with jobs that have come to all kinds of ends, without a broker or a worker."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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


def a_claim(client: Client, job_id: str, **given: object) -> Claim:
    """What a worker asks for a job with."""
    return Claim(
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


def begun(client: Client, job_id: str, **given: object) -> int:
    """The number of an attempt that begins."""
    (claimed,) = client.store.claim([a_claim(client, job_id, **given)])
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


def many(client: Client, count: int) -> None:
    """Very many jobs, in batches: most have succeeded, some were given up, some wait. They are copies of three."""
    originals = [answered(client, id="one-done"), given_up(client, id="one-dead"), added(client, id="one-waits")]
    with closing(sqlite3.connect(client.settings.state.jobs_db)) as database:
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
        kind = "CASE WHEN n % 10 < 7 THEN 0 WHEN n % 10 < 9 THEN 1 ELSE 2 END"
        original = f"CASE {kind} {' '.join(f'WHEN {n} THEN {one!r}' for n, one in enumerate(originals))} END"
        for table, key in (("jobs", "id"), ("requests", "job_id"), ("responses", "job_id")):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            of = {
                key: "printf('many-%07d', n)",
                "created_at": "created_at - n * 0.03",
                "finished_at": "finished_at - n * 0.03",
                "batch_id": "'batch-' || (n / 5000)",
                "path": "path || '/' || n",
            }
            copied = ", ".join(of.get(name, name) for name in names)
            database.execute(
                f"{numbers} INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {copied} FROM numbers JOIN {table} AS kept ON kept.{key} = {original}"
            )
        database.commit()
    client.store.rewrite()  # counts them anew
