"""The gRPC server: which RPC is answered by whom."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.names import check
from pubsubctl.emulator.embedded.protocol import PACKAGE, message_class, parsed
from pubsubctl.emulator.embedded.publisher import Publisher
from pubsubctl.emulator.embedded.status import Refusal, internal, unimplemented
from pubsubctl.emulator.embedded.stream import Stream, read_request
from pubsubctl.emulator.embedded.subscriber import Subscriber

Rpc = Callable[[Any, Any], Awaitable[Any]]

# Each RPC with the class of its request; that of one the servicer does not have is only for the refusal.
PUBLISHER = {
    "CreateTopic": "Topic",
    "UpdateTopic": "UpdateTopicRequest",
    "Publish": "PublishRequest",
    "GetTopic": "GetTopicRequest",
    "ListTopics": "ListTopicsRequest",
    "ListTopicSubscriptions": "ListTopicSubscriptionsRequest",
    "ListTopicSnapshots": "ListTopicSnapshotsRequest",
    "DeleteTopic": "DeleteTopicRequest",
    "DetachSubscription": "DetachSubscriptionRequest",
}
SUBSCRIBER = {
    "CreateSubscription": "Subscription",
    "GetSubscription": "GetSubscriptionRequest",
    "UpdateSubscription": "UpdateSubscriptionRequest",
    "ListSubscriptions": "ListSubscriptionsRequest",
    "DeleteSubscription": "DeleteSubscriptionRequest",
    "ModifyAckDeadline": "ModifyAckDeadlineRequest",
    "Acknowledge": "AcknowledgeRequest",
    "Pull": "PullRequest",
    "ModifyPushConfig": "ModifyPushConfigRequest",
    "GetSnapshot": "GetSnapshotRequest",
    "ListSnapshots": "ListSnapshotsRequest",
    "CreateSnapshot": "CreateSnapshotRequest",
    "UpdateSnapshot": "UpdateSnapshotRequest",
    "DeleteSnapshot": "DeleteSnapshotRequest",
    "Seek": "SeekRequest",
}
SCHEMA_SERVICE = {
    "CreateSchema": "CreateSchemaRequest",
    "GetSchema": "GetSchemaRequest",
    "ListSchemas": "ListSchemasRequest",
    "ListSchemaRevisions": "ListSchemaRevisionsRequest",
    "CommitSchema": "CommitSchemaRequest",
    "RollbackSchema": "RollbackSchemaRequest",
    "DeleteSchemaRevision": "DeleteSchemaRevisionRequest",
    "DeleteSchema": "DeleteSchemaRequest",
    "ValidateSchema": "ValidateSchemaRequest",
    "ValidateMessage": "ValidateMessageRequest",
}

# Google's clients expect to send and receive up to 20 MB; their keepalive pings are nobody's attack here. Two
# servers on one port would share its connections, so a port in use is an error.
OPTIONS = [
    ("grpc.max_receive_message_length", 32 * 2**20),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.bdp_probe", 0),
]


def make_server(broker: Broker) -> grpc.aio.Server:
    """A server for ``broker``, without a port yet."""
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=None)
    subscriber = _handlers("Subscriber", SUBSCRIBER, Subscriber(broker), broker)
    subscriber["StreamingPull"] = _stream_handler(broker)
    server.add_generic_rpc_handlers(
        (
            _service("Publisher", _handlers("Publisher", PUBLISHER, Publisher(broker), broker)),
            _service("Subscriber", subscriber),
            _service("SchemaService", _handlers("SchemaService", SCHEMA_SERVICE, None, broker)),
        )
    )
    return server


def _service(name: str, handlers: dict[str, Any]) -> Any:
    return grpc.method_handlers_generic_handler(f"{PACKAGE}.{name}", handlers)


def _handlers(service: str, rpcs: dict[str, str], servicer: object, broker: Broker) -> dict[str, Any]:
    return {
        name: grpc.unary_unary_rpc_method_handler(
            _guarded(
                name,
                _reading(
                    message_class(f"{PACKAGE}.{request}"),
                    getattr(servicer, _snake(name), None) or _missing(service, name),
                ),
                broker,
            ),
            response_serializer=_serialized,
        )
        for name, request in rpcs.items()
    }


def _stream_handler(broker: Broker) -> Any:
    async def streaming_pull(_requests: Any, context: Any) -> None:
        first = await read_request(context)
        if first is None:
            return
        name = check("subscriptions", first.subscription)
        channel = broker.catalogue.find_channel(
            name, f"Subscription does not exist (resource={name.rsplit('/', 1)[1]})"
        )
        await Stream(broker, channel, first, context).run()

    return grpc.stream_stream_rpc_method_handler(
        _guarded("StreamingPull", streaming_pull, broker),
        response_serializer=_serialized,
    )


def _reading(kind: Any, rpc: Rpc) -> Rpc:
    """Read the request here, as gRPC would answer UNKNOWN to one that is none."""

    async def reading(request: bytes, context: Any) -> Any:
        return await rpc(parsed(kind, request), context)

    return reading


def _guarded(name: str, rpc: Rpc, broker: Broker) -> Rpc:
    """Answer what ``rpc`` raises with its status."""

    async def guarded(request: Any, context: Any) -> Any:
        try:
            await broker.faults.before_rpc(name)
            return await rpc(request, context)
        except Refusal as error:
            refusal = error
        except sqlite3.Error as error:
            refusal = internal(f"The message log could not be read: {error}.")
        return await context.abort(refusal.code, refusal.text)

    return guarded


def _missing(service: str, name: str) -> Rpc:
    async def missing(_request: Any, _context: Any) -> None:
        raise unimplemented(f"Method {PACKAGE}.{service}/{name} is not implemented by the embedded emulator")

    return missing


def _serialized(response: Any) -> bytes:
    """Messages on their way to subscribers are bytes already."""
    if isinstance(response, bytes):
        return response
    content: bytes = response.SerializeToString()
    return content


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
