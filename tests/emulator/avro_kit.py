"""Avro definitions that the tests share, and definitions with values of them at random."""

import io
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import fastavro
from hypothesis import strategies as st
from schema_kit import field, record

from pubsubctl.emulator.embedded.schema.avro import AvroSchema
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch

# Within which any message of a few bytes is read, however busy the machine.
DEADLINE_MS = 5_000

ENUM = {"type": "enum", "name": "E", "namespace": "x.y", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 3}
TREE = record(field("value", "int"), field("left", ["null", "R"]), field("right", ["null", "R"]))


def schema(definition: Any) -> AvroSchema:
    return AvroSchema(definition if isinstance(definition, str) else json.dumps(definition))


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
