"""Hands in the jobs over the time that there is, and cancels those that are meant to be."""

import threading
import time
from collections.abc import Callable

from pubsubctl import Client
from pubsubctl.errors import PubsubctlError, Unreachable
from pubsubctl.settings import Settings
from pubsubctl.submission import Submission, build
from wrecking.errands import Errand

_AT_ONCE = 10
_AGAIN_S = 0.5


class Submitter:
    """A thread. What it is not told of an answer it asks again: the idempotency key makes that harmless.

    Attributes:
        jobs: the ids of the jobs, by the key of their errand.
        unanswered: submits and cancellations that had to be asked again.
        failure: what ended it early.
    """

    def __init__(self, settings: Settings, errands: list[Errand], duration_s: float) -> None:
        self._settings = settings
        self._errands = errands
        self._duration_s = duration_s
        self.jobs: dict[str, str] = {}
        self.unanswered = 0
        self.failure: Exception | None = None
        self._cancellations: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._run, name="submitter", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether everything is submitted and cancelled."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with Client(self._settings) as client:
                self._submit_all(client)
        except Exception as error:  # noqa: BLE001 - whoever waits for us says it
            self.failure = error

    def _submit_all(self, client: Client) -> None:
        began = time.monotonic()
        parts = [self._errands[start : start + _AT_ONCE] for start in range(0, len(self._errands), _AT_ONCE)]
        for number, part in enumerate(parts):
            self._wait_until(began + self._duration_s * number / len(parts), client)
            self._insist(lambda part=part: self._submit(client, part))  # type: ignore[misc]
        while self._cancellations:
            self._wait_until(min(self._cancellations)[0], client)

    def _submit(self, client: Client, part: list[Errand]) -> None:
        for errand, job in zip(part, client.submit_many(map(_submission, part)), strict=True):
            if errand.key not in self.jobs and errand.cancel_after_s is not None:
                self._cancellations.append((time.monotonic() + errand.cancel_after_s, job.id))
            self.jobs[errand.key] = job.id

    def _wait_until(self, moment: float, client: Client) -> None:
        """Cancel what is due meanwhile."""
        while True:
            now = time.monotonic()
            for due in [each for each in self._cancellations if each[0] <= now]:
                self._insist(lambda job_id=due[1]: client.store.cancel([job_id]))  # type: ignore[misc]
                self._cancellations.remove(due)
            if now >= moment:
                return
            time.sleep(min(0.05, moment - now))

    def _insist(self, ask: Callable[[], object]) -> None:
        while True:
            try:
                ask()
            except Unreachable:
                self.unanswered += 1
            except PubsubctlError as error:
                # What a broker that has just come back refuses for a moment is asked again like anything else.
                if "UNAVAILABLE" not in str(error).upper():
                    raise
                self.unanswered += 1
            else:
                return
            time.sleep(_AGAIN_S)


def _submission(errand: Errand) -> Submission:
    request = build("POST", errand.path, data=errand.body)
    return Submission(request, idempotency_key=errand.key, max_attempts=errand.max_attempts)
