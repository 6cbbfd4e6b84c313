"""What is said to a broker of messages in hand: acknowledged, or leased for so many seconds from now on.

A worker says this all the time, so it is said in bare protobuf, for as many messages at once as there are.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.auth.exceptions import GoogleAuthError
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from pubsubctl.broker.routing import routed
from pubsubctl.errors import PubsubctlError

_log = logging.getLogger("pubsubctl.broker")

MOST = 1000
"""Ack ids in one call; a call may have 512 KiB, and the service's ids have 200 to 300 bytes."""
_PASSING = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,  # a token that cannot be renewed just now
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
_TRANSIENT = "TRANSIENT_"


class Leasing:
    """The calls for one subscription. One thread makes them; any may close it.

    Args:
        connect: opens a channel to the broker. It is called anew after a call that was not answered in time: a
            connection that has died without a word looks like a slow one.
        subscription: its full name.
        timeout_s: how long a call may take.
    """

    def __init__(self, connect: Callable[[], grpc.Channel], subscription: str, *, timeout_s: float = 10.0) -> None:
        self._connect = connect
        self._subscription = subscription
        self._timeout_s = timeout_s
        self._metadata = routed("subscription", subscription)
        self._channel: grpc.Channel | None = None
        self._closed = False

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        """Say that these are done for good; at most ``MOST``.

        Returns:
            Those that it should be said of again: the broker did not answer, or asks for that. What it refuses for
            good (a lease that has lapsed, where delivery is exactly once) will be delivered again.
        """
        return self._say("Acknowledge", types.AcknowledgeRequest.pb()(subscription=self._subscription, ack_ids=ack_ids))

    def lease(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Lease these for ``seconds`` from now on; 0 gives them back, in this order. At most ``MOST``.

        Returns:
            See ``acknowledge``.
        """
        request = types.ModifyAckDeadlineRequest.pb()(
            subscription=self._subscription, ack_ids=ack_ids, ack_deadline_seconds=seconds
        )
        return self._say("ModifyAckDeadline", request)

    def close(self) -> None:
        """Close the connection; a call that is being made fails."""
        self._closed = True
        self._disconnect()

    def _say(self, name: str, request: Any) -> list[str]:
        try:
            self._call(name, request)
        except grpc.RpcError as error:
            return self._left(name, request, error)
        except (ValueError, GoogleAuthError, PubsubctlError) as error:
            # A channel that was closed refuses calls so; and to open another credentials are read, which may be on
            # their way just now.
            _log.debug("the broker cannot be told of %d messages: %r", len(request.ack_ids), error)
            return list(request.ack_ids)
        return []

    def _call(self, name: str, request: Any) -> None:
        if self._closed:
            raise ValueError("closed")
        channel = self._channel = self._channel or self._connect()
        call = channel.unary_unary(
            f"/google.pubsub.v1.Subscriber/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=Empty.FromString,
        )
        call(request, timeout=self._timeout_s, metadata=self._metadata)

    def _left(self, name: str, request: Any, error: Any) -> list[str]:
        """What is to be said again, after a call that has failed."""
        code = error.code()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._disconnect()
        passing = code in _PASSING
        if failures := _failures(request, error):
            others = _TRANSIENT if passing else ""
            return [each for each in request.ack_ids if failures.get(each, others).startswith(_TRANSIENT)]
        if passing:
            return list(request.ack_ids)
        if code is grpc.StatusCode.INVALID_ARGUMENT and len(request.ack_ids) > 1:
            return [ack_id for half in _halves(request) for ack_id in self._say(name, half)]
        _log.debug("the broker refuses what is said of %d messages: %s", len(request.ack_ids), error.details())
        return []

    def _disconnect(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _halves(request: Any) -> list[Any]:
    """The request in two: one ack id that is none must not take the others with it."""
    middle = len(request.ack_ids) // 2
    halves = []
    for ids in (request.ack_ids[:middle], request.ack_ids[middle:]):
        half = type(request)()
        half.CopyFrom(request)
        half.ClearField("ack_ids")
        half.ack_ids.extend(ids)
        halves.append(half)
    return halves


def _failures(request: Any, error: Any) -> dict[str, str]:
    """What was said of single messages: where delivery is exactly once, the failures by ack id.

    See https://cloud.google.com/pubsub/docs/exactly-once-delivery. Other errors have metadata too, of a quota that was
    used up for instance, which say nothing of any message.
    """
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return {}
    named: dict[str, str] = {}
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            named |= info.metadata
    return {ack_id: named[ack_id] for ack_id in request.ack_ids if ack_id in named} if named else {}
