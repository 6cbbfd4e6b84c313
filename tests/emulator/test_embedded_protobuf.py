"""Protocol Buffers: what fits a message type in either encoding, and which revisions go together."""

import asyncio
import contextlib
import functools
import json
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.emulator.embedded.protocol import message_class
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch
from pubsubctl.emulator.embedded.schema.protobuf import ProtobufSchema
from pubsubctl.emulator.embedded.schema.protobuf_compiler import compiled, precompiled

CompiledProtoSchema = message_class("google.pubsub.v1.CompiledProtoSchema")

ORDER = """
syntax = "proto3";
package shop.v1;
message Order {
  string id = 1;
  int32 count = 2;
  repeated Order parts = 3;
  map<string, int64> prices = 4;
  enum State { NEW = 0; SENT = 1; }
  State state = 5;
  oneof how { bool by_mail = 6; bytes code = 7; }
}
"""


@functools.cache
def schema(definition: str) -> ProtobufSchema:
    return asyncio.run(compiled(definition))


def message(*fields: str) -> str:
    """A definition with these fields."""
    return f'syntax = "proto3"; message M {{ {" ".join(fields)} }}'


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b' {"id": "x", "count": 1}\n',
        b'{"id": null}',
        b'{"parts": [{"id": "y"}], "prices": {"a": "5"}}',
        b'{"state": "SENT"}',
        b'{"state": 7}',
        b'{"byMail": true}',
        b'{"by_mail": true}',
    ],
)
def test_json_that_fits(data: bytes) -> None:
    schema(ORDER).read_json(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "it is no JSON object"),
        (b"[]", "it is no JSON object"),
        (b'""', "it is no JSON object"),
        (b"{", "Expecting property name"),
        (b'{"id": "x"} x', "Extra data"),
        (b'{"id": "\xff"}', "can't decode byte 0xff"),
        (b'{"id": 5}', "Failed to parse id field"),
        (b'{"count": 1.5}', "Couldn't parse integer: 1.5"),
        (b'{"count": 2147483648}', "Value out of range"),
        (b'{"z": 1}', 'has no field named "z"'),
        (b'{"parts": [{"z": 1}]}', 'has no field named "z"'),
        (b'{"state": "LOST"}', "Invalid enum value LOST"),
        (b'{"byMail": true, "code": ""}', "should not have multiple"),
        (b'{"parts": [' * 200, "Failed to"),
        (b'{"parts": [{' * 5_000 + b"}]}" * 5_000, ""),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_json_that_does_not_fit(data: bytes, text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(ORDER).read_json(data)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x0a\x01x\x10\x01", b"\x1a\x03\x0a\x01y", b"\x28\x07"])
def test_binary_that_fits(data: bytes) -> None:
    schema(ORDER).read_binary(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x0a\x05x", "Error parsing message"),
        (b"\x0a\x01\xff", "Error parsing message"),
        (b"\xff", "Error parsing message"),
        (b"\x40\x01", "it has fields that the schema does not have"),
        (b"\x0a\x01x\x40\x01", "it has fields that the schema does not have"),
        (b"\x1a\x02\x40\x01", "it has fields that the schema does not have"),
        (b"\x12\x01x", "it has fields that the schema does not have"),
    ],
    ids=repr,
)
def test_binary_that_does_not_fit(data: bytes, text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(ORDER).read_binary(data)
    assert text in str(caught.value)


@pytest.mark.parametrize(("method", "data"), [("read_json", b"{}"), ("read_binary", b"")])
def test_required_fields_are_required(method: str, data: bytes) -> None:
    read = getattr(schema('syntax = "proto2"; message M { required string a = 1; }'), method)
    with pytest.raises(Mismatch, match="required fields are missing: a"):
        read(data)


def test_an_edition_is_as_good_as_a_syntax() -> None:
    schema('edition = "2023"; message M { string a = 1; }').read_binary(b"\x0a\x01x")


@given(st.binary(max_size=60))
def test_any_bytes_fit_or_not(data: bytes) -> None:
    for read in (schema(ORDER).read_json, schema(ORDER).read_binary):
        with contextlib.suppress(Mismatch):
            read(data)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "count", "parts", "prices", "state", "code", "z"]), parts, max_size=4)
    ),
)


