"""A message on its way through the worker: what the broker gave us, and what the store is asked about it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from pubsubctl import wire
from pubsubctl.broker.deadletter import buried_id
from pubsubctl.exchange import USUAL_RETRY_ON, RetryOn
from pubsubctl.job import Reason
from pubsubctl.store.claims import Claim
from pubsubctl.store.messages import Burial
from pubsubctl.worker.outcome import max_crashes

_tokens = itertools.count()


class Message(Protocol):
    """What came by a stream; see ``Arrival``.

    Attributes:
        published_at: by the broker's clock, seconds since the epoch.
        delivery_attempt: by the broker's count, where it counts; else 0.
    """

    message_id: str
    data: bytes
    attributes: dict[str, str]
    ordering_key: str
    published_at: float
    delivery_attempt: int

    def ack(self, *others: Self) -> None:
        """Done for good, as these others, which came from the same broker."""

    def nack(self, *others: Self) -> None:
        """Deliver it again, and these others after it, which came from the same broker."""

    def drop(self) -> None:
        """Keep its lease no longer."""


def ack(messages: Sequence[Message]) -> None:
    """Say that messages are done for good."""
    if messages:
        messages[0].ack(*messages[1:])


def nack(messages: Sequence[Message]) -> None:
    """Have messages delivered again, in their order."""
    if messages:
        messages[0].nack(*messages[1:])


@dataclass(frozen=True)
class Terms:
    """What a worker asks of jobs; see the settings of these names.

    Attributes:
        nack_pause_s: how long a message that is not for us is kept before it is nacked: nothing may spin on a
            subscription without a retry policy.
        ordered: whether the broker keeps the messages of an ordering key in order.
    """

    worker_id: str
    store_id: str
    topic: str
    route: str | None
    lease_s: int
    job_timeout_s: float | None
    max_attempts: int
    result_ttl_s: float
    nack_pause_s: float = 0.0
    retry_on: RetryOn = USUAL_RETRY_ON
    ordered: bool = True


@dataclass(eq=False)
class Delivery:
    """One arrival of a message, on the stream that it came by.

    Attributes:
        envelope: the job that it carries, once it was read.
    """

    message: Message
    stream: object
    envelope: wire.Envelope | None = None

    @property
    def job_id(self) -> str | None:
        """The job that it carries, once it was read."""
        return self.envelope.job_id if self.envelope else None

    @property
    def same(self) -> tuple[str | None, str]:
        """What all deliveries of one message have in common."""
        return self.job_id, self.message.message_id

    def claim(self, terms: Terms, now: float) -> Claim:
        """The claim that it makes; ``now`` is the store's time."""
        envelope, message = self.envelope, self.message
        assert envelope is not None
        return Claim(
            job_id=envelope.job_id,
            message_id=message.message_id,
            worker_id=terms.worker_id,
            lease_s=terms.lease_s,
            max_attempts=terms.max_attempts,
            max_crashes=max_crashes(terms.retry_on),
            age_s=max(0.0, now - message.published_at),
            max_age_s=terms.result_ttl_s,
            request=envelope.request,
            topic=terms.topic,
            batch_id=envelope.batch_id,
            ordering_key=message.ordering_key,
            token=str(next(_tokens)),
        )

    def burial(self, terms: Terms, reason: Reason, error: str) -> Burial:
        """What is kept of it if it is no job, or not any more."""
        message = self.message
        return Burial(
            job_id=self.job_id or buried_id(message.attributes, message.message_id, store_id=terms.store_id),
            message_id=message.message_id,
            topic=terms.topic,
            error=error,
            headers=tuple(sorted(message.attributes.items())),
            body=message.data,
            reason=reason,
        )
