"""Write the descriptors of google.pubsub.v1 that the embedded emulator serves, as google-cloud-pubsub defines them.

The emulator's process reads this file in 5 ms; importing google-cloud-pubsub there would cost 0.5 s and 40 MB.
"""

import argparse
from pathlib import Path

from google.protobuf import descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.pubsub_v1.types import pubsub, schema

TARGET = Path(__file__).parent.parent / "pubsubctl/emulator/embedded/pubsub_v1.binpb"
WELL_KNOWN = (duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2)


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


def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Every file that google.pubsub.v1 needs, dependencies first."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in WELL_KNOWN:
        module.DESCRIPTOR.CopyToProto(files.file.add())
    for message in (schema.Schema, pubsub.Topic):
        copied = descriptor_pb2.FileDescriptorProto()
        message.pb(message()).DESCRIPTOR.file.CopyToProto(copied)
        files.file.append(published(copied))
    return files


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=TARGET)
    output = parser.parse_args().output
    output.write_bytes(descriptor_set().SerializeToString(deterministic=True))
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
