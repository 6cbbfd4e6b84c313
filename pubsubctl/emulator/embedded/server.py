"""The gRPC server: RPCs, and how a refusal is told."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc
import grpc.aio

from pubsubctl.emulator.embedded.errorinfo import trailers
from pubsubctl.emulator.embedded.health import Health
from pubsubctl.emulator.embedded.ondemand import OnDemand
from pubsubctl.emulator.embedded.protocol import parsed
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.status import Refusal

Behaviour = Callable[[Any, Any], Awaitable[Any]]

# Google's clients expect to send and receive up to 20 MB; their keepalive pings are nobody's attack here.
OPTIONS = [
    ("grpc.max_receive_message_length", 32 * 2**20),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),  # TCP's user timeout too: what a lost host was sent goes elsewhere
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.bdp_probe", 0),
]


def make_server(rpcs: Iterable[Rpc], health: Health) -> grpc.aio.Server:
    """A server for ``rpcs``, health and reflection, without a port yet."""
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=None)
    services: dict[str, dict[str, Any]] = {}
    for rpc in rpcs:
        services.setdefault(rpc.service, {})[rpc.name] = _stream_handler(rpc) if rpc.streaming else _handler(rpc)
    server.add_generic_rpc_handlers(
        (
            *(grpc.method_handlers_generic_handler(name, handlers) for name, handlers in services.items()),
            OnDemand("grpc.health.v1.", health.handlers),
            OnDemand("grpc.reflection.", lambda: _reflection(services)),
        )
    )
    return server


def _handler(rpc: Rpc) -> Any:
    async def answer(content: bytes, context: Any) -> Any:
        # The request is read here, as gRPC would answer UNKNOWN to one that is none.
        return await rpc.answer(parsed(rpc.request, content), context)

    return grpc.unary_unary_rpc_method_handler(_telling(answer), response_serializer=_serialized)


def _stream_handler(rpc: Rpc) -> Any:
    return grpc.stream_stream_rpc_method_handler(_telling(rpc.answer), response_serializer=_serialized)


def _telling(behaviour: Behaviour) -> Behaviour:
    """Answer a refusal with its status."""

    async def telling(request: Any, context: Any) -> Any:
        try:
            return await behaviour(request, context)
        except Refusal as error:
            refusal = error
        return await context.abort(refusal.code, refusal.text, trailing_metadata=trailers(refusal))

    return telling


def _serialized(response: Any) -> bytes:
    """Messages on their way to subscribers are bytes already."""
    if isinstance(response, bytes):
        return response
    content: bytes = response.SerializeToString()
    return content


def _reflection(services: Iterable[str]) -> Mapping[str, Any]:
    from pubsubctl.emulator.embedded.reflection import handlers

    return handlers(services)
