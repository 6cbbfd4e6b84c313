"""A schema in Protocol Buffers, ready for use."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError

from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch
from pubsubctl.emulator.embedded.schema.protobuf_changes import obstacle


class ProtobufSchema:
    """One message type; ``read_json`` and ``read_binary`` raise Mismatch if the bytes are no message of it.

    A field that the type does not have is refused in either encoding, as Cloud Pub/Sub does.
    """

    kind = "PROTO"

    def __init__(self, files: descriptor_pb2.FileDescriptorSet, root: str) -> None:
        """Build the type ``root`` from the files that define it and all that it needs, in a pool of their own.

        Raises:
            InvalidDefinition: they do not.
        """
        self._pool = _pool(files)
        try:
            self._type = self._pool.FindMessageTypeByName(root)
        except KeyError as error:
            raise InvalidDefinition(f"there is no message type {root}") from error
        self._class: Any = message_factory.GetMessageClass(self._type)

    def read_json(self, data: bytes) -> None:
        """Read a message in ProtoJSON (protobuf.dev/programming-guides/json).

        Raises:
            Mismatch: it is none.
        """
        if not data.lstrip().startswith(b"{"):
            raise Mismatch("it is no JSON object")
        try:
            message = json_format.Parse(data, self._class(), descriptor_pool=self._pool)
        except (json_format.Error, UnicodeDecodeError, RecursionError) as error:
            raise Mismatch(_one_line(error)) from error
        _check_complete(message)

    def read_binary(self, data: bytes) -> None:
        """Read a message in the wire format (protobuf.dev/programming-guides/encoding).

        Raises:
            Mismatch: it is none.
        """
        try:
            message = self._class.FromString(data)
        except DecodeError as error:
            raise Mismatch(_one_line(error)) from error
        _check_complete(message)
        size = message.ByteSize()
        message.DiscardUnknownFields()
        if message.ByteSize() != size:
            raise Mismatch("it has fields that the schema does not have")

    def incompatibility(self, earlier: ProtobufSchema) -> str | None:
        """Why this cannot be a revision beside ``earlier``."""
        return obstacle(earlier._type, self._type)


def _pool(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pool.DescriptorPool:
    """A pool with ``files``, whose order does not matter."""
    pool = descriptor_pool.DescriptorPool()
    waiting = {file.name: file for file in files.file}
    while waiting:
        ready = [file for file in waiting.values() if waiting.keys().isdisjoint(file.dependency)]
        if not ready:
            raise InvalidDefinition(f"its files import one another: {', '.join(waiting)}")
        for file in ready:
            _add(pool, waiting.pop(file.name))
    return pool


def _add(pool: descriptor_pool.DescriptorPool, file: descriptor_pb2.FileDescriptorProto) -> None:
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except (TypeError, DecodeError) as error:
        raise InvalidDefinition(_one_line(error)) from error


def _check_complete(message: Any) -> None:
    if not message.IsInitialized():
        raise Mismatch(f"required fields are missing: {', '.join(message.FindInitializationErrors())}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
