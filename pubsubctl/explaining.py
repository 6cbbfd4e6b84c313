"""What keeps a job from going on, as its store and its broker tell."""

from pubsubctl.broker.connection import answers, locate
from pubsubctl.errors import BrokerUnreachable
from pubsubctl.job import Job
from pubsubctl.liveness import alive
from pubsubctl.outlook import Scene, outlook
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store

_ANSWER_S = 0.5


def waits_for(job: Job, store: Store, settings: Settings) -> tuple[str, ...]:
    """A line for each thing that it waits for; nothing of a job that has ended."""
    if job.finished:
        return ()
    now, workers = store.now(), store.workers()
    living = frozenset(worker.id for worker in workers if alive(worker, now, settings.lease))
    return outlook(job, Scene(now, workers, living, broker_trouble(settings), settings.lease))


def broker_trouble(settings: Settings) -> str | None:
    """What is wrong with the broker, in a line."""
    try:
        address = locate(settings)
    except BrokerUnreachable as error:
        return str(error)
    return None if answers(address, timeout_s=_ANSWER_S) else f"no broker answers at {address.place}"
