"""Avro: which definitions are ones, what fits them in either encoding, and which revisions go together."""

import contextlib
import io
import itertools
import json
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_kit import field, record

from pubsubctl.emulator.embedded.schema.avro import AvroSchema
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch

ENUM = {"type": "enum", "name": "E", "namespace": "x.y", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 3}
# Within which any message of a few bytes is read, however busy the machine.
DEADLINE_MS = 5_000
TREE = record(field("value", "int"), field("left", ["null", "R"]), field("right", ["null", "R"]))


def schema(definition: Any) -> AvroSchema:
    return AvroSchema(definition if isinstance(definition, str) else json.dumps(definition))


# Definitions


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ("", "it is no JSON"),
        ("nonsense", "it is no JSON"),
        ("[" * 5_000 + "]" * 5_000, "it is no JSON"),
        ('"nope"', "the type 'nope' is not defined before it is used"),
        ("5", "5 is no type"),
        ("{}", 'needs a "type"'),
        ({"type": {"type": "string"}}, 'needs a "type" that is a string'),
        ({"type": "nope"}, "the type 'nope' is not defined before it is used"),
        ({"type": "record", "fields": []}, "None is no name for a type"),
        ({"type": "record", "name": "R"}, 'R has no "fields"'),
        ({"type": "record", "name": "R", "fields": {}}, "fields are no list"),
        ({"type": "record", "name": "R", "fields": ["a"]}, "a field of a record is an object"),
        ({"type": "record", "name": "1R", "fields": []}, "'1R' is no name for a type"),
        ({"type": "record", "name": ["R"], "fields": []}, "['R'] is no name for a type"),
        ({"type": "record", "name": "int", "fields": []}, "a type is named like a kind of types: int"),
        ({"type": "record", "name": "R", "aliases": "S", "fields": []}, "aliases are no list of names"),
        ({"type": "record", "name": "R", "aliases": [5], "fields": []}, "aliases are no list of names"),
        (record(field("a b", "int")), "'a b' is no name for a field"),
        (record({"name": "a"}), 'a field of a record is an object with a "type"'),
        (record(field("a", "int"), field("a", "int")), "a record has two fields of one name: a, a"),
        (record(field("a", {"type": "record", "name": "R", "fields": []})), "redefined named type: R"),
        (record(field("a", "int", default="x")), "Default value <x> must match schema type: int"),
        (record(field("a", ["null", "int"], default="x")), "Default value <x> must match"),
        ({"type": "array"}, 'array has no "items"'),
        ({"type": "map"}, 'map has no "values"'),
        ({"type": "array", "items": None}, "None is no type"),
        ({**ENUM, "symbols": "AB"}, "symbols are no list"),
        ({**ENUM, "symbols": ["A b"]}, "Every symbol must match"),
        ({**ENUM, "symbols": ["A", "A"]}, "All symbols in an enum must be unique"),
        ({**ENUM, "default": "C"}, "must be in symbols list"),
        ({**FIXED, "size": -1}, "-1 is no number of bytes"),
        ({**FIXED, "size": "3"}, "'3' is no number of bytes"),
        (["int", "int"], "a union has a type twice, or a union in it: int, int"),
        (["int", {"type": "int", "logicalType": "date"}], "a union has a type twice"),
        (["null", ["int"]], "a union in it: null, union"),
        (record(field("a", ENUM), field("b", ["x.y.E", ENUM])), "redefined named type: x.y.E"),
        (record(field("a", ENUM), field("b", ["x.y.E", "x.y.E"])), "a union has a type twice"),
        ({"__fastavro_parsed": True, "__named_schemas": {}, "type": "record", "name": "R"}, 'R has no "fields"'),
    ],
)
def test_a_definition_that_the_specification_does_not_allow(definition: Any, text: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        schema(definition if isinstance(definition, str) else json.dumps(definition))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "definition",
    [
        "null",
        ["null", "int"],
        [],
        {"type": "string", "logicalType": "uuid", "whatever": {}},
        {"type": "string", "logicalType": ["no", "name"]},
        {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 5},
        {"type": "fixed", "name": "F", "size": 1, "logicalType": "decimal", "precision": 9},
        record(),
        record(field("a", "double", default=0)),
        record(field("a", {"type": "double"}, default=0)),
        record(field("a", {"type": "map", "values": "int"}, default={"x": 1})),
        record(field("a", {"type": "record", "name": "S", "fields": [field("b", "int", default=1)]}, default={})),
        record(field("a", ENUM), field("b", {"type": "x.y.E"})),
        TREE,
        {"type": "error", "name": "Failure", "fields": []},
        {"type": "array", "items": ENUM},
        {"type": "record", "name": "R", "fields": [], "__fastavro_parsed": True, "__named_schemas": 5},
    ],
    ids=lambda definition: json.dumps(definition)[:50],
)
def test_a_definition_that_the_specification_allows(definition: Any) -> None:
    schema(json.dumps(definition) if not isinstance(definition, str) or definition == "null" else definition)


