"""What the conformance tests talk to a broker with: google-cloud-pubsub's own clients, and one bare stream."""

import contextlib
import itertools
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse

# Each channel has connections of its own: a shared one is still in its back-off when a killed broker is there again.
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
PATIENCE_S = 15.0


def eventually(condition: Callable[[], Any], what: str, *, within_s: float = PATIENCE_S) -> Any:
    """Wait until ``condition`` is truthy and return it; fail after a bound."""
    give_up = time.monotonic() + within_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > give_up:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.01)


@contextlib.contextmanager
def refused(code: grpc.StatusCode, text: str = "") -> Iterator[None]:
    """The block is answered with this status, and a message that contains ``text``."""
    with pytest.raises(GoogleAPICallError) as caught:
        yield
    assert caught.value.grpc_status_code is code, caught.value
    assert text in str(caught.value)


def seconds(number: float) -> Duration:
    """A protobuf Duration."""
    return Duration(seconds=int(number), nanos=round(number % 1 * 1e9))


def mask(*paths: str) -> FieldMask:
    """A protobuf FieldMask."""
    return FieldMask(paths=paths)


@dataclass
class Broker:
    """A broker under test, with clients, in a project of the test's own."""

    kind: str
    address: str
    project: str = field(default_factory=lambda: f"p-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._channel = grpc.insecure_channel(self.address, options=OPTIONS)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel))
        self._streams: list[Stream] = []

    def close(self) -> None:
        for stream in self._streams:
            stream.cancel()
        self._channel.close()

    def name(self, collection: str, id_: str | None = None) -> str:
        """A resource name nobody uses yet, or the one with that id."""
        return f"projects/{self.project}/{collection}/{id_ or f'{collection}-{next(self._numbers)}'}"

    def topic(self, **settings: Any) -> str:
        return self.publisher.create_topic({"name": self.name("topics"), **settings}).name

    def subscription(self, topic: str, **settings: Any) -> str:
        return self.subscriber.create_subscription(
            {"name": self.name("subscriptions"), "topic": topic, **settings}
        ).name

    def pair(self, **settings: Any) -> tuple[str, str]:
        """A topic and a subscription to it."""
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def publish(self, topic: str, *data: bytes, **fields: Any) -> list[str]:
        """Publish messages with these data, and the same other fields, in one request."""
        return list(self.publisher.publish(topic=topic, messages=[{"data": one, **fields} for one in data]).message_ids)

    def pull(self, subscription: str, count: int = 10, *, timeout: float = 5) -> list[Any]:
        """One pull; waits for a message until shortly before ``timeout``."""
        return list(
            self.subscriber.pull(subscription=subscription, max_messages=count, timeout=timeout).received_messages
        )

    def pull_all(self, subscription: str, count: int) -> list[Any]:
        """Pull until ``count`` messages came."""
        got: list[Any] = []
        give_up = time.monotonic() + PATIENCE_S
        while len(got) < count:
            assert time.monotonic() < give_up, f"{len(got)} of {count} messages came"
            got += self.pull(subscription, count - len(got))
        return got

    def is_empty(self, subscription: str) -> bool:
        """Nothing can be had at once."""
        try:
            return not self.pull(subscription, 1, timeout=1.2)
        except DeadlineExceeded:  # a machine so loaded that the empty answer came too late
            return not self.pull(subscription, 1, timeout=5)

    def ack(self, subscription: str, *received: Any) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])

    def modify(self, subscription: str, deadline_s: int, *received: Any) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[one.ack_id for one in received], ack_deadline_seconds=deadline_s
        )

    def stream(self, subscription: str, *, deadline_s: int = 10, **first: Any) -> "Stream":
        """A bare StreamingPull."""
        stream = Stream(self._channel, subscription=subscription, stream_ack_deadline_seconds=deadline_s, **first)
        self._streams.append(stream)
        return stream


class Stream:
    """A bare StreamingPull whose responses are collected as they come."""

    def __init__(self, channel: grpc.Channel, **first: Any) -> None:
        self.received: list[Any] = []
        self.responses: list[StreamingPullResponse] = []
        self.error: grpc.RpcError | None = None
        self._requests: queue.SimpleQueue[StreamingPullRequest | None] = queue.SimpleQueue()
        self.send(**first)
        call = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=StreamingPullRequest.serialize,
            response_deserializer=StreamingPullResponse.deserialize,
        )
        self._call = call(iter(self._requests.get, None))
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def send(self, **fields: Any) -> None:
        self._requests.put(StreamingPullRequest(**fields))

    def ack(self, *received: Any) -> None:
        self.send(ack_ids=[one.ack_id for one in received])

    def modify(self, deadline_s: int, *received: Any) -> None:
        self.send(
            modify_deadline_ack_ids=[one.ack_id for one in received],
            modify_deadline_seconds=[deadline_s] * len(received),
        )

    def half_close(self) -> None:
        self._requests.put(None)

    def cancel(self) -> None:
        self._call.cancel()
        self._requests.put(None)
        self._thread.join(PATIENCE_S)

    def wait_for(self, count: int) -> list[Any]:
        """The first messages that came, once there are at least ``count``."""
        eventually(lambda: len(self.received) >= count or self.error, f"{count} messages on the stream")
        assert len(self.received) >= count, self.error
        return self.received

    def confirmed(self, what: str) -> list[Any]:
        """The confirmations of ``acknowledge`` or ``modify_ack_deadline`` that came."""
        confirmations = [getattr(response, f"{what}_confirmation") for response in list(self.responses)]
        return [one for one in confirmations if one]

    def wait_end(self) -> grpc.StatusCode:
        """How the stream ended."""
        eventually(lambda: not self._thread.is_alive(), "the end of the stream")
        return self.error.code() if self.error is not None else grpc.StatusCode.OK

    def _collect(self) -> None:
        try:
            for response in self._call:
                self.responses.append(response)
                self.received.extend(response.received_messages)
        except grpc.RpcError as error:
            self.error = error


def data_of(received: list[Any]) -> list[bytes]:
    """What the messages carry."""
    return [one.message.data for one in received]
