"""The work of ``explain``: what the store knows of a job, beside what there is around it."""

from pubsubctl.broker.connection import answers, locate
from pubsubctl.cli.following import alive
from pubsubctl.cli.outlook import Scene, outlook
from pubsubctl.errors import BrokerUnreachable, JobNotFound
from pubsubctl.job import Job
from pubsubctl.render.timeline import Entry, Timeline
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store
from pubsubctl.store.timeline import Event

_ANSWER_S = 0.5


def timeline(store: Store, settings: Settings, job_id: str) -> Timeline:
    """A job's story.

    Raises:
        JobNotFound: there is no such job.
    """
    history = store.history(job_id)  # before the job: what the job says is then never older than the story
    (job,) = store.get([job_id])
    if job is None:
        raise JobNotFound(f"no job {job_id!r} in {settings.store_name}; `pubsubctl status` lists the latest ones")
    entries = [_entry(event) for event in history]
    return Timeline(job, entries, () if job.finished else _outlook(job, store, settings))


def _entry(event: Event) -> Entry:
    return Entry(event.at, event.kind, event.attempt, event.worker, event.message_id, event.text, event.log)


def _outlook(job: Job, store: Store, settings: Settings) -> tuple[str, ...]:
    now, workers = store.now(), store.workers()
    living = frozenset(worker.id for worker in workers if alive(worker, now, settings.lease))
    return outlook(job, Scene(now, workers, living, _broker(settings), settings.lease))


def _broker(settings: Settings) -> str | None:
    """What is wrong with the broker, in a line."""
    try:
        address = locate(settings)
    except BrokerUnreachable as error:
        return str(error)
    return None if answers(address, timeout_s=_ANSWER_S) else f"no broker answers at {address.place}"
