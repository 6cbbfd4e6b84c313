"""grpc.health.v1: whether the emulator serves (github.com/grpc/grpc/blob/master/doc/health-checking.md)."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import grpc

SERVICE = "grpc.health.v1.Health"


class Health:
    """SERVING for the server as a whole, and for each of its services, until ``stop``; then NOT_SERVING."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = {"", *services}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tell whoever watches that nothing is served any more."""
        self._stopping.set()

    def handlers(self) -> Mapping[str, Any]:
        """The RPCs; the package is imported here, as few ask."""
        from grpc_health.v1 import health_pb2

        statuses = health_pb2.HealthCheckResponse
        request = health_pb2.HealthCheckRequest.FromString

        def status(service: str) -> Any:
            if service not in self._services:
                return statuses(status=statuses.SERVICE_UNKNOWN)
            return statuses(status=statuses.NOT_SERVING if self._stopping.is_set() else statuses.SERVING)

        async def check(request: Any, context: Any) -> Any:
            if request.service not in self._services:
                await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service!r} here")
            return status(request.service)

        async def watch(request: Any, context: Any) -> None:
            await context.write(status(request.service))
            await self._stopping.wait()
            await context.write(status(request.service))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The emulator is stopping.")

        async def list_(_request: Any, _context: Any) -> Any:
            return health_pb2.HealthListResponse(statuses={service: status(service) for service in self._services})

        written = {"response_serializer": lambda message: message.SerializeToString()}
        return {
            f"{SERVICE}/Check": grpc.unary_unary_rpc_method_handler(check, request, **written),
            f"{SERVICE}/Watch": grpc.unary_stream_rpc_method_handler(watch, request, **written),
            f"{SERVICE}/List": grpc.unary_unary_rpc_method_handler(
                list_, health_pb2.HealthListRequest.FromString, **written
            ),
        }
