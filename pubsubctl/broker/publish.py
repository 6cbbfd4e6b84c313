"""Publishing in as few calls as Pub/Sub's limits allow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pubsubctl.broker.connection import Connection
from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound

if TYPE_CHECKING:
    from google.pubsub_v1.types import PublishRequest

MAX_MESSAGES = 1000
MAX_BYTES = 9_000_000
"""What we put into one call; Pub/Sub takes 10 MB, and a single message may be larger than this."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""

    @property
    def size(self) -> int:
        """About the bytes that it takes in a call."""
        return len(self.data) + sum(len(key) + 2 * len(value) + 12 for key, value in self.attributes.items())


class Publisher:
    """Publishes to one topic. Calls are made one after another, so the order of an ordering key is kept."""

    def __init__(self, connection: Connection, topic_path: str, *, timeout_s: float = 30.0) -> None:
        self._connection = connection
        self._topic = topic_path
        self._timeout_s = timeout_s

    def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        """Publish and return the message ids, in order.

        What has to be known of each call is learnt by giving the parts of ``in_calls`` one at a time.

        Raises:
            BrokerUnreachable: no answer; some of the messages may have been published.
            ResourceNotFound: there is no such topic.
            BrokerError: the broker refused a call: nothing of that call was published, nor of any after it.
        """
        return [message_id for part in in_calls(messages) for message_id in self._call(part)]

    def _call(self, messages: Sequence[Outgoing]) -> list[str]:
        from google.api_core import exceptions, retry

        from pubsubctl.broker.refusals import translated

        unanswered: list[Exception] = []
        # Nothing is retried longer than people would wait; a job that is in doubt is the sweeper's.
        policy = retry.Retry(
            predicate=retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.Aborted),
            initial=0.05,
            maximum=1.0,
            timeout=self._timeout_s / 3,
            on_error=unanswered.append,
        )
        try:
            with translated(self._connection.address.place):
                answer = self._connection.publisher.publish(
                    _request(self._topic, messages), retry=policy, timeout=self._timeout_s
                )
        except ResourceNotFound as error:
            raise ResourceNotFound(
                f"there is no topic {self._topic} at {self._connection.address.place}; `pubsubctl setup` creates it"
            ) from error
        except BrokerError as error:
            if unanswered:  # the try before may have been heard
                raise BrokerUnreachable(f"{error}; an earlier try had no answer") from error
            raise
        return list(answer.message_ids)


def in_calls(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Messages in parts that one call can take, in order: no call may have two ordering keys."""
    part: list[Outgoing] = []
    size = 0
    for message in messages:
        is_full = len(part) == MAX_MESSAGES or size + message.size > MAX_BYTES
        if part and (is_full or message.ordering_key != part[0].ordering_key):
            yield part
            part, size = [], 0
        part.append(message)
        size += message.size
    if part:
        yield part


def _request(topic: str, messages: Sequence[Outgoing]) -> "PublishRequest":
    from google.pubsub_v1.types import PublishRequest, PubsubMessage

    # Bare protobuf: proto-plus costs more than everything else of a publish together.
    bare, message_type = PublishRequest.pb()(topic=topic), PubsubMessage.pb()
    bare.messages.extend(
        message_type(data=message.data, attributes=message.attributes, ordering_key=message.ordering_key)
        for message in messages
    )
    request: PublishRequest = PublishRequest.wrap(bare)
    return request