@given(JUNK)
def test_any_json_fits_or_not(value: Any) -> None:
    with contextlib.suppress(Mismatch):
        schema(ORDER).read_json(json.dumps(value).encode())


# Compiled beforehand


def files(*more: descriptor_pb2.FileDescriptorProto) -> bytes:
    """A FileDescriptorSet with an event, and what is given, in an order that is not that of the imports."""
    event = descriptor_pb2.FileDescriptorProto(
        name="event.proto", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    made = event.message_type.add(name="Event")
    made.field.add(name="at", number=1, type=11, label=1, type_name=".google.protobuf.Timestamp")
    return FileDescriptorSet(file=[event, *more]).SerializeToString()


def timestamp_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(file)
    return file


def test_a_compiled_schema_may_have_several_files() -> None:
    configuration = CompiledProtoSchema(root_message="Event", compiled_bytes=files(timestamp_file()))
    event = precompiled(configuration)
    event.read_json(b'{"at": "2026-01-01T00:00:00Z"}')
    event.read_binary(b"\x0a\x02\x08\x01")
    with pytest.raises(Mismatch):
        event.read_json(b'{"at": "yesterday"}')


@pytest.mark.parametrize(
    ("root", "content", "text"),
    [
        ("Event", b"\xff", "compiled_bytes is no FileDescriptorSet"),
        ("Event", b"", "there is no message type Event"),
        ("Other", files(timestamp_file()), "there is no message type Other"),
        ("Event", files(), "timestamp.proto"),
        (
            "Event",
            FileDescriptorSet(
                file=[
                    descriptor_pb2.FileDescriptorProto(name="a", dependency=["b"]),
                    descriptor_pb2.FileDescriptorProto(name="b", dependency=["a"]),
                ]
            ).SerializeToString(),
            "its files import one another: a, b",
        ),
    ],
    ids=range(5),
)
def test_a_compiled_schema_that_is_none(root: str, content: bytes, text: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        precompiled(CompiledProtoSchema(root_message=root, compiled_bytes=content))
    assert text in str(caught.value)


# Revisions


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (message("string a = 1;"), message("string a = 1;", "string b = 2;")),
        (message("string a = 1;"), message()),
        (message("string a = 1;"), 'syntax = "proto3"; package p; message Renamed { string a = 1; }'),
        (ORDER, ORDER),
        (ORDER, ORDER.replace("string id = 1;", "string id = 1; repeated string tags = 9;")),
    ],
    ids=range(5),
)
def test_revisions_that_go_together(one: str, other: str) -> None:
    assert schema(other).incompatibility(schema(one)) is None
    assert schema(one).incompatibility(schema(other)) is None


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        (
            message("string a = 1;"),
            message("int64 b = 1;"),
            "M.b of type int64 is not compatible with M.a of type string",
        ),
        (message("string a = 1;"), message("string b = 1;"), "M.b of type string is not compatible with M.a"),
        (message("string a = 1;"), message("repeated string a = 1;"), "M.a of type repeated string is not compatible"),
        (
            'syntax = "proto2"; message M { required string a = 1; }',
            'syntax = "proto2"; message M { }',
            "M.a is required, and only one of the revisions has it",
        ),
        (ORDER, ORDER.replace("SENT = 1;", "SENT = 1; LOST = 2;"), "shop.v1.Order.State.LOST = 2 is in one revision"),
        (ORDER, ORDER.replace("int64>", "int32>"), "shop.v1.Order.PricesEntry.value of type int32"),
    ],
    ids=range(6),
)
def test_revisions_that_do_not_go_together(one: str, other: str, problem: str) -> None:
    found = schema(other).incompatibility(schema(one))
    assert found is not None
    assert problem in found
    assert schema(one).incompatibility(schema(other)) is not None
