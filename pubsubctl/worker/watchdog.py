"""Who looks whether a stream still brings what it should: one that carries nothing any more looks like an idle one."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pubsubctl.errors import PubsubctlError
from pubsubctl.job import JobState
from pubsubctl.store.base import Store
from pubsubctl.store.claims import WorkerInfo

_log = logging.getLogger("pubsubctl.worker")

_LOOKED_AT = 100


class StreamSilent(Exception):
    """A stream is open, and brings nothing of what should come."""


@dataclass(frozen=True)
class Patience:
    """How long what may be waited for, in seconds.

    Attributes:
        look_s: between two looks at a stream that is well; one that is not is looked at every ``trouble_look_s``.
        silent_s: for a message while the store knows of some; twice as long after each stream that brought none, up
            to ``most_silent_s``.
        acks_s: for the broker to take the last acks, as the worker ends.
    """

    look_s: float = 5.0
    trouble_look_s: float = 1.0
    silent_s: float = 60.0
    most_silent_s: float = 960.0
    acks_s: float = 4.0


class Heard(Protocol):
    """What is asked of a stream; see ``Feed``."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""

    heard_at: float


class Watchdog:
    """Looks at one stream. Belongs to one thread.

    Args:
        silent_s: see ``Patience``; as long as it is now.
        full: whether no more messages may come.
        waiting: whether there are messages that the stream should have brought by now, given for how many seconds it
            brought none; asks the store, so it is only called when there is a cause.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        stream: Heard,
        *,
        silent_s: float,
        full: Callable[[], bool],
        waiting: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._silent_s = silent_s
        self._full = full
        self._waiting = waiting
        self._clock = clock
        self._asked_at = stream.heard_at

    def look(self, *, answers: bool) -> StreamSilent | None:
        """Why the stream must be given up, None while it need not.

        Args:
            answers: whether the broker does: time without one is no silence.
        """
        now = self._clock()
        if not answers or not self._stream.is_open or self._full():
            self._asked_at = now
            return None
        quiet_since = max(self._stream.heard_at, self._asked_at)
        if now - quiet_since < self._silent_s:
            return None
        self._asked_at = now
        try:
            silent = self._waiting(self._silent_s)
        except PubsubctlError as error:
            _log.debug("whether jobs wait cannot be told: %s", error)
            return None
        return StreamSilent(f"{now - quiet_since:.0f} s") if silent else None


def jobs_wait(store: Store, topic: str, subscription: str, *, lease_s: float) -> Callable[[float], bool]:
    """Ask the store whether there are jobs that a worker should have been sent for so many seconds.

    They are published and due, and nobody has begun them. As many of them as workers hold, this one and others, wait
    for a slot there: behind long jobs that may take hours, and a stream opened anew would only send them in circles.

    Args:
        store: where jobs and workers are known.
        topic: whose jobs are asked for.
        subscription: whose workers hold messages of theirs.
        lease_s: how long a worker that gives no sign of life still has what it held.
    """

    def lives(worker: WorkerInfo, now: float) -> bool:
        return now - (worker.seen_at or 0.0) < lease_s

    def ask(seconds: float) -> bool:
        now = store.now()
        held = sum(each.held for each in store.workers() if each.subscription == subscription and lives(each, now))
        waiting = (JobState.QUEUED, JobState.RETRYING)
        found = store.find(states=waiting, older_than_s=seconds, limit=held + _LOOKED_AT)
        due = now - seconds
        missing = [
            job for job in found.jobs if job.topic == topic and job.message_id and (job.not_before or 0.0) <= due
        ]
        return len(missing) > held

    return ask
