"""What the store is told of a message that the broker itself has given up, and what becomes of such a message."""

import logging
from collections.abc import Mapping, Sequence

from pubsubctl import names, wire
from pubsubctl.broker.deadletter import SOURCE_DELIVERIES, SOURCE_SUBSCRIPTION, buried_id, without_source
from pubsubctl.broker.longpoll import Received
from pubsubctl.errors import MalformedMessage
from pubsubctl.job import Job, JobState, Reason
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store
from pubsubctl.store.messages import Burial, Returned

_log = logging.getLogger("pubsubctl.worker")

_WAITING = (JobState.QUEUED, JobState.RETRYING)
_FOREIGN_LEFT_S = 600.0
"""How long a message of another store is left for a worker of that store to come by."""


class Returns:
    """Notes what has returned, as ``Store.returned`` and ``Store.bury`` have it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._topic = settings.topic_path
        self._route = settings.route
        self._source = names.short(settings.subscription_path)
        self._foreign_stores: set[str] = set()

    def note(self, received: Sequence[Received]) -> list[str]:
        """Have the store know of messages that will not be delivered again.

        A job that waits for its message has failed. A message whose job nobody knows is kept, as one that is no job.
        Mirrors, and what another subscription has given up, are passed over: not every broker applies filters.

        Returns:
            The ack ids of all that is dealt with.

        Raises:
            StoreUnreachable: nothing was noted.
            StoreError: nothing was noted.
        """
        left: set[str] = set()
        burials: list[Burial] = []
        envelopes: list[tuple[Received, wire.Envelope]] = []
        for each in received:
            if each.attributes.get(SOURCE_SUBSCRIPTION) != self._source:
                continue
            try:
                envelope = wire.decode(each.data, each.attributes, message_id=each.message_id, route=self._route)
            except MalformedMessage as error:
                job_id = buried_id(each.attributes, each.message_id, store_id=self._store.store_id)
                burials.append(self._burial(each, job_id, Reason.MALFORMED, str(error)))
                continue
            if envelope.store_id and envelope.store_id != self._store.store_id:
                if self._is_left(each, envelope.store_id):
                    left.add(each.ack_id)
                continue
            envelopes.append((each, envelope))
        self._write(envelopes, burials)
        return [each.ack_id for each in received if each.ack_id not in left]

    def _write(self, envelopes: Sequence[tuple[Received, wire.Envelope]], burials: list[Burial]) -> None:
        returned: list[Returned] = []
        jobs = self._store.get([envelope.job_id for _, envelope in envelopes])
        for (each, envelope), job in zip(envelopes, jobs, strict=True):
            if job is None:
                burials.append(self._burial(each, envelope.job_id, Reason.DEAD_LETTERED, _error(each)))
            else:
                returned.append(Returned(job.id, _message_id(job, each), _error(each)))
        with self._store.group():
            if returned:
                self._store.returned(returned)
            if burials:
                self._store.bury(burials)
                # The broker's own copy is where a mirror would be.
                buried = self._store.get([burial.job_id for burial in burials])
                self._store.mirrored({job.id: job.finished_at for job in buried if job is not None})
        _tell(returned, burials, {job.id: job.attempt for job in jobs if job is not None})

    def _is_left(self, received: Received, store_id: str) -> bool:
        """Whether it waits for a worker of its own store; one line for each such store."""
        if store_id not in self._foreign_stores:
            self._foreign_stores.add(store_id)
            _log.warning(
                "the broker has given up message %s, which is of another store (%s, ours is %s) and cannot be noted "
                "there; give workers and submitters of a subscription the same --store",
                received.message_id,
                store_id,
                self._store.store_id,
            )
        return self._store.now() - received.published_at < _FOREIGN_LEFT_S

    def _burial(self, received: Received, job_id: str, reason: Reason, error: str) -> Burial:
        return Burial(
            job_id=job_id,
            message_id=received.message_id,
            topic=self._topic,
            error=error,
            headers=tuple(sorted(without_source(received.attributes).items())),
            body=received.data,
            reason=reason,
        )


def _message_id(job: Job, received: Received) -> str:
    """The message that the job waits for, where it waits for one.

    What the broker moves to the dead-letter topic is a new message that does not tell the id of the old one; the job's
    own is named to the store so that nothing happens to a job that has got another one meanwhile.
    """
    return job.message_id if job.message_id is not None and job.state in _WAITING else received.message_id


def _error(received: Received) -> str:
    times = received.attributes.get(SOURCE_DELIVERIES, "too many")
    return f"the broker gave its message up after {times} deliveries; see what does not acknowledge it"


def _tell(returned: Sequence[Returned], burials: Sequence[Burial], attempts: Mapping[str, int]) -> None:
    for each in returned:
        extra = {"job_id": each.job_id, "attempt": attempts[each.job_id]}
        _log.warning("the message of job %s is dead-lettered: %s", each.job_id, each.error, extra=extra)
    for burial in burials:
        extra = {"job_id": burial.job_id, "attempt": 0}
        _log.warning("a message is dead-lettered, and kept as job %s: %s", burial.job_id, burial.error, extra=extra)
