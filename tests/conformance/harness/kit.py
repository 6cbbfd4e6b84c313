"""What the cases talk to a broker with: bare gRPC, in a project of the case's own."""

import itertools
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from harness.endpoint import Endpoint
from harness.expected import Refusal
from harness.rpcs import RPCS, deserializer, serializer
from harness.stream import Stream
from harness.waiting import PATIENCE_S
from harness.web import Web

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def seconds(number: float) -> Duration:
    """A protobuf Duration."""
    return Duration(seconds=int(number), nanos=round(number % 1 * 1e9))


def mask(*paths: str) -> FieldMask:
    """A protobuf FieldMask."""
    return FieldMask(paths=paths)


def texts(received: list[Any]) -> list[str]:
    """What the messages carry."""
    return [one.message.data.decode() for one in received]


class Kit:
    """Calls to one broker; ``project`` is nobody else's."""

    def __init__(self, kind: str, address: str, *, rest_address: str) -> None:
        self.kind = kind
        self.project = f"p-{uuid.uuid4().hex[:12]}"
        self.channel = grpc.insecure_channel(address, options=UNLIMITED)
        self.web = Web(rest_address)
        self._numbers = itertools.count(1)
        self._streams: list[Stream] = []
        self._endpoints: list[Endpoint] = []

    def close(self) -> None:
        """End what was opened."""
        for stream in self._streams:
            stream.cancel()
        for endpoint in self._endpoints:
            endpoint.close()
        self.web.close()
        self.channel.close()

    def call(self, rpc: str, *, timeout_s: float = 10, **fields: Any) -> Any:
        """The response of an RPC, to a request with these fields."""
        service, request, response = RPCS[rpc]
        stub = self.channel.unary_unary(
            f"/{service}/{rpc}", request_serializer=serializer(request), response_deserializer=deserializer(response)
        )
        return stub(request(**fields), timeout=timeout_s)

    def ok(self, rpc: str, **fields: Any) -> str:
        """``OK``, if the RPC is not refused."""
        self.call(rpc, **fields)
        return "OK"

    def refusal(self, rpc: str, **fields: Any) -> Refusal | None:
        """How the RPC is refused; None if it is not."""
        try:
            self.call(rpc, **fields)
        except grpc.RpcError as error:
            return Refusal(error.code().name, error.details() or "")
        return None

    # Resources

    def name(self, collection: str, id_: str | None = None) -> str:
        """A resource name nobody uses yet, or the one with that id."""
        id_ = f"{collection}-{next(self._numbers)}" if id_ is None else id_
        return f"projects/{self.project}/{collection}/{id_}"

    def topic(self, **settings: Any) -> str:
        """A new topic's name."""
        return self.call("CreateTopic", **{"name": self.name("topics"), **settings}).name

    def subscription(self, topic: str | None = None, **settings: Any) -> str:
        """A new subscription's name."""
        request = {"name": self.name("subscriptions"), "topic": topic or self.topic(), **settings}
        return self.call("CreateSubscription", **request).name

    def pair(self, **settings: Any) -> tuple[str, str]:
        """A topic and a subscription to it."""
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def get(self, subscription: str) -> Any:
        """A subscription as the broker describes it."""
        return self.call("GetSubscription", subscription=subscription)

    # Messages

    def publish(self, topic: str, *data: str, **fields: Any) -> list[str]:
        """Publish messages with these data, and the same other fields, in one request; their ids."""
        messages = [{"data": one.encode(), **fields} for one in data]
        return list(self.call("Publish", topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, count: int = 10, *, timeout_s: float = 5) -> list[Any]:
        """One pull; waits for a message until shortly before the timeout."""
        request = {"subscription": subscription, "max_messages": count, "timeout_s": timeout_s}
        return list(self.call("Pull", **request).received_messages)

    def pull_now(self, subscription: str, count: int = 100) -> list[Any]:
        """One pull of what there is."""
        request = {"subscription": subscription, "max_messages": count, "return_immediately": True}
        return list(self.call("Pull", **request).received_messages)

    def pull_all(self, subscription: str, count: int, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Pull until that many messages came, or the time is over."""
        got: list[Any] = []
        give_up = time.monotonic() + within_s
        while len(got) < count and time.monotonic() < give_up:
            got += self.pull(subscription, count - len(got), timeout_s=2)
        return got

    def backlog(self, subscription: str) -> list[str]:
        """What can be pulled, in order of its text."""
        got: list[str] = []
        while more := self.pull_now(subscription):
            got += texts(more)
        return sorted(got)

    def ack(self, subscription: str, *received: Any) -> str:
        """Acknowledge; ``OK``."""
        return self.ok("Acknowledge", subscription=subscription, ack_ids=[one.ack_id for one in received])

    def modify(self, subscription: str, deadline_s: int, *received: Any) -> str:
        """Modify ack deadlines; ``OK``."""
        ids = [one.ack_id for one in received]
        return self.ok("ModifyAckDeadline", subscription=subscription, ack_ids=ids, ack_deadline_seconds=deadline_s)

    def stream(self, subscription: str, *, deadline_s: int = 10, **first: Any) -> Stream:
        """A StreamingPull."""
        fields = {"subscription": subscription, "stream_ack_deadline_seconds": deadline_s, **first}
        self._streams.append(Stream(self.channel, **fields))
        return self._streams[-1]

    # The web

    def endpoint(self, status: Callable[[int], int] | int = 200) -> Endpoint:
        """A push endpoint that answers with this status, or with what it is for the nth request."""
        self._endpoints.append(Endpoint(status if callable(status) else lambda _: status))
        return self._endpoints[-1]
