"""Who looks whether a stream still lives: the client tells of none of the ways in which one may have died silently.

What is known of google-cloud-pubsub 2.44, from its source:

* Its dispatcher survives what an RPC raises, its leaser and heartbeater do not: the thread ends, the future tells
  nothing, and every lease lapses.
* An ack or an extension that was tried in vain for a minute closes the stream from within. The future tells that
  only after the leaser and the dispatcher have ended, which tries what acks were left, for minutes.
* A stream that is reopened often waits for its turn by the machine's clock, with a lock held: set back by an hour,
  it would wait for an hour.
* A connection that carries nothing any more, and a broker that sends nothing, look like an idle stream.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pubsubctl.errors import PubsubctlError
from pubsubctl.job import JobState
from pubsubctl.store.base import Store
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.worker.scheduler import DirectScheduler

_log = logging.getLogger("pubsubctl.worker")

_LOOKED_AT = 100
_THREADS = ("consumer", "dispatcher", "leaser", "heartbeater")


class StreamLost(Exception):
    """A stream is to be given up, though the client has not."""


class StreamSilent(StreamLost):
    """It is open, and brings nothing of what should come."""


@dataclass(frozen=True)
class Patience:
    """How long what may be waited for, in seconds.

    Attributes:
        look_s: between two looks at a stream that is well; one that is not is looked at every ``trouble_look_s``.
        open_s: for a stream to be open again while the broker answers; the client takes up to ten seconds for that.
        return_s: the same where the broker had not answered: after a restart it knows of no lease, so none is lost.
        silent_s: for a message while the store knows of some; twice as long after each stream that brought none, up
            to ``most_silent_s``.
        end_s: for a stream that is given up to end by itself.
        tries_s: for an ack or an extension to reach the broker; tried in vain for so long, it ends the stream.
    """

    look_s: float = 5.0
    trouble_look_s: float = 1.0
    open_s: float = 15.0
    return_s: float = 2.0
    silent_s: float = 60.0
    most_silent_s: float = 960.0
    end_s: float = 3.0
    tries_s: float = 60.0


def is_open(manager: Any) -> bool:
    """Whether a stream's manager listens to the broker at this moment."""
    call = getattr(getattr(manager, "_rpc", None), "call", None)
    return call is not None and bool(call.is_active())


class Watchdog:
    """Looks at one stream. Belongs to one thread.

    Args:
        manager: the client's own ``StreamingPullManager``.
        scheduler: the stream's.
        silent_s: see ``Patience``; as long as it is now.
        waiting: whether there are messages that the stream should have brought by now, given for how many seconds it
            brought none; asks the store, so it is only called when there is a cause.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        manager: Any,
        scheduler: DirectScheduler,
        *,
        patience: Patience,
        silent_s: float,
        waiting: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._scheduler = scheduler
        self._patience = patience
        self._silent_s = silent_s
        self._waiting = waiting
        self._clock = clock
        self._missing: set[str] = set()
        self._was_away = False
        self._closed_since: float | None = None
        self._asked_at = scheduler.heard_at

    @property
    def suspects(self) -> bool:
        """Whether the next look should be soon."""
        return bool(self._missing) or self._closed_since is not None

    def look(self, *, answers: bool) -> StreamLost | None:
        """Why the stream must be given up, None while it need not.

        Args:
            answers: whether the broker does; the client gets over its absence by itself.
        """
        return self._dead_thread() or self._not_opened(answers=answers) or self._silence(answers=answers)

    def _dead_thread(self) -> StreamLost | None:
        """Threads end as a stream ends, so only what is missing for two looks in a row has died."""
        missing = {name for name in _THREADS if self._has_died(name)}
        dead, self._missing = missing & self._missing, missing
        return StreamLost(f"the client's {min(dead)} has died") if dead else None

    def _has_died(self, name: str) -> bool:
        thread = getattr(getattr(self._manager, f"_{name}", None), "_thread", None)
        return thread is not None and not thread.is_alive()

    def _not_opened(self, *, answers: bool) -> StreamLost | None:
        now = self._clock()
        if not answers:
            self._was_away, self._closed_since = True, None
        elif is_open(self._manager):
            self._was_away, self._closed_since = False, None
        elif self._closed_since is None:
            self._closed_since = now
        elif now - self._closed_since >= (self._patience.return_s if self._was_away else self._patience.open_s):
            return StreamLost(f"the client has not opened it again for {now - self._closed_since:.0f} s")
        return None

    def _silence(self, *, answers: bool) -> StreamLost | None:
        now = self._clock()
        if not answers or not is_open(self._manager) or self._is_full():
            self._asked_at = now
            return None
        quiet_since = max(self._scheduler.heard_at, self._asked_at)
        if now - quiet_since < self._silent_s:
            return None
        self._asked_at = now
        try:
            silent = self._waiting(self._silent_s)
        except PubsubctlError as error:
            _log.debug("whether jobs wait cannot be told: %s", error)
            return None
        return StreamSilent(f"{now - quiet_since:.0f} s") if silent else None

    def _is_full(self) -> bool:
        """Whether flow control keeps messages away: as many are held as may be."""
        consumer = getattr(self._manager, "_consumer", None)
        return consumer is None or bool(consumer.is_paused)


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
