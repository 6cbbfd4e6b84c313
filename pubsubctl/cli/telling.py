"""The work of ``explain``: what the store knows of a job, beside what there is around it."""

from pubsubctl.errors import JobNotFound
from pubsubctl.explaining import waits_for
from pubsubctl.render.story import Entry
from pubsubctl.render.timeline import Timeline
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store
from pubsubctl.store.timeline import Event


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
    return Timeline(job, entries, waits_for(job, store, settings))


def _entry(event: Event) -> Entry:
    return Entry(event.at, event.kind, event.attempt, event.worker, event.message_id, event.text, event.log)
