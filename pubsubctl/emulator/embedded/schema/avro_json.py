"""The JSON encoding of Avro (avro.apache.org/docs/1.11.1/specification/#json-encoding), as fastavro validates it.

fastavro has a reader of JSON, but it looks at no value's type, fills in what is missing, and cannot read types that
hold themselves. Its validation of Python values does all that: what is validated here is the message as parsed JSON,
and a definition is turned into one of the shape that its values have in JSON.

A record must have every field, as defaults are a reader's matter; what it has besides is let pass, as Cloud Pub/Sub
does. Numbers are JSON's own, so there is no NaN and no infinity.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import fastavro
from fastavro.validation import ValidationError, validate
from fastavro.write import LOGICAL_WRITERS

from pubsubctl.emulator.embedded.schema.avro_definition import ENVELOPE, Definition, name_of
from pubsubctl.emulator.embedded.schema.nesting import deeper_than
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch, shown

NESTING = 500

# fastavro puts whole values and definitions into the texts of its errors, at each level, and all again at the next.
EXPLAINED_SIZE = 16 * 1024
EXPLAINED_NESTING = 20

_LOGICAL_TYPE = "pubsubctl-json"


def json_reader(definition: Definition) -> Callable[[bytes], None]:
    """What reads one value from bytes, and raises Mismatch if they are none.

    Raises:
        InvalidDefinition: a union has types that could not be told apart.
    """
    shape = fastavro.parse_schema(_shape(definition.envelope))

    def read(data: bytes) -> None:
        message = {"value": _parsed(data)}
        try:
            fits = validate(message, shape, raise_errors=False, strict=True)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise Mismatch(f"{shown(character)} stands for no byte: only U+0000 to U+00FF do") from error
        except Exception as error:  # whatever else fastavro may stumble over
            raise Mismatch(f"{type(error).__name__}: {error}") from error
        if not fits:
            explained = len(data) <= EXPLAINED_SIZE and not deeper_than(EXPLAINED_NESTING, message)
            raise Mismatch(_why(message, shape) if explained else "it does not fit the schema")

    return read


def _parsed(data: bytes) -> Any:
    try:
        value = _DECODER.decode(data.decode())
    except ValueError as error:
        raise Mismatch(f"it is no JSON: {error}") from error
    except RecursionError as error:
        raise Mismatch("it is nested too deep") from error
    # fastavro's validation, which is in C, has no limit of its own: the process would end. Few messages have as many
    # brackets as could be too deep.
    if data.count(b"{") + data.count(b"[") > NESTING and deeper_than(NESTING, value):
        raise Mismatch(f"it is nested too deep, more than {NESTING} levels")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


# The shape


def _shape(kind: Any) -> Any:
    """The type that the values of ``kind`` have in JSON; no field has a default, so that none may be missing."""
    if isinstance(kind, list):
        return _union(kind)
    if isinstance(kind, str):
        return {"type": "bytes", "logicalType": _LOGICAL_TYPE} if kind == "bytes" else kind
    shape = {key: kind[key] for key in ("type", "name", "symbols", "size") if key in kind}
    if "name" in kind:
        shape["namespace"] = ""  # the name is a full name, of whatever namespace the type stands in
    for part in ("items", "values"):
        if part in kind:
            shape[part] = _shape(kind[part])
    if "fields" in kind:
        shape["fields"] = [{"name": field["name"], "type": _shape(field["type"])} for field in kind["fields"]]
    if kind["type"] == "fixed":
        shape["logicalType"] = _LOGICAL_TYPE
    return shape


def _union(branches: list[Any]) -> list[Any]:
    """A value is null, or an object with one key, the name of its type: a map with just that key."""
    names = [name_of(branch) for branch in branches]
    if len(set(names)) < len(names) or "union" in names:
        raise InvalidDefinition(f"a union has a type twice, or a union in it: {', '.join(names)}")
    return [
        "null" if name == "null" else _branch(name, _shape(branch))
        for name, branch in zip(names, branches, strict=True)
    ]


def _branch(name: str, values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values, "logicalType": _LOGICAL_TYPE, "branch": name}


def _of_branch(datum: Any, schema: dict[str, Any]) -> Any:
    """The object if it is one of this branch, else something that is no map."""
    return datum if type(datum) is dict and list(datum) == [schema["branch"]] else [datum]


def _to_bytes(datum: Any, _schema: Any) -> Any:
    """What a string stands for where bytes are wanted."""
    return datum.encode("latin-1") if isinstance(datum, str) else datum


# A logical type of one's own is how fastavro is told to convert values before they are validated.
LOGICAL_WRITERS[f"map-{_LOGICAL_TYPE}"] = _of_branch
LOGICAL_WRITERS[f"bytes-{_LOGICAL_TYPE}"] = _to_bytes
LOGICAL_WRITERS[f"fixed-{_LOGICAL_TYPE}"] = _to_bytes


# What is wrong


def _why(message: Any, shape: Any) -> str:
    try:
        validate(message, shape, strict=True)
    except ValidationError as error:
        return "; ".join(_texts(error.errors))
    return "it does not fit the schema"


def _texts(errors: Any) -> list[str]:
    """What fastavro found at each place: of a union, it tries every type."""
    wanted: dict[str, list[str]] = {}
    for datum, schema, field in errors:
        place = field.removeprefix(f"{ENVELOPE}.value").removeprefix(".")
        prefix = f"{place}: " if place else ""
        missing = _missing(datum, schema)
        if missing:
            wanted[f"{prefix}the field {missing} of {schema['name']} is missing"] = []
        elif "branch" in schema:
            wanted.setdefault(f"{prefix}{shown(datum[0])} is no ", []).append(f'{{"{schema["branch"]}": ...}}')
        else:
            wanted.setdefault(f"{prefix}{shown(datum)} is no ", []).append(name_of(schema))
    return [text + " or ".join(names) for text, names in wanted.items()]


def _missing(datum: Any, schema: Any) -> str | None:
    """The first field that an object does not have which is to be a record."""
    fields = schema["fields"] if isinstance(schema, dict) and "fields" in schema and isinstance(datum, dict) else []
    return next((field["name"] for field in fields if field["name"] not in datum), None)
