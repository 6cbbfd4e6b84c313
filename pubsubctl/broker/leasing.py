"""What is said to a broker of messages in hand: acknowledged, or leased for so many seconds from now on.

A worker says this all the time, so it is said in bare protobuf, for as many messages at once as there are.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from pubsubctl.broker.routing import routed

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
    """The calls for one subscription; any thread may make them.

    Args:
        channel: to the broker.
        subscription: its full name.
        timeout_s: how long a call may take.
    """

    def __init__(self, channel: grpc.Channel, subscription: str, *, timeout_s: float = 10.0) -> None:
        self._subscription = subscription
        self._timeout_s = timeout_s
        self._metadata = routed("subscription", subscription)
        self._acknowledge = _stub(channel, "Acknowledge", types.AcknowledgeRequest.pb())
        self._modify = _stub(channel, "ModifyAckDeadline", types.ModifyAckDeadlineRequest.pb())

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        """Say that these are done for good; at most ``MOST``.

        Returns:
            Those that it should be said of again: the broker did not answer, or asks for that. What it refuses for
            good (a lease that has lapsed, where delivery is exactly once) will be delivered again.
        """
        request = types.AcknowledgeRequest.pb()(subscription=self._subscription, ack_ids=ack_ids)
        return self._say(self._acknowledge, request)

    def lease(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Lease these for ``seconds`` from now on; 0 gives them back, in this order. At most ``MOST``.

        Returns:
            See ``acknowledge``.
        """
        request = types.ModifyAckDeadlineRequest.pb()(
            subscription=self._subscription, ack_ids=ack_ids, ack_deadline_seconds=seconds
        )
        return self._say(self._modify, request)

    def _say(self, call: Callable[..., Any], request: Any) -> list[str]:
        try:
            call(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            return self._left(call, request, error)
        except ValueError:  # which is how a channel that was closed refuses a call
            _log.debug("the connection is closed, and %d messages come again", len(request.ack_ids))
        return []

    def _left(self, call: Callable[..., Any], request: Any, error: Any) -> list[str]:
        code = error.code()
        if named := _named(error):
            return [ack_id for ack_id in request.ack_ids if named.get(ack_id, "").startswith(_TRANSIENT)]
        if code in _PASSING:
            return list(request.ack_ids)
        if code is grpc.StatusCode.INVALID_ARGUMENT and len(request.ack_ids) > 1:
            return [ack_id for half in _halves(request) for ack_id in self._say(call, half)]
        _log.debug("the broker refuses what is said of %d messages: %s", len(request.ack_ids), error.details())
        return []


def _stub(channel: grpc.Channel, name: str, request: Any) -> Callable[..., Any]:
    stub: Callable[..., Any] = channel.unary_unary(
        f"/google.pubsub.v1.Subscriber/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=Empty.FromString,
    )
    return stub


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


def _named(error: Any) -> dict[str, str]:
    """What was said of single messages: where delivery is exactly once, the failures by ack id.

    See https://cloud.google.com/pubsub/docs/exactly-once-delivery.
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
    return named
