"""Who takes part: the contestants, how each is tuned, and what it takes to run them. Add one here."""

from dataclasses import replace
from importlib.util import find_spec

from racing import redis_server
from racing.contestant import Contestant
from racing.with_celery import StartCelery
from racing.with_dramatiq import StartDramatiq
from racing.with_pubsubctl import StartPubsubctl
from racing.with_rq import StartRq

OURS = "pubsubctl"

_CELERY = ("celery", "redis", "hiredis")
_RQ = ("rq", "redis", "hiredis")
_DRAMATIQ = ("dramatiq", "redis", "hiredis")

_OURS = (
    Contestant(
        OURS,
        "pubsubctl",
        StartPubsubctl(),
        "as `worker start` comes, with the embedded broker and SQLite, both durable; a job is a whole HTTP request to "
        "a Flask app; Client.submit_many and Client.results",
        redis=False,
    ),
)
_PEERS = (
    Contestant(
        "celery",
        "Celery, prefork",
        StartCelery("prefork"),
        "one worker with a prefork pool; JSON; prefetch multiplier 128 (user guide, Optimizing, Prefetch Limits: 64 or "
        "128 for short tasks); without gossip, mingle, heartbeat and rate limits; results by the backend's get_many, "
        "which was faster than ResultSet.join_native; hiredis",
        _CELERY,
        most=4_000,
    ),
    Contestant(
        "celery-solo",
        "Celery, solo",
        StartCelery("solo"),
        "the same, but a worker for each process, with the solo pool: no process besides (user guide, Concurrency)",
        _CELERY,
        most=4_000,
    ),
    Contestant(
        "rq",
        "RQ, forking",
        StartRq("rq.Worker"),
        "workers that fork for each job, as RQ advises; enqueue_many, 1,000 in a pipeline; results by "
        "Job.latest_result, which blocks; hiredis",
        _RQ,
        most=500,
    ),
    Contestant(
        "rq-simple",
        "RQ, SimpleWorker",
        StartRq("rq.SimpleWorker"),
        "the same, but workers that do not fork (RQ's Notes on Performance: for very short jobs that can be trusted)",
        _RQ,
        most=4_000,
    ),
    Contestant(
        "dramatiq",
        "Dramatiq",
        StartDramatiq(),
        "one worker, 16 threads a process, dramatiq_queue_prefetch=1000 (reference, Environment Variables), which was "
        "faster than the defaults of 8 and 16; a group, and get_result of each message, which blocks; hiredis",
        _DRAMATIQ,
    ),
)
_DURABLE = tuple(
    replace(
        peer,
        name=f"{peer.name}-durable",
        title=f"{peer.title}, durable",
        start=replace(peer.start, durable=True),  # type: ignore[type-var]
        tuned=f"{peer.name}, on a Redis with appendonly yes and appendfsync always",
        usual=False,
    )
    for peer in _PEERS
)

CONTESTANTS = {contestant.name: contestant for contestant in (*_OURS, *_PEERS, *_DURABLE)}


def lacks(contestant: Contestant) -> str | None:
    """What has to be installed before a contestant can take part."""
    packages = [name for name in contestant.packages if find_spec(name) is None]
    if packages:
        return f"pip install {' '.join(packages)}"
    if contestant.redis and redis_server.is_missing():
        return redis_server.INSTALL
    return None
