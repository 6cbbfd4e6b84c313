"""Publishing in as few calls as Pub/Sub's limits allow, one bad message taking no other with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.unary import Unary
from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound

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


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the broker has."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that the broker refused for what it is: it was tried alone, and trying it again will not help."""

    error: BrokerError


class Publisher:
    """Publishes to one topic. Calls are made one after another, so the order of an ordering key is kept."""

    def __init__(self, connection: Connection, topic_path: str, *, timeout_s: float = 30.0) -> None:
        self._connection = connection
        self._topic = topic_path
        self._timeout_s = timeout_s
        self._made: Unary | None = None

    def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        """Publish and return the message ids, in order.

        Raises:
            BrokerUnreachable: no answer; some of the messages may have been published.
            ResourceNotFound: there is no such topic.
            BrokerError: the broker refused a call: nothing of that call was published, nor of any after it.
        """
        return [message_id for part in in_calls(messages) for message_id in self._call(part)]

    def publish_each(self, messages: Sequence[Outgoing]) -> Iterator[list[Taken | Rejected]]:
        """Publish call by call, and yield each call's answers: one a message, all of them in the order given.

        A call that is refused for what is in it is made again in halves, until the messages that the broker does not
        take stand alone; all the others are published.

        Raises:
            BrokerUnreachable: no answer; of the messages that had none yet, some may have been published.
            ResourceNotFound: there is no such topic.
            BrokerError: the broker refused, whatever the messages: none that had no answer yet was published.
        """
        for part in in_calls(messages):
            yield from self._halving(part)

    def _halving(self, messages: Sequence[Outgoing]) -> Iterator[list[Taken | Rejected]]:
        try:
            answers: list[Taken | Rejected] = [Taken(message_id) for message_id in self._call(messages)]
        except BrokerError as error:
            if not _is_about_messages(error):
                raise
            if len(messages) > 1:
                middle = len(messages) // 2
                yield from self._halving(messages[:middle])
                yield from self._halving(messages[middle:])
                return
            answers = [Rejected(error)]
        yield answers

    def _call(self, messages: Sequence[Outgoing]) -> list[str]:
        from pubsubctl.broker.refusals import translated

        unanswered: list[Exception] = []
        try:
            with translated(self._connection):
                answer = self._method()(
                    _request(self._topic, messages),
                    timeout_s=self._timeout_s,
                    # Nothing is retried longer than people would wait; a job that is in doubt is the sweeper's.
                    patience_s=self._timeout_s / 3,
                    on_unanswered=unanswered.append,
                )
        except ResourceNotFound as error:
            raise ResourceNotFound(
                f"there is no topic {self._topic} at {self._connection.place}; `pubsubctl setup` creates it"
            ) from error
        except BrokerError as error:
            if unanswered:  # the try before may have been heard
                raise BrokerUnreachable(f"{error}; an earlier try had no answer") from error
            raise
        return list(answer.message_ids)

    def _method(self) -> Unary:
        if self._made is None:
            from google.pubsub_v1.types import PublishResponse

            channel, method = self._connection.channel, "google.pubsub.v1.Publisher/Publish"
            self._made = Unary(channel, method, PublishResponse.pb(), field="topic", name=self._topic)
        return self._made


def _is_about_messages(error: BrokerError) -> bool:
    """Whether the broker refused what it was given, and not whoever gave it or where."""
    from google.api_core import exceptions

    return isinstance(error.__cause__, exceptions.InvalidArgument)


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


def _request(topic: str, messages: Sequence[Outgoing]) -> Any:
    from google.pubsub_v1.types import PublishRequest, PubsubMessage

    # Bare protobuf: proto-plus costs more than everything else of a publish together.
    request, message_type = PublishRequest.pb()(topic=topic), PubsubMessage.pb()
    request.messages.extend(
        message_type(data=message.data, attributes=message.attributes, ordering_key=message.ordering_key)
        for message in messages
    )
    return request
