"""What a gRPC server answers besides Pub/Sub: health, reflection, and calls that are none."""

from typing import Any

from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from harness.case import Case
from harness.expected import Containing, OneOf, Refused
from harness.kit import Kit
from harness.sources import HEALTH, REFLECTION, SANE, STATUS_CODES

UNIMPLEMENTED = Refused("UNIMPLEMENTED")
PUBLISHER = "google.pubsub.v1.Publisher"


def _health(service: str) -> Any:
    def run(kit: Kit) -> str:
        return HealthCheckResponse.ServingStatus.Name(kit.call("Check", service=service).status)

    return run


def _watch(kit: Kit) -> str:
    """The first status of a Watch."""
    watch = kit.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", response_deserializer=HealthCheckResponse.FromString
    )
    call = watch(b"", timeout=5)
    status = HealthCheckResponse.ServingStatus.Name(next(call).status)
    call.cancel()
    return status


def _reflected(kit: Kit, version: str, **request: str) -> Any:
    """The only response to one request."""
    reflection = kit.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    [response] = reflection(iter([ServerReflectionRequest(**request)]), timeout=5)
    return response


def _services(version: str) -> Any:
    def run(kit: Kit) -> list[str]:
        return sorted(one.name for one in _reflected(kit, version, list_services="*").list_services_response.service)

    return run


def _described(kit: Kit) -> bool:
    """Whether the files that describe the Publisher are given."""
    response = _reflected(kit, "v1alpha", file_containing_symbol=PUBLISHER)
    return len(response.file_descriptor_response.file_descriptor_proto) > 0


def _raw(path: str, body: bytes = b"") -> Any:
    def run(kit: Kit) -> str:
        kit.channel.unary_unary(path)(body, timeout=5)
        return "OK"

    return run


SERVICES = Containing("google.pubsub.v1.Publisher", "google.pubsub.v1.SchemaService", "google.pubsub.v1.Subscriber")
LIST_REFLECTED = "The services that reflection tells"

CASES = [
    Case("health", "Health.Check of the server", _health(""), "SERVING", HEALTH, google=UNIMPLEMENTED),
    Case("health-service", f"Health.Check of {PUBLISHER}", _health(PUBLISHER), "SERVING", HEALTH, google=UNIMPLEMENTED),
    Case(
        "health-unknown",
        "Health.Check of an unknown service",
        _health("a.B"),
        Refused("NOT_FOUND"),
        HEALTH,
        google=UNIMPLEMENTED,
    ),
    Case(
        "health-watch", "Health.Watch of the server: the first status", _watch, "SERVING", HEALTH, google=UNIMPLEMENTED
    ),
    Case(
        "reflection-v1alpha",
        f"{LIST_REFLECTED} (v1alpha)",
        _services("v1alpha"),
        SERVICES,
        REFLECTION,
        google=UNIMPLEMENTED,
    ),
    Case("reflection-v1", f"{LIST_REFLECTED} (v1)", _services("v1"), SERVICES, REFLECTION, google=UNIMPLEMENTED),
    Case(
        "reflection-file",
        f"Is {PUBLISHER} described by reflection?",
        _described,
        documented=True,
        source=REFLECTION,
        google=UNIMPLEMENTED,
    ),
    Case(
        "unknown-method", "An RPC that Publisher does not have", _raw(f"/{PUBLISHER}/Nope"), UNIMPLEMENTED, STATUS_CODES
    ),
    Case("unknown-service", "An RPC of an unknown service", _raw("/a.b.C/D"), UNIMPLEMENTED, STATUS_CODES),
    Case(
        "garbage",
        "CreateTopic with a request that is no protocol buffer",
        _raw(f"/{PUBLISHER}/CreateTopic", b"\xff\xff\xff"),
        OneOf(Refused("INVALID_ARGUMENT"), Refused("INTERNAL")),
        SANE,
        google=Refused("UNKNOWN"),
    ),
]
