"""A job as its submitter has it; ``Client`` gives it out."""

from typing import TYPE_CHECKING, Self

from pubsubctl.exchange import Response
from pubsubctl.job import Job, JobState
from pubsubctl.store.timeline import Event

if TYPE_CHECKING:
    from pubsubctl.client import Client


class SubmittedJob:
    """A job that was submitted: ask it whether it is done, wait for it, take its result, cancel it."""

    def __init__(self, client: "Client", job_id: str, *, existed: bool = False) -> None:
        self._client = client
        self._last: Job | None = None
        self.id = job_id
        self.existed = existed
        """Whether it was there already, under the same idempotency key."""

    def __repr__(self) -> str:
        return f"<SubmittedJob {self.id}>"

    def refresh(self) -> Job:
        """The job as the store knows it now.

        Raises:
            JobNotFound: it was purged, or never was.
        """
        # Only a success is final: what failed or was cancelled may be retried, and by anybody.
        if self._last is None or self._last.state is not JobState.SUCCEEDED:
            self._last = self._client.get(self.id)
        return self._last

    def became(self, job: Job) -> Self:
        """Take it that the store knows it so now, without asking: for whoever has asked for many."""
        self._last = job
        return self

    @property
    def state(self) -> JobState:
        """The state it is in now."""
        return self.refresh().state

    def done(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.refresh().finished

    def wait(self, timeout: float | None = None) -> Job:
        """Block until it has ended.

        Args:
            timeout: the longest to wait, in seconds; None waits for ever.

        Raises:
            WaitTimeout: it has not ended by then; it goes on.
        """
        for _ in self._client.wait([self], timeout):
            pass
        return self._last or self.refresh()

    def result(self, timeout: float | None = None) -> Response:
        """Block until it has ended; what the application answered, be it a success or a failure.

        Args:
            timeout: the longest to wait, in seconds; None waits for ever.

        Raises:
            WaitTimeout: it has not ended by then; it goes on.
            NoResult: it ended without a response: cancelled, or given up.
        """
        self.wait(timeout)
        return self._client.result(self.id)

    def cancel(self) -> bool:
        """Ask that it be cancelled; False if it had ended already.

        Raises:
            JobNotFound: it was purged, or never was.
        """
        found = self._client.store.cancel([self.id])[0]
        if found.state is None:
            self._client.get(self.id)
        return found.state is not None and not Job(self.id, found.state, "", "", 0.0).finished

    def retry(self) -> bool:
        """Ask for another attempt; False unless it had failed or been cancelled. See ``Client.retry``.

        Raises:
            JobNotFound: it was purged, or never was.
        """
        return self._client.retry(self.id)

    def history(self) -> list[Event]:
        """All that is known to have happened to it, oldest first; see ``Event``.

        Raises:
            JobNotFound: it was purged, or never was.
        """
        return self._client.history(self.id)
