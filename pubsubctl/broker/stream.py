"""One StreamingPull call, in bare protobuf: messages as they come, in the batches in which they come.

google-cloud-pubsub's own subscriber wraps every message, takes it through five threads, and asks the broker to extend
each lease before anybody sees the message. What a worker needs of it is this call, and ``Leasing``.
"""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.api_core import exceptions
from google.pubsub_v1 import types

from pubsubctl.broker.routing import routed

_CONNECT_S, _CONNECTED_S = 10.0, 0.2
_MOST_BYTES = 256 * 1024 * 1024


def connect(channel: grpc.Channel, given_up: threading.Event) -> None:
    """Wait until a channel has its connection: a stream that is asked for before is refused at once.

    Raises:
        ServiceUnavailable: it has none after ``_CONNECT_S``.
    """
    ready = grpc.channel_ready_future(channel)
    deadline = time.monotonic() + _CONNECT_S
    try:
        while not given_up.is_set():
            try:
                ready.result(timeout=_CONNECTED_S)
            except grpc.FutureTimeoutError:
                if time.monotonic() > deadline:
                    raise exceptions.ServiceUnavailable(f"no connection within {_CONNECT_S:g} s") from None
            else:
                return
    finally:
        ready.cancel()


class Stream:
    """An open stream: read in one thread; any other may end it.

    Args:
        channel: its own; closed with it.
        subscription: the full name of what is pulled from.
        hold: the most messages that may be in hand, unacknowledged; a broker that ignores it sends more.
        lease_s: how long each message is leased as it is sent.
        client_id: the same for each stream that takes the place of another: so the service knows that what it has sent
            of an ordering key is still with the same client.
    """

    def __init__(
        self, channel: grpc.Channel, subscription: str, *, hold: int, lease_s: int, client_id: str = ""
    ) -> None:
        self._channel = channel
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        request = types.StreamingPullRequest.pb()
        self._beat = request()
        self._requests.put(
            request(
                subscription=subscription,
                stream_ack_deadline_seconds=lease_s,
                client_id=client_id,
                max_outstanding_messages=hold,
                max_outstanding_bytes=_MOST_BYTES,
            )
        )
        call = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=request.SerializeToString,
            response_deserializer=types.StreamingPullResponse.pb().FromString,
        )
        self._call: Any = call(iter(self._requests.get, None), metadata=routed("subscription", subscription))

    def responses(self) -> Iterator[Any]:
        """The messages of each response, as the ``ReceivedMessage`` of bare protobuf, until the stream ends.

        Raises:
            GoogleAPICallError: why the broker, or the network, has ended it.
        """
        try:
            for response in self._call:
                yield response.received_messages
        except grpc.RpcError as error:
            raise exceptions.from_grpc_error(error) from error

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return bool(self._call.is_active())

    def beat(self) -> None:
        """Show that we are there: what says nothing for long is taken for dead on the way."""
        self._requests.put(self._beat)

    def part(self) -> None:
        """Ask for nothing more; what the broker has sent still comes, and then the stream ends.

        A broker may not notice a cancellation: Google's emulator goes on sending to a cancelled stream, which nobody
        reads, and what was given back since may never be seen again.
        """
        self._requests.put(None)

    def close(self) -> None:
        """End it, and its channel, if it has not ended; what was not read comes again when its lease has run out."""
        self._requests.put(None)
        self._call.cancel()
        self._channel.close()