def aside(work: Callable[[], object]) -> object:
    """What ``work`` returns or raises in a thread, as a broker's: its stack is smaller than that of the tests."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except (InvalidDefinition, Mismatch) as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("depth", [101, 500, 20_000])
def test_no_depth_of_types_is_too_much_for_the_broker(depth: int) -> None:
    text = '{"type": "array", "items": ' * depth + '"int"' + "}" * depth
    assert isinstance(aside(lambda: AvroSchema(text)), InvalidDefinition)


def test_types_may_be_nested_a_hundred_levels_deep() -> None:
    assert isinstance(aside(lambda: AvroSchema('{"type": "array", "items": ' * 100 + '"int"' + "}" * 100)), AvroSchema)


WORDS = st.sampled_from(
    [
        *("record", "enum", "array", "map", "fixed", "int", "null", "R", "a", "type", "name", "fields", "items"),
        *("values", "symbols", "size", "default", "aliases", "namespace", "logicalType"),
        *("__fastavro_parsed", "__named_schemas"),
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(WORDS, parts, max_size=6),
    max_leaves=30,
)


@settings(deadline=DEADLINE_MS)
@given(JUNK, st.binary(max_size=5))
def test_any_json_is_a_definition_that_reads_messages_or_is_refused(definition: Any, data: bytes) -> None:
    with contextlib.suppress(InvalidDefinition, Mismatch):
        read = schema(json.dumps(definition))
        with contextlib.suppress(Mismatch):
            read.read_json(b"[]")
        read.read_binary(data)


def test_names_are_of_the_namespace_that_they_stand_in() -> None:
    bare = {"type": "record", "name": "Bare", "namespace": "", "fields": []}
    inner = {"type": "record", "name": "Inner", "fields": [field("e", "E"), field("own", ["null", "x.y.Outer"])]}
    outer = {
        "type": "record",
        "name": "x.y.Outer",
        "fields": [
            field("first", ENUM),
            field("inner", ["null", inner]),
            field("other", ["null", "Inner", bare]),
        ],
    }
    read = schema(outer).read_json
    read(b'{"first": "A", "inner": null, "other": null}')
    read(b'{"first": "A", "inner": null, "other": {"x.y.Inner": {"e": "B", "own": null}}}')
    read(b'{"first": "A", "inner": null, "other": {"Bare": {}}}')
    schema(record(field("a", outer), field("b", "Bare"))).read_json(
        b'{"a": {"first": "A", "inner": null, "other": null}, "b": {}}'
    )
    with pytest.raises(
        Mismatch, match=r"""x\.y\.Outer\.inner: \{'Inner': \{\}\} is no null or \{"x\.y\.Inner": \.\.\.\}"""
    ):
        read(b'{"first": "A", "inner": {"Inner": {}}, "other": null}')


# Messages

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


class Types:
    """Definitions at random, with names of their own."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def name(self) -> str:
        return f"N{next(self._numbers)}"

    def any(self) -> st.SearchStrategy[Any]:
        primitive = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
        return st.recursive(primitive | self.enum() | self.fixed(), self.complex, max_leaves=6)

    def enum(self) -> st.SearchStrategy[Any]:
        symbols = st.sampled_from([["A"], ["A", "B", "C"]])
        return symbols.map(lambda symbols: {"type": "enum", "name": self.name(), "symbols": symbols})

    def fixed(self) -> st.SearchStrategy[Any]:
        return st.integers(0, 5).map(lambda size: {"type": "fixed", "name": self.name(), "size": size})

    def complex(self, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return (
            parts.map(lambda part: {"type": "array", "items": part})
            | parts.map(lambda part: {"type": "map", "values": part})
            | st.lists(parts, max_size=4).map(self.record)
            | parts.filter(lambda part: part != "null" and not isinstance(part, list)).map(lambda part: ["null", part])
        )

    def record(self, parts: list[Any]) -> Any:
        return {
            "type": "record",
            "name": self.name(),
            "fields": [{"name": f"f{number}", "type": part} for number, part in enumerate(parts)],
        }


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, bytes, bytes]:
    """A definition, and a value of it in binary, as fastavro writes it, and in JSON."""
    definition = draw(Types().any())
    value = draw(_values(definition))
    binary = io.BytesIO()
    fastavro.schemaless_writer(binary, fastavro.parse_schema(definition), value)
    return definition, binary.getvalue(), json.dumps(_in_json(definition, value)).encode()


