"""A past for a store: jobs that came and ended before anybody looked, told through the store's own calls.

The store is opened with a clock that is set to when each thing happened, so nothing in it differs from what workers
would have left.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice

from pubsubctl import Settings
from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Outcome
from pubsubctl.store.messages import Published
from pubsubctl.store.opening import open_store

_AT_ONCE = 1000
_LEASE_S = 60.0
_MAX_ATTEMPTS, _MAX_CRASHES = 1, 10
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Past:
    """A job that has ended.

    Attributes:
        at: when it was submitted, in seconds since the epoch.
        queued_s: how long it waited.
        ran_s: how long it ran.
        reason: why it failed, which makes it a dead letter; None: it succeeded.
        log: what its application printed.
    """

    id: str
    request: Request
    at: float
    queued_s: float
    ran_s: float
    response: Response | None = None
    reason: Reason | None = None
    error: str | None = None
    log: str = ""
    batch_id: str | None = None
    worker: str = "worker-1"


class Teller:
    """Writes pasts into a store that was opened with its clock.

    Args:
        topic: the full name of the jobs' topic.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._now = 0.0

    def clock(self) -> float:
        """When it is, for the store."""
        return self._now

    def tell(self, store: Store, pasts: Iterable[Past]) -> int:
        """Write them, and say how many they were; those next to each other that have the same times at once."""
        count = 0
        rest = iter(pasts)
        while some := list(islice(rest, _AT_ONCE)):
            with store.group():
                for (at, queued_s, ran_s), together in groupby(some, lambda past: (past.at, past.queued_s, past.ran_s)):
                    self._write(store, list(together), at, queued_s, ran_s)
            count += len(some)
        return count

    def _write(self, store: Store, pasts: Sequence[Past], at: float, queued_s: float, ran_s: float) -> None:
        self._now = at
        store.add([NewJob(past.id, past.request, self._topic, past.batch_id) for past in pasts])
        store.published([Published(past.id, _message_id(past)) for past in pasts])
        self._now += queued_s
        store.claim([self._claim(past) for past in pasts])
        self._now += ran_s
        store.record([_outcome(past) for past in pasts])

    def _claim(self, past: Past) -> Claim:
        return Claim(
            past.id,
            _message_id(past),
            past.worker,
            _LEASE_S,
            _MAX_ATTEMPTS,
            _MAX_CRASHES,
            0.0,
            _DAY_S,
            past.request,
            self._topic,
            past.batch_id,
        )


def _message_id(past: Past) -> str:
    return f"m-{past.id}"


def _outcome(past: Past) -> Outcome:
    failed = past.reason is not None
    return Outcome(
        past.id,
        1,
        JobState.FAILED if failed else JobState.SUCCEEDED,
        past.reason,
        past.error,
        past.response,
        log=past.log,
        dead_letter=failed,
    )


@contextmanager
def telling(settings: Settings) -> Iterator[tuple[Teller, Store]]:
    """The store of a project, with a teller that has its clock."""
    teller = Teller(settings.topic_path)
    store = open_store(settings.store_url, clock=teller.clock)
    try:
        yield teller, store
    finally:
        store.close()
