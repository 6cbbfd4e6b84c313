"""A bare StreamingPull whose responses are collected as they come."""

import queue
import threading
from typing import Any

import grpc
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse

from harness.expected import Refusal
from harness.waiting import PATIENCE_S, eventually


class Stream:
    """Open from the start; ``received`` has the messages, ``responses`` all that came."""

    def __init__(self, channel: grpc.Channel, **first: Any) -> None:
        self.responses: list[Any] = []
        self.received: list[Any] = []
        self._error: grpc.RpcError | None = None
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
        """One more request."""
        self._requests.put(StreamingPullRequest(**fields))

    def ack(self, *received: Any) -> None:
        """Acknowledge on the stream."""
        self.send(ack_ids=[one.ack_id for one in received])

    def modify(self, deadline_s: int, *received: Any) -> None:
        """Modify ack deadlines on the stream."""
        self.send(
            modify_deadline_ack_ids=[one.ack_id for one in received],
            modify_deadline_seconds=[deadline_s] * len(received),
        )

    def half_close(self) -> None:
        """Send nothing more."""
        self._requests.put(None)

    def cancel(self) -> None:
        """End the call, and wait until it has ended here."""
        self._call.cancel()
        self._requests.put(None)
        self._thread.join(PATIENCE_S)

    def data(self, at_least: int = 1, *, within_s: float = PATIENCE_S) -> list[str]:
        """What the messages carry, once there are that many of them, or the time is over."""
        eventually(lambda: len(self.received) >= at_least or not self._thread.is_alive(), within_s=within_s)
        return [one.message.data.decode() for one in self.received]

    def first(self) -> Any:
        """The first message."""
        self.data()
        assert self.received, self.end()
        return self.received[0]

    def end(self, *, within_s: float = PATIENCE_S) -> Refusal | str:
        """How the stream ended, or ``open`` if it did not in time."""
        if not eventually(lambda: not self._thread.is_alive(), within_s=within_s):
            return "open"
        return Refusal(self._error.code().name, self._error.details()) if self._error else "OK"

    def _collect(self) -> None:
        try:
            for response in self._call:
                self.responses.append(response)
                self.received.extend(response.received_messages)
        except grpc.RpcError as error:
            self._error = error
