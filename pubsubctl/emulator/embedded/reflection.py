"""grpc.reflection: what the server serves, for tools such as grpcurl. Imported when one asks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from pubsubctl.emulator.embedded.protocol import Empty

METHOD = "ServerReflection/ServerReflectionInfo"
# Under both names goes the same protocol: v1 is v1alpha, declared stable.
VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


def handlers(services: Iterable[str]) -> Mapping[str, Any]:
    """The RPC, under each of its names."""
    names = [*services, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME]
    servicer = reflection.aio.ReflectionServicer(names, pool=Pools())  # type: ignore[attr-defined]
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return {f"{version}.{METHOD}": handler for version in VERSIONS}


class Pools:
    """The descriptor pool of the API, and behind it the default one, where health and reflection have theirs.

    Of a descriptor pool, only what the reflection package calls; each raises KeyError for what is in neither.
    """

    _first = Empty.DESCRIPTOR.file.pool
    _second = descriptor_pool.Default()

    def FindFileByName(self, name: str) -> Any:  # noqa: N802 - as a descriptor pool has it
        """The file of that name."""
        return self._find(lambda pool: pool.FindFileByName(name))

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802
        """The file that declares a message, service, method, field or enum."""
        try:
            return self._find(lambda pool: pool.FindFileContainingSymbol(symbol))
        except KeyError:
            # Protobuf's own pools know all of these by name but methods.
            return self._find(lambda pool: pool.FindMethodByName(symbol)).containing_service.file

    def FindMessageTypeByName(self, full_name: str) -> Any:  # noqa: N802
        """A message."""
        return self._find(lambda pool: pool.FindMessageTypeByName(full_name))

    def FindExtensionByNumber(self, descriptor: Any, number: int) -> Any:  # noqa: N802
        """An extension of a message."""
        return descriptor.file.pool.FindExtensionByNumber(descriptor, number)

    def FindAllExtensions(self, descriptor: Any) -> Any:  # noqa: N802
        """The extensions of a message."""
        return descriptor.file.pool.FindAllExtensions(descriptor)

    def _find(self, find: Callable[[Any], Any]) -> Any:
        try:
            return find(self._first)
        except KeyError:
            return find(self._second)
