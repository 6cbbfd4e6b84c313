"""The work of ``dlq list`` and ``dlq show``."""

from collections.abc import Iterator

from pubsubctl.deadletters import refusal
from pubsubctl.errors import JobNotFound, PubsubctlError
from pubsubctl.job import DEAD, Job, JobState
from pubsubctl.render import deadletters as render
from pubsubctl.render.output import Format
from pubsubctl.selecting import Selection
from pubsubctl.store.base import Store


class Listing:
    """Dead letters, as they come out of the store."""

    def __init__(self, store: Store, selection: Selection) -> None:
        self._store = store
        self._selection = selection
        self._cursor: str | None = None

    def show(self, form: Format) -> None:
        """Show them on stdout.

        Raises:
            JobNotFound: there is no such batch.
        """
        self._selection.check_batch(self._store)
        render.listed(self._jobs(), self._store.now(), form, lambda: self._cursor)

    def _jobs(self) -> Iterator[Job]:
        for page in self._selection.pages(self._store):
            self._cursor = page.next_cursor
            yield from page.jobs


def letter(store: Store, job_id: str) -> render.Letter:
    """A dead letter in full.

    Raises:
        JobNotFound: there is no such job.
        PubsubctlError: it is none.
    """
    (job,) = store.get([job_id])
    if job is None:
        raise JobNotFound(f"no job {job_id!r} in the store; `pubsubctl dlq list` lists the dead letters")
    if job.state is not JobState.FAILED or job.reason not in DEAD:
        how = f"{job.state}, {job.reason}" if job.reason else job.state
        raise PubsubctlError(f"job {job_id} is no dead letter ({how}); `pubsubctl explain {job_id}` tells its story")
    logs = [event.log for event in store.history(job_id) if event.log]
    return render.Letter(job, store.request(job_id), logs[-1] if logs else "", _replay(job), store.now())


def _replay(job: Job) -> str:
    """How to try it again, or why that cannot be."""
    return refusal(job) or f"pubsubctl dlq replay {job.id}"
