"""A plain pull that waits for messages to come, and that another thread can end."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core import exceptions
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.refusals import translated
from pubsubctl.broker.routing import routed
from pubsubctl.broker.unary import Unary

_BEFORE_DEADLINE_S = 1.2
"""Brokers answer a pull with nothing about a second before its deadline."""
_QUIET = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was pulled.

    Attributes:
        published_at: by the broker's clock, seconds since the epoch.
    """

    ack_id: str
    message_id: str
    published_at: float
    data: bytes
    attributes: dict[str, str]


class LongPoll:
    """Pulls from one subscription, one call at a time."""

    def __init__(self, connection: Connection, subscription_path: str) -> None:
        self._connection = connection
        self._subscription = subscription_path
        self._lock = threading.Lock()
        self._call: grpc.Future[Any] | None = None
        self._ended = False

    def pull(self, limit: int, *, wait_s: float) -> list[Received]:
        """At most ``limit`` messages: none, when none comes within ``wait_s`` seconds or it was ended.

        Raises:
            BrokerUnreachable: no answer, or one that trying again may help.
            ResourceNotFound: there is no such subscription.
            BrokerError: the broker refused.
        """
        with translated(self._connection):
            call = self._begin(limit, wait_s)
            answer = _outcome(call) if call is not None else None
        return [_received(each) for each in answer.received_messages] if answer is not None else []

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge what was pulled.

        Raises:
            BrokerUnreachable: no answer: some may come again.
            BrokerError: the broker refused.
        """
        with translated(self._connection):
            self._say("Acknowledge", types.AcknowledgeRequest.pb()(subscription=self._subscription, ack_ids=ack_ids))

    def postpone(self, ack_ids: Sequence[str], delay_s: int) -> None:
        """Have what was pulled come again in so many seconds, to whoever asks then.

        Raises:
            BrokerUnreachable: no answer: it comes when its ack deadline has passed.
            BrokerError: the broker refused.
        """
        request = types.ModifyAckDeadlineRequest.pb()(
            subscription=self._subscription, ack_ids=ack_ids, ack_deadline_seconds=delay_s
        )
        with translated(self._connection):
            self._say("ModifyAckDeadline", request)

    def end(self) -> None:
        """Let whoever waits in ``pull`` return with nothing, now and ever after."""
        with self._lock:
            self._ended = True
            if self._call is not None:
                self._call.cancel()

    def _say(self, name: str, request: Any) -> None:
        method = f"google.pubsub.v1.Subscriber/{name}"
        Unary(self._connection.channel, method, Empty, field="subscription", name=self._subscription)(request)

    def _begin(self, limit: int, wait_s: float) -> "grpc.Future[Any] | None":
        request = types.PullRequest(subscription=self._subscription, max_messages=limit)
        metadata = routed("subscription", self._subscription)
        with self._lock:
            if self._ended:
                return None
            self._call = self._stub().future(request, timeout=wait_s + _BEFORE_DEADLINE_S, metadata=metadata)
            return self._call

    def _stub(self) -> Any:
        """The call itself: the generated method cannot be cancelled."""
        return self._connection.channel.unary_unary(
            "/google.pubsub.v1.Subscriber/Pull",
            request_serializer=types.PullRequest.serialize,
            response_deserializer=types.PullResponse.deserialize,
        )


def _outcome(call: "grpc.Future[Any]") -> types.PullResponse | None:
    try:
        answer: types.PullResponse = call.result()
    except grpc.FutureCancelledError:
        return None
    except grpc.RpcError as error:
        if error.code() in _QUIET:
            return None
        raise exceptions.from_grpc_error(error) from error
    return answer


def _received(each: types.ReceivedMessage) -> Received:
    message = each.message
    published: Any = message.publish_time  # proto-plus makes it a datetime
    return Received(each.ack_id, message.message_id, published.timestamp(), message.data, dict(message.attributes))
