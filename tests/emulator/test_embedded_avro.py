"""Avro: which definitions are ones, and which revisions go together."""

import contextlib
import json
from typing import Any

import pytest
from avro_kit import DEADLINE_MS, ENUM, FIXED, TREE, aside, schema
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_kit import field, record

from pubsubctl.emulator.embedded.schema.avro import AvroSchema
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch

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
