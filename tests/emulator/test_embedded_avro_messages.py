"""Avro: what fits a definition in either encoding."""

import contextlib
import json
import tracemalloc
from typing import Any

import pytest
from avro_kit import DEADLINE_MS, ENUM, FIXED, TREE, Types, aside, schema, written
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_kit import field, record

from pubsubctl.emulator.embedded.schema.avro import AvroSchema
from pubsubctl.emulator.embedded.schema.problems import Mismatch

RECORD = record(
    field("i", "int"),
    field("l", "long", default=0),
    field("d", "double"),
    field("s", "string"),
    field("y", "bytes"),
    field("t", "boolean"),
    field("u", ["null", "string", ENUM, "bytes", {"type": "map", "values": "int"}]),
    field("f", FIXED),
    field("r", {"type": "array", "items": "int"}),
    field("m", {"type": "map", "values": "long"}),
)
GOOD = {
    "i": 1,
    "l": -(2**63),
    "d": 1,
    "s": "é",
    "y": "ÿ",
    "t": True,
    "u": {"x.y.E": "B"},
    "f": "abc",
    "r": [1, 2],
    "m": {"k": 5},
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"z": "a field that the record does not have"},
        {"u": None},
        {"u": {"string": "x"}},
        {"u": {"bytes": "ÿ"}},
        {"u": {"map": {"string": 1, "x": 2}}},
        {"d": 1.5e300},
        {"r": []},
        {"m": {}},
        {"m": {"string": 1}},
        {"i": 2**31 - 1},
    ],
    ids=str,
)
def test_json_that_fits(change: dict[str, Any]) -> None:
    schema(RECORD).read_json(json.dumps({**GOOD, **change}).encode())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"i": "1"}, "R.i: '1' is no int"),
        ({"i": 1.0}, "R.i: 1.0 is no int"),
        ({"i": True}, "R.i: True is no int"),
        ({"i": 2**31}, "R.i: 2147483648 is no int"),
        ({"l": 2**63}, "is no long"),
        ({"d": "1"}, "R.d: '1' is no double"),
        ({"d": True}, "R.d: True is no double"),
        ({"s": None}, "R.s: None is no string"),
        ({"y": "€"}, "'€' stands for no byte: only U+0000 to U+00FF do"),
        ({"y": 5}, "R.y: 5 is no bytes"),
        ({"t": 1}, "R.t: 1 is no boolean"),
        ({"u": "x"}, """R.u: 'x' is no null or {"string": ...} or {"x.y.E": ...} or"""),
        ({"u": {"E": "A"}}, """R.u: {'E': 'A'} is no null or {"string": ...} or {"x.y.E": ...} or"""),
        ({"u": {"string": "x", "x.y.E": "A"}}, "is no null or {"),
        ({"u": {}}, "R.u: {} is no null or {"),
        ({"u": {"x.y.E": "C"}}, "R.u: 'C' is no x.y.E"),
        ({"u": {"bytes": "€"}}, "'€' stands for no byte"),
        ({"u": {"map": {"k": "x"}}}, "R.u: 'x' is no int"),
        ({"f": "ab"}, "R.f: b'ab' is no F"),
        ({"r": [1, "2"]}, "R.r: '2' is no int"),
        ({"r": {}}, "R.r: {} is no array"),
        ({"m": {"k": "5"}}, "R.m: '5' is no long"),
        ({"m": []}, "R.m: [] is no map"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_that_does_not_fit(change: dict[str, Any], text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(RECORD).read_json(json.dumps({**GOOD, **change}).encode())
    assert text in str(caught.value)


@pytest.mark.parametrize("name", GOOD)
def test_json_has_every_field_even_one_with_a_default(name: str) -> None:
    less = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(Mismatch, match=f"^the field {name} of R is missing$"):
        schema(RECORD).read_json(json.dumps(less).encode())


@pytest.mark.parametrize(
    ("definition", "data", "text"),
    [
        ('"int"', b'"x"', "'x' is no int"),
        (["null", "int"], b"5", """5 is no null or {"int": ...}"""),
        (["int", "string"], b'{"int": "x"}', "'x' is no int"),
        ({"type": "array", "items": json.loads(record(field("a", "int")))}, b"[{}]", "the field a of R is missing"),
        (TREE, b'{"value": 1, "left": {"R": {"value": 1, "left": null}}, "right": null}', "the field right of R is"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_of_other_types_that_does_not_fit(definition: Any, data: bytes, text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(definition).read_json(data)
    assert text in str(caught.value)


@pytest.mark.parametrize("size", [0, 20_000])
def test_the_reason_is_told_unless_it_would_take_long_to_find(size: int) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(TREE).read_json(b'{"value": 1, "left": null, "right": 5}' + b" " * size)
    assert ("R.right: 5 is no null" in str(caught.value)) is (size == 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no",
        b"NaN",
        b'"NaN"',
        b"Infinity",
        b"1 2",
        b"1\n2",
        b"\xff",
        b"9" * 5_000,
        b"[" * 100_000,
        b"[1]",
        b"\xef\xbb\xbf1",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_json_number_is_no_double(data: bytes) -> None:
    with pytest.raises(Mismatch):
        schema('"double"').read_json(data)


@pytest.mark.parametrize(
    ("definition", "data"),
    [
        ('"null"', b""),
        ('"boolean"', b"\x01"),
        ('"int"', b"\xfe\xff\xff\xff\x0f"),
        ('"long"', b"\xff" * 9 + b"\x01"),
        ('"float"', b"abcd"),
        ('"string"', b"\x04\xc3\xa9"),
        ({"type": "array", "items": "int"}, b"\x04\x02\x04\x02\x06\x00"),
        ({"type": "array", "items": "int"}, b"\x03\x04\x02\x04\x00"),
        ({"type": "array", "items": "null"}, b"\x06\x00"),
        ({"type": "map", "values": "int"}, b"\x02\x02k\x02\x00"),
        (["null", "int"], b"\x00"),
        ({"type": "long", "logicalType": "timestamp-millis"}, b"\xfe" + b"\xff" * 8 + b"\x01"),
        ({"type": "int", "logicalType": "date"}, b"\xfe\xff\xff\xff\x0f"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 1}, b"\x02\xff"),
        ({"type": "string", "logicalType": "uuid"}, b"\x02x"),
        (TREE, b"\x02\x02\x04\x00\x00\x00"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_binary_that_fits(definition: Any, data: bytes) -> None:
    schema(definition).read_binary(data)


@pytest.mark.parametrize(
    ("definition", "data", "text"),
    [
        ('"null"', b"x", "1 bytes are left over"),
        ('"boolean"', b"", "the message ends too early"),
        ('"boolean"', b"\x02", "a byte is no boolean"),
        ('"int"', b"\x80", "the message ends too early"),
        ('"int"', b"\x80\x80\x80\x80\x10", "2147483648 is beyond 32 bits"),
        ('"long"', b"\xff" * 10, "a number is longer than 64 bits"),
        ('"long"', b"\xff" * 9 + b"\x02", "is beyond 64 bits"),
        ('"double"', b"1234567", "the message ends too early"),
        ('"bytes"', b"\x01x", "the message ends too early"),
        ('"bytes"', b"\x04x", "the message ends too early"),
        ('"bytes"', b"\xfe" + b"\xff" * 8 + b"\x01x", "the message ends too early"),
        ('"string"', b"\x02\xff", "'utf-8' codec can't decode byte 0xff"),
        (ENUM, b"\x04", "no symbol of an enum"),
        (ENUM, b"\x01", "no symbol of an enum"),
        (FIXED, b"ab", "the message ends too early"),
        ({**FIXED, "size": 2**70}, b"ab", "OverflowError"),
        (["null", "int"], b"\x04", "a number stands for no type of a union"),
        (["null", "int"], b"\x01", "a number stands for no type of a union"),
        (["null", "int"], b"\x02", "the message ends too early"),
        ([], b"\x00", "a number stands for no type of a union"),
        ({"type": "array", "items": "boolean"}, b"\x04\x01\x05\x00", "a byte is no boolean"),
        ({"type": "array", "items": "int"}, b"\x02\x02", "the message ends too early"),
        ({"type": "map", "values": "int"}, b"\x02\x02\xff\x02\x00", "'utf-8' codec can't decode byte 0xff"),
        (record(field("a", "int"), field("b", "int")), b"\x02", "the message ends too early"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_binary_that_does_not_fit(definition: Any, data: bytes, text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(definition).read_binary(data)
    assert text in str(caught.value)


# What must not bring the broker down


def json_tree(depth: int) -> bytes:
    """A tree that is no more than a chain."""
    return b'{"value":1,"right":null,"left":{"R":' * depth + b'{"value":1,"right":null,"left":null}' + b"}}" * depth


def binary_tree(depth: int) -> bytes:
    """A tree that is no more than a chain."""
    return b"\x02\x02" * depth + b"\x02\x00\x00" + b"\x00" * depth


@pytest.mark.parametrize("depth", [0, 100])
def test_types_that_hold_themselves_may_do_so_a_hundred_times(depth: int) -> None:
    tree = schema(TREE)
    assert aside(lambda: tree.read_json(json_tree(depth))) is None
    assert aside(lambda: tree.read_binary(binary_tree(depth))) is None


@pytest.mark.parametrize(
    "data",
    [
        *(binary_tree(depth) for depth in (1_000, 10_000, 100_000)),
        *(json_tree(depth) for depth in (260, 400, 10_000)),
        b"\x02\x02" * 100_000,
        b'{"value":1,"left":{"R":' * 100_000,
    ],
    ids=lambda data: f"{data[:2]!r}-{len(data)}",
)
def test_no_depth_of_a_message_is_too_much_for_the_broker(data: bytes) -> None:
    tree = schema(TREE)
    refused = aside(lambda: (tree.read_json if data[:1] == b"{" else tree.read_binary)(data))
    assert isinstance(refused, Mismatch)
    assert "nested too deep" in str(refused)


def chain(prefix: str) -> AvroSchema:
    """A record with types of which each holds the one before, the last in a field ``last``."""
    links = [{"type": "record", "name": "R0", "fields": []}]
    links += [{"type": "record", "name": f"R{n}", "fields": [field("a", f"R{n - 1}")]} for n in range(1, 3_000)]
    fields = [field(f"{prefix}{n}", link, default={}) for n, link in enumerate(links)]
    return schema(record(*fields, field("last", "R2999")))


def test_no_chain_of_types_is_too_long_for_the_broker() -> None:
    one, other = chain("x"), chain("y")
    assert isinstance(aside(lambda: one.read_binary(b"")), Mismatch)
    assert isinstance(aside(lambda: one.read_json(b'{"last": ' + b'{"a": ' * 400 + b"{}" + b"}" * 401)), Mismatch)
    assert aside(lambda: one.incompatibility(other)) == "their types lead too deep into one another to be compared"


NUMBERS = {"type": "array", "items": json.loads(record(field("a", "int")))}


@pytest.mark.parametrize(
    ("definition", "data"),
    [
        ('"long"', b"\xff" * 1_000_000),
        ('"string"', b"\xfe" + b"\xff" * 8 + b"\x01x"),
        ({"type": "array", "items": "null"}, b"\xfe" + b"\xff" * 8 + b"\x01\x00"),
        ({"type": "array", "items": {"type": "array", "items": "null"}}, b"\x80\x89\x7a" * 100),
        ({"type": "array", "items": {**FIXED, "size": 0}}, b"\xfe" + b"\xff" * 8 + b"\x01\x00"),
        ({"type": "map", "values": "null"}, b"\xfe" + b"\xff" * 8 + b"\x01\x00"),
        ({**FIXED, "size": 2**40}, b"x"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.timeout(30)
def test_lengths_that_are_said_cost_neither_time_nor_memory(definition: Any, data: bytes) -> None:
    read = schema(definition).read_binary
    tracemalloc.start()
    with pytest.raises(Mismatch):
        read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_of_what_was_read_nothing_is_kept() -> None:
    data = b"\xa0\x8d\x06" + b"\x02" * 50_000 + b"\x00"
    read = schema(NUMBERS).read_binary
    tracemalloc.start()
    read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(data)  # a dictionary for each would be ten times as much


# Any value


@settings(deadline=DEADLINE_MS)
@given(written())
def test_what_an_avro_library_writes_fits(example: tuple[Any, bytes, bytes]) -> None:
    definition, binary, text = example
    schema(json.dumps(definition)).read_binary(binary)
    schema(json.dumps(definition)).read_json(text)


@settings(deadline=DEADLINE_MS)
@given(written())
def test_neither_a_part_of_a_message_fits_nor_more_than_it(example: tuple[Any, bytes, bytes]) -> None:
    definition, binary, text = example
    read = schema(json.dumps(definition))
    with pytest.raises(Mismatch):
        read.read_binary(binary + b"\x00")
    with pytest.raises(Mismatch):
        read.read_json(text + b"x")
    if binary:
        with pytest.raises(Mismatch):
            read.read_binary(binary[:-1])


@settings(deadline=DEADLINE_MS)
@given(Types().any(), st.binary(max_size=60))
def test_any_bytes_fit_or_not(definition: Any, data: bytes) -> None:
    read = schema(json.dumps(definition))
    for one in (read.read_json, read.read_binary):
        with contextlib.suppress(Mismatch):
            one(data)


@settings(deadline=DEADLINE_MS)
@given(written(), st.integers(0), st.integers(0, 255))
def test_a_message_with_a_byte_changed_fits_or_not(example: tuple[Any, bytes, bytes], place: int, byte: int) -> None:
    definition, binary, text = example
    read = schema(json.dumps(definition))
    for one, data in ((read.read_binary, binary), (read.read_json, text)):
        at = place % (len(data) or 1)
        with contextlib.suppress(Mismatch):
            one(data[:at] + bytes([byte]) + data[at + 1 :])
