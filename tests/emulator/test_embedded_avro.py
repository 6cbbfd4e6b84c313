"""Avro: which definitions are ones, what fits them in either encoding, and which revisions go together."""

import contextlib
import io
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schema_kit import field, record

from pubsubctl.emulator.embedded.schema.avro import AvroSchema
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch

ENUM = {"type": "enum", "name": "E", "namespace": "x.y", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 3}
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
        ({"type": "record", "fields": []}, "a record has no name"),
        ({"type": "record", "name": "R"}, 'R has no "fields"'),
        ({"type": "record", "name": "R", "fields": {}}, "the fields of the record R are no list"),
        ({"type": "record", "name": "R", "fields": ["a"]}, "a field of the record R is no object"),
        ({"type": "record", "name": "1R", "fields": []}, "'1R' is no name for a type"),
        ({"type": "record", "name": "R", "namespace": 5, "fields": []}, "the namespace of R is no string"),
        ({"type": "record", "name": "int", "fields": []}, "'int' is no name for a type"),
        ({"type": "record", "name": "R", "aliases": "S", "fields": []}, "aliases are no list of names"),
        (record(field("a b", "int")), "'a b' is no name for a field"),
        (record({"name": "a"}), 'R.a has no "type"'),
        (record(field("a", "int"), field("a", "int")), "the record R has the field a twice"),
        (record(field("a", {"type": "record", "name": "R", "fields": []})), "the type R is defined twice"),
        (record(field("a", "int", default="x")), "the default of the field R.a does not fit: an int was expected"),
        (record(field("a", "int", default=2**31)), "beyond the 32 bits of an int"),
        (record(field("a", ["null", "int"], default=5)), "null was expected, not 5"),
        (record(field("a", [], default=5)), "does not fit"),
        (record(field("a", ENUM, default="C")), "'C' is no symbol of x.y.E"),
        ({"type": "array"}, 'array has no "items"'),
        ({"type": "map"}, 'map has no "values"'),
        ({**ENUM, "symbols": "AB"}, "the symbols of the enum x.y.E are no list of names"),
        ({**ENUM, "symbols": ["A b"]}, "the symbols of the enum x.y.E are no list of names"),
        ({**ENUM, "symbols": ["A", "A"]}, "has a symbol twice"),
        ({**ENUM, "default": "C"}, "is none of its symbols"),
        ({**FIXED, "size": -1}, "no number of bytes"),
        ({**FIXED, "size": "3"}, "no number of bytes"),
        (["int", "int"], "a union has the type int twice"),
        (["int", {"type": "int", "logicalType": "date"}], "a union has the type int twice"),
        (["null", ["int"]], "a union stands directly in a union"),
    ],
)
def test_a_definition_that_the_specification_does_not_allow(definition: Any, text: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        schema(definition)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "definition",
    [
        "null",
        ["null", "int"],
        [],
        {"type": "string", "logicalType": "uuid", "whatever": {}},
        {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 5},
        record(),
        record(field("a", "double", default=0)),
        record(field("a", {"type": "double"}, default=0)),
        record(field("a", {"type": "map", "values": "int"}, default={"x": 1})),
        record(field("a", {"type": "record", "name": "S", "fields": [field("b", "int", default=1)]}, default={})),
        TREE,
        {"type": "error", "name": "Failure", "fields": []},
        {"type": "array", "items": ENUM},
    ],
    ids=lambda definition: json.dumps(definition)[:50],
)
def test_a_definition_that_the_specification_allows(definition: Any) -> None:
    schema(json.dumps(definition) if not isinstance(definition, str) or definition == "null" else definition)


@pytest.mark.parametrize("depth", [100, 2_000, 20_000])
def test_no_depth_of_types_is_too_much_for_the_broker(depth: int) -> None:
    caught: list[BaseException] = []

    def parse() -> None:
        try:
            AvroSchema('{"type": "array", "items": ' * depth + '"int"' + "}" * depth)
        except InvalidDefinition as error:
            caught.append(error)

    thread = threading.Thread(target=parse)  # as in the thread of a broker, whose stack is smaller
    thread.start()
    thread.join()
    assert len(caught) == 1


WORDS = st.sampled_from(
    [
        *("record", "enum", "array", "map", "fixed", "int", "null", "R", "a", "type", "name", "fields", "items"),
        *("values", "symbols", "size", "default", "aliases", "namespace", "logicalType"),
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(WORDS, parts, max_size=6),
    max_leaves=30,
)


@given(JUNK)
def test_any_json_is_a_definition_or_is_refused(definition: Any) -> None:
    with contextlib.suppress(InvalidDefinition):
        schema(json.dumps(definition))


def test_names_are_of_the_namespace_that_they_stand_in() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [field("e", "E"), field("own", "x.y.Outer")]}
    outer = {
        "type": "record",
        "name": "x.y.Outer",
        "fields": [field("first", ENUM), field("inner", ["null", inner]), field("other", ["null", "Inner"])],
    }
    read = schema(outer).read_json
    read(b'{"first": "A", "inner": null, "other": null}')
    with pytest.raises(Mismatch, match=r"it has x\.y\.Inner"):
        read(b'{"first": "A", "inner": {"Inner": {}}, "other": null}')


# Messages

