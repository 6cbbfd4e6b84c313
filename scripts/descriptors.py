"""Write the descriptors of what the embedded emulator serves: google.pubsub.v1 and google.iam.v1, as clients know them.

The emulator's process reads this file in 5 ms; importing google-cloud-pubsub there would cost 0.5 s and 40 MB.
"""

import argparse
from pathlib import Path
from typing import Any

from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2
from google.protobuf import descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import pubsub, schema
from google.type import expr_pb2

TARGET = Path(__file__).parent.parent / "pubsubctl/emulator/embedded/pubsub_v1.binpb"
PACKAGE = "google.pubsub.v1"
WELL_KNOWN = (duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2)
IAM = (expr_pb2, options_pb2, policy_pb2, iam_policy_pb2)
SERVICES = {
    "google/pubsub/v1/schema.proto": (SchemaServiceGrpcTransport,),
    "google/pubsub/v1/pubsub.proto": (PublisherGrpcTransport, SubscriberGrpcTransport),
}


def published_name(name: str) -> str:
    """A file's name in the published API, for the module that proto-plus named it after."""
    return name.replace("google/pubsub_v1/types/", "google/pubsub/v1/")


def published(descriptor: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """The same file with the published names: no module paths, no underscore that kept a name off a Python builtin."""
    descriptor.name = published_name(descriptor.name)
    descriptor.dependency[:] = [published_name(name) for name in descriptor.dependency]
    pending = list(descriptor.message_type)
    while pending:
        message = pending.pop()
        pending.extend(message.nested_type)
        for field in message.field:
            field.name = field.name.rstrip("_")
            field.ClearField("json_name")
    return descriptor


class Recorder:
    """In a channel's place: notes which RPCs of google.pubsub.v1 a client's transport asks stubs for."""

    def __init__(self) -> None:
        self.found = descriptor_pb2.ServiceDescriptorProto()

    def unary_unary(self, path: str, *, request_serializer: Any, response_deserializer: Any) -> None:
        """Note an RPC of one request and one response."""
        self._note(path, request_serializer, response_deserializer, streaming=False)

    def stream_stream(self, path: str, *, request_serializer: Any, response_deserializer: Any) -> None:
        """Note an RPC with a stream each way."""
        self._note(path, request_serializer, response_deserializer, streaming=True)

    def _note(self, path: str, serialize: Any, deserialize: Any, *, streaming: bool) -> None:
        service, name = path.removeprefix("/").split("/")
        if service.startswith(f"{PACKAGE}."):
            self.found.name = service.rpartition(".")[2]
            method = self.found.method.add(name=name, input_type=_type_of(serialize), output_type=_type_of(deserialize))
            if streaming:
                method.client_streaming = method.server_streaming = True


def _type_of(codec: Any) -> str:
    """The message type, as descriptors refer to it, whose class method ``codec`` is."""
    kind = codec.__self__
    descriptor = getattr(kind, "DESCRIPTOR", None) or kind.pb(kind()).DESCRIPTOR
    return f".{descriptor.full_name}"


def service(transport: type[Any]) -> descriptor_pb2.ServiceDescriptorProto:
    """The service of google.pubsub.v1 that ``transport`` is a client's side of: its properties make the stubs."""
    recorder = Recorder()
    made = transport.__new__(transport)
    vars(made).update(_stubs={}, _logged_channel=recorder, _grpc_channel=None)
    for name, member in vars(transport).items():
        if isinstance(member, property):
            getattr(made, name)
    return recorder.found


def bare(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """The same file without its options, and without what only those need."""
    for element in (file, *file.service, *(method for one in file.service for method in one.method)):
        element.ClearField("options")
    for field in (field for message in file.message_type for field in message.field):
        field.ClearField("options")
    file.dependency[:] = [name for name in file.dependency if not name.startswith("google/api/")]
    return file


def copied(descriptor: Any) -> descriptor_pb2.FileDescriptorProto:
    """A file of the default pool."""
    file = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Every file that google.pubsub.v1 and google.iam.v1 need, dependencies first."""
    files = [copied(module.DESCRIPTOR) for module in WELL_KNOWN]
    files += [bare(copied(module.DESCRIPTOR)) for module in IAM]
    for message in (schema.Schema, pubsub.Topic):
        file = published(copied(message.pb(message()).DESCRIPTOR.file))
        file.dependency.append(empty_pb2.DESCRIPTOR.name)  # what a service answers to a delete
        file.service.extend(map(service, SERVICES[file.name]))
        files.append(file)
    return descriptor_pb2.FileDescriptorSet(file=files)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=TARGET)
    output = parser.parse_args().output
    output.write_bytes(descriptor_set().SerializeToString(deterministic=True))
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
