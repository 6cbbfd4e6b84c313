"""Measurements of an emulator through bare stubs, where a client of Python would be what is measured."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.pubsub_v1.types import (
    PublishRequest,
    PublishResponse,
    PubsubMessage,
    StreamingPullRequest,
    StreamingPullResponse,
    Subscription,
    Topic,
)
from loads import PROJECT, Failure, Load, check_all

PUBLISHER = "/google.pubsub.v1.Publisher"
SUBSCRIBER = "/google.pubsub.v1.Subscriber"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
IN_REQUEST = 1_000
REQUESTS = 8
STREAMS = 4


def measure_stubs(address: str, load: Load) -> dict[str, float]:
    """Messages a second: published with 1,000 a request, and delivered by several streams at once."""
    topic, subscription = create(address, "bare")
    published, publish_s = publish(address, topic, count=load.bare, size=load.size, timeout_s=load.timeout_s)
    received, pull_s = pull(address, subscription, count=len(published), timeout_s=load.timeout_s)
    check_all(published, received, "stream pull by bare streams")
    return {"bare-publish": load.bare / publish_s, "bare-pull": load.bare / pull_s}


def create(address: str, name: str) -> tuple[str, str]:
    """A topic and its subscription."""
    topic, subscription = f"projects/{PROJECT}/topics/{name}", f"projects/{PROJECT}/subscriptions/{name}"
    made = Subscription(name=subscription, topic=topic, ack_deadline_seconds=600)
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        channel.unary_unary(f"{PUBLISHER}/CreateTopic")(Topic.serialize(Topic(name=topic)))
        channel.unary_unary(f"{SUBSCRIBER}/CreateSubscription")(Subscription.serialize(made))
    return topic, subscription


def publish(address: str, topic: str, *, count: int, size: int, timeout_s: float) -> tuple[set[str], float]:
    """Publish with some requests at a time; the ids that were answered, and how many seconds it took.

    Raises:
        Failure: a publish was refused, or two messages got the same id.
    """
    request = PublishRequest.serialize(
        PublishRequest(topic=topic, messages=[PubsubMessage(data=b"x" * size)] * IN_REQUEST)
    )
    answers: list[bytes] = []
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        call = channel.unary_unary(f"{PUBLISHER}/Publish")
        started = time.perf_counter()
        pending: list[Any] = []
        try:
            for _ in range(count // IN_REQUEST):
                pending.append(call.future(request, timeout=timeout_s))
                if len(pending) >= REQUESTS:
                    answers.append(pending.pop(0).result())
            answers += [future.result() for future in pending]
        except grpc.RpcError as error:
            raise Failure(f"publish after {len(answers) * IN_REQUEST:,} messages: {error}") from error
        took_s = time.perf_counter() - started
    ids = {id_ for answer in answers for id_ in PublishResponse.pb().FromString(answer).message_ids}
    if len(ids) != len(answers) * IN_REQUEST:
        raise Failure(f"publish: {len(answers) * IN_REQUEST} messages got only {len(ids)} ids")
    return ids, took_s


def pull(address: str, subscription: str, *, count: int, timeout_s: float, ack: bool = False) -> tuple[set[str], float]:
    """Receive by several streams until ``count`` messages came; their ids, and how many seconds it took."""
    received: set[str] = set()
    complete = threading.Event()

    def receive(ids: list[str]) -> None:
        received.update(ids)
        if len(received) >= count:
            complete.set()

    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        started = time.perf_counter()
        streams = [_Stream(channel, subscription, receive, ack=ack) for _ in range(STREAMS)]
        complete.wait(timeout_s)
        took_s = time.perf_counter() - started
        for stream in streams:
            stream.end(timeout_s)
    return received, took_s


class _Stream:
    """One StreamingPull in a thread of its own, with or without acks."""

    def __init__(
        self, channel: grpc.Channel, subscription: str, receive: Callable[[list[str]], None], *, ack: bool
    ) -> None:
        self._receive = receive
        self._ack = ack
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        first = StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=600)
        self._requests.put(StreamingPullRequest.serialize(first))
        call = channel.stream_stream(f"{SUBSCRIBER}/StreamingPull")
        self._responses = call(self._sending())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self, timeout_s: float) -> None:
        """Close our side; the server closes its own once it has read the acks."""
        self._requests.put(None)
        if not self._ack:
            self._responses.cancel()
        self._thread.join(timeout_s)

    def _sending(self) -> Iterator[bytes]:
        while (request := self._requests.get()) is not None:
            yield request

    def _read(self) -> None:
        parse = StreamingPullResponse.pb().FromString
        try:
            for content in self._responses:
                messages = parse(content).received_messages
                self._receive([received.message.message_id for received in messages])
                if self._ack:
                    acks = StreamingPullRequest(ack_ids=[received.ack_id for received in messages])
                    self._requests.put(StreamingPullRequest.serialize(acks))
        except grpc.RpcError:
            return  # cancelled, or what is missing will be told
