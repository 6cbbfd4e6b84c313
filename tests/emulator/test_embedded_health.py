"""What a gRPC server answers besides its services: health, and reflection."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from pubsub_kit import Broker

from pubsubctl.emulator.embedded import EmbeddedBroker

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = {
    "google.pubsub.v1.Publisher": PublisherGrpcTransport,
    "google.pubsub.v1.Subscriber": SubscriberGrpcTransport,
    "google.pubsub.v1.SchemaService": SchemaServiceGrpcTransport,
}
STANDARD = {"google.iam.v1.IAMPolicy", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


# Health


@pytest.mark.parametrize("service", ["", *SERVICES, "google.iam.v1.IAMPolicy"])
def test_each_service_is_serving(embedded: Broker, service: str) -> None:
    with grpc.insecure_channel(embedded.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status == SERVING


def test_the_health_of_no_service_is_not_found(embedded: Broker) -> None:
    with grpc.insecure_channel(embedded.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="a.B"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service="a.B"), timeout=5)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()


def test_all_services_are_listed(embedded: Broker) -> None:
    with grpc.insecure_channel(embedded.address) as channel:
        listed = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=5).statuses
    assert {name: one.status for name, one in listed.items()} == dict.fromkeys(
        ["", *SERVICES, "google.iam.v1.IAMPolicy"], SERVING
    )


def test_whoever_watches_hears_of_the_end(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path).start()
    with grpc.insecure_channel(broker.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(watch).status == SERVING
        broker.stop()
        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


# Reflection


def reflect(address: str, version: str = "v1", **request: Any) -> Any:
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        [response] = call(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=5)
    return response


def described(address: str, symbol: str) -> descriptor_pool.DescriptorPool:
    """A pool of the files that reflection gives for ``symbol``; they are all that is needed."""
    files = reflect(address, file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
    pending = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in files]
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    while pending:
        [file, *_] = [one for one in pending if added.issuperset(one.dependency)]
        pool.Add(file)
        added.add(file.name)
        pending.remove(file)
    return pool


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_all_services(embedded: Broker, version: str) -> None:
    response = reflect(embedded.address, version, list_services="*")
    assert {one.name for one in response.list_services_response.service} == {*SERVICES, *STANDARD}


@pytest.mark.parametrize("service", SERVICES)
def test_reflection_describes_the_services_as_googles_client_knows_them(embedded: Broker, service: str) -> None:
    methods = {method.name for method in described(embedded.address, service).FindServiceByName(service).methods}
    transport = SERVICES[service]
    stubs = {name.replace("_", "") for name in vars(transport) if isinstance(getattr(transport, name), property)}
    others = {"setiampolicy", "getiampolicy", "testiampermissions", "grpcchannel", "kind"}
    assert {name.lower() for name in methods} == stubs - others


@pytest.mark.parametrize("service", sorted(STANDARD))
def test_reflection_describes_the_standard_services(embedded: Broker, service: str) -> None:
    assert described(embedded.address, service).FindServiceByName(service).methods


def test_reflection_describes_messages_and_methods(embedded: Broker) -> None:
    pool = described(embedded.address, "google.pubsub.v1.PubsubMessage")
    assert "ordering_key" in pool.FindMessageTypeByName("google.pubsub.v1.PubsubMessage").fields_by_name
    pool = described(embedded.address, "google.pubsub.v1.Subscriber.StreamingPull")
    method = pool.FindServiceByName("google.pubsub.v1.Subscriber").methods_by_name["StreamingPull"]
    assert (method.client_streaming, method.server_streaming) == (True, True)
    assert method.output_type.full_name == "google.pubsub.v1.StreamingPullResponse"


def test_reflection_knows_no_other_symbol(embedded: Broker) -> None:
    response = reflect(embedded.address, file_containing_symbol="a.b.C")
    assert response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_what_few_ask_for_is_imported_when_they_do() -> None:
    wanted = ["grpc_health.v1", "grpc_reflection.v1alpha", "google.rpc", "google.protobuf.json_format", "h11"]
    code = (
        "import sys; import pubsubctl.emulator.embedded.__main__;"
        f"print(*[name for name in {wanted} + ['pubsubctl.emulator.embedded.rest'] if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