RECORD = record(
    field("i", "int"),
    field("l", "long", default=0),
    field("d", "double"),
    field("s", "string"),
    field("y", "bytes"),
    field("t", "boolean"),
    field("u", ["null", "string", ENUM]),
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
        {"d": 1.5e300},
        {"r": []},
        {"m": {}},
        {"i": 2**31 - 1},
    ],
    ids=str,
)
def test_json_that_fits(change: dict[str, Any]) -> None:
    schema(RECORD).read_json(json.dumps({**GOOD, **change}).encode())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"i": "1"}, "i: an int was expected, not '1'"),
        ({"i": 1.0}, "i: an int was expected, not 1.0"),
        ({"i": True}, "i: an int was expected, not True"),
        ({"i": 2**31}, "i: 2147483648 is beyond the 32 bits of an int"),
        ({"l": 2**63}, "is beyond the 64 bits of a long"),
        ({"d": "1"}, "d: a number was expected"),
        ({"d": True}, "d: a number was expected"),
        ({"s": None}, "s: a string was expected, not None"),
        ({"y": "€"}, "y: '€' stands for no byte"),
        ({"y": 5}, "y: a string for bytes was expected"),
        ({"t": 1}, "t: a boolean was expected, not 1"),
        ({"u": "x"}, "u: an object with one key, its type (string, x.y.E), or null was expected, not 'x'"),
        ({"u": {"E": "A"}}, "u: the union has no type 'E', it has string, x.y.E"),
        ({"u": {"string": "x", "x.y.E": "A"}}, "u: an object with one key"),
        ({"u": {}}, "u: an object with one key"),
        ({"u": {"x.y.E": "C"}}, "u.x.y.E: 'C' is no symbol of x.y.E"),
        ({"f": "ab"}, "f: F has 3 bytes, not 2"),
        ({"r": [1, "2"]}, "r[1]: an int was expected, not '2'"),
        ({"r": {}}, "r: a list was expected"),
        ({"m": {"k": "5"}}, "m['k']: a long was expected"),
        ({"m": []}, "m: an object for a map was expected"),
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
    with pytest.raises(Mismatch, match=f"^{name}: the field is missing$"):
        schema(RECORD).read_json(json.dumps(less).encode())


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
        ({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),
        ({"type": "map", "values": "int"}, b"\x02\x02k\x02\x00"),
        (["null", "int"], b"\x00"),
        ({"type": "long", "logicalType": "timestamp-millis"}, b"\xfe" + b"\xff" * 8 + b"\x01"),
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
        ('"boolean"', b"\x02", "0x02 is no boolean"),
        ('"int"', b"\x80", "the message ends too early"),
        ('"int"', b"\x80\x80\x80\x80\x10", "2147483648 is beyond the 32 bits of an int"),
        ('"long"', b"\xff" * 10, "a number is longer than 64 bits"),
        ('"long"', b"\xff" * 9 + b"\x02", "a number is longer than 64 bits"),
        ('"double"', b"1234567", "the message ends too early"),
        ('"bytes"', b"\x01x", "a length is negative: -1"),
        ('"bytes"', b"\x04x", "the message ends too early"),
        ('"string"', b"\x02\xff", "a string is no UTF-8"),
        (ENUM, b"\x04", "x.y.E has no symbol number 2"),
        (ENUM, b"\x01", "x.y.E has no symbol number -1"),
        (FIXED, b"ab", "the message ends too early"),
        (["null", "int"], b"\x04", "the union has no type number 2"),
        (["null", "int"], b"\x01", "the union has no type number -1"),
        (["null", "int"], b"\x02", "int: the message ends too early"),
        ({"type": "array", "items": "boolean"}, b"\x04\x01\x05\x00", "[1]: 0x05 is no boolean"),
        ({"type": "array", "items": "int"}, b"\x03\x06\x02\x04\x00", "a block has not the size that it says"),
        ({"type": "array", "items": "int"}, b"\x02\x02", "the message ends too early"),
        ({"type": "map", "values": "int"}, b"\x02\x02\xff\x02\x00", "a string is no UTF-8"),
        (record(field("a", "int"), field("b", "int")), b"\x02", "b: the message ends too early"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_binary_that_does_not_fit(definition: Any, data: bytes, text: str) -> None:
    with pytest.raises(Mismatch) as caught:
        schema(definition).read_binary(data)
    assert text in str(caught.value)


@pytest.mark.parametrize("data", [b"\x02\x02" * 100_000, b'{"value":1,"left":{"R":' * 100_000])
def test_no_depth_of_a_message_is_too_much_for_the_broker(data: bytes) -> None:
    tree = schema(TREE)
    with pytest.raises(Mismatch, match="nested too deep"):
        (tree.read_json if data[:1] == b"{" else tree.read_binary)(data)


# Against another implementation


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


@given(written())
def test_what_fastavro_writes_fits(example: tuple[Any, bytes, bytes]) -> None:
    definition, binary, text = example
    schema(json.dumps(definition)).read_binary(binary)
    schema(json.dumps(definition)).read_json(text)


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


@given(Types().any(), st.binary(max_size=40))
def test_any_bytes_fit_or_not_and_fastavro_can_read_what_does(definition: Any, data: bytes) -> None:
    read = schema(json.dumps(definition))
    with contextlib.suppress(Mismatch):
        read.read_json(data)
    try:
        read.read_binary(data)
    except Mismatch:
        return
    source = io.BytesIO(data)
    fastavro.schemaless_reader(source, fastavro.parse_schema(definition))
    assert source.tell() == len(data)


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