def _in_json(definition: Any, value: Any) -> Any:
    """A value as the specification puts it in JSON; fastavro cannot write a map of unions."""
    if isinstance(definition, list):
        branch = definition[1]
        name = branch if isinstance(branch, str) else branch.get("name", branch["type"])
        return None if value is None else {name: _in_json(branch, value)}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [_in_json(definition["items"], item) for item in value]
    if isinstance(value, dict):
        parts = {one["name"]: one["type"] for one in definition.get("fields", ())}
        return {key: _in_json(parts.get(key, definition.get("values")), item) for key, item in value.items()}
    return value


PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "bytes": st.binary(max_size=200),
    "string": st.text(max_size=100),
}


def _values(definition: Any) -> st.SearchStrategy[Any]:
    if isinstance(definition, list):
        return st.one_of(*map(_values, definition))
    return PRIMITIVES[definition] if isinstance(definition, str) else COMPLEX[definition["type"]](definition)


COMPLEX: dict[str, Callable[[Any], st.SearchStrategy[Any]]] = {
    "record": lambda one: st.fixed_dictionaries({part["name"]: _values(part["type"]) for part in one["fields"]}),
    "enum": lambda one: st.sampled_from(one["symbols"]),
    "fixed": lambda one: st.binary(min_size=one["size"], max_size=one["size"]),
    "array": lambda one: st.lists(_values(one["items"]), max_size=4),
    "map": lambda one: st.dictionaries(st.text(max_size=5), _values(one["values"]), max_size=4),
}


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


# Revisions

INT = {"type": "record", "name": "R", "fields": [field("n", "int")]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("string", "bytes"),
        (INT, {**INT, "namespace": "elsewhere"}),
        (INT, {**INT, "fields": [*INT["fields"], field("q", "string", default="")]}),
        ({**ENUM, "default": "A"}, {**ENUM, "symbols": ["A", "C"], "default": "A"}),
        (["null", "int"], ["int", "null"]),
        (json.loads(TREE), json.loads(TREE)),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "int"}),
        ({"type": "map", "values": "string"}, {"type": "map", "values": "bytes"}),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_revisions_that_go_together(one: Any, other: Any) -> None:
    assert schema(json.dumps(other)).incompatibility(schema(json.dumps(one))) is None
    assert schema(json.dumps(one)).incompatibility(schema(json.dumps(other))) is None


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        ("int", "long", "long is not compatible with int"),
        ("int", "string", "int is not compatible with string"),
        (INT, {**INT, "name": "S"}, "R is not compatible with S"),
        (INT, {**INT, "name": "S", "aliases": ["R"]}, "S is not compatible with R"),
        (INT, {**INT, "fields": [field("n", "string")]}, "R.n: int is not compatible with string"),
        (INT, {**INT, "fields": []}, "R.n is missing in the other, and has no default"),
        (INT, {**INT, "fields": [*INT["fields"], field("q", "int")]}, "R.q is missing in the other"),
        (INT, {**INT, "fields": [field("m", "int", aliases=["n"])]}, "R.n is missing in the other"),
        (ENUM, {**ENUM, "symbols": ["A"]}, "x.y.E has no symbol B"),
        (FIXED, {**FIXED, "size": 4}, "F has another size"),
        (["null", "int"], ["null"], "no type of the union reads int"),
        ("int", ["null", "int"], "null is not compatible with int"),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "string"}, "int is not compatible with string"),
        ({"type": "array", "items": "int"}, {"type": "map", "values": "int"}, "array is not compatible with map"),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "string"}, "int is not compatible with string"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_revisions_that_do_not_go_together(one: Any, other: Any, problem: str) -> None:
    found = schema(json.dumps(other)).incompatibility(schema(json.dumps(one)))
    assert found is not None
    assert problem in found
    assert schema(json.dumps(one)).incompatibility(schema(json.dumps(other))) is not None
