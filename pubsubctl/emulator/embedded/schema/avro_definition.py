"""Avro definitions (avro.apache.org/docs/1.11.1/specification/#schema-declaration), as fastavro parses them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.const import AVRO_TYPES
from fastavro.schema import SchemaParseException, UnknownType

from pubsubctl.emulator.embedded.schema.nesting import deeper_than
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, shown

NESTING = 100
ENVELOPE = "pubsubctl_message"

# A logical type of our own, by which the reader of the binary encoding knows values that it can drop.
COMPOUND = "pubsubctl-compound"

# What each kind of type cannot do without; fastavro makes up a record's fields.
_PARTS = {
    "record": "fields",
    "error": "fields",
    "enum": "symbols",
    "fixed": "size",
    "array": "items",
    "map": "values",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(rf"{_NAME.pattern}(?:\.{_NAME.pattern})*")


@dataclass(frozen=True)
class Definition:
    """A definition in fastavro's form: JSON in which each name is a full name, and each type of no parts is a name.

    Attributes:
        envelope: a record whose one field is of the type. fastavro parses again, for each message, what is no record;
            and a record of one field is written in binary as that field is.
        names: the types that have names.
    """

    envelope: dict[str, Any]
    names: dict[str, dict[str, Any]]

    @property
    def type(self) -> Any:
        """The type that is defined."""
        return self.envelope["fields"][0]["type"]


def parse_definition(text: str) -> Definition:
    """The type that ``text`` defines.

    Raises:
        InvalidDefinition: it defines none.
    """
    try:
        definition = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidDefinition(f"it is no JSON: {error}") from error
    # fastavro's parser, which is in C, has no limit of its own: the process would end.
    if deeper_than(NESTING, definition):
        raise InvalidDefinition(f"it is nested more than {NESTING} levels deep")
    names: dict[str, dict[str, Any]] = {}
    try:
        field = {"name": "value", "type": _plain(definition)}
        envelope: Any = fastavro.parse_schema({"type": "record", "name": ENVELOPE, "fields": [field]}, names)
    except InvalidDefinition:
        raise
    except Exception as error:  # besides errors of its own, fastavro lets out whatever it stumbles over
        raise InvalidDefinition(_reason(error)) from error
    # fastavro would mistake a reference to such a type for the kind.
    if not AVRO_TYPES.isdisjoint(names):
        raise InvalidDefinition(f"a type is named like a kind of types: {', '.join(AVRO_TYPES.intersection(names))}")
    return Definition(envelope, names)


def name_of(kind: Any) -> str:
    """What a type is called in a union: by its name if it has one, else by its kind."""
    if isinstance(kind, list):
        return "union"
    name: str = kind if isinstance(kind, str) else kind.get("name", kind["type"])
    return name


def _plain(definition: Any) -> Any:
    """A definition without logical types, which do not change how values are written.

    The specification demands that a wrong one is ignored, where fastavro refuses the definition; and fastavro would
    turn values into dates and decimals, which not all values of the type can be.
    """
    if isinstance(definition, str):
        return definition
    if isinstance(definition, list):
        return [_plain(branch) for branch in definition]
    if not isinstance(definition, dict):
        raise InvalidDefinition(f"{shown(definition)} is no type: a string, a list or an object")
    kind = definition.get("type")
    if not isinstance(kind, str):
        raise InvalidDefinition(f'an object of a definition needs a "type" that is a string: {shown(definition)}')
    part = _PARTS.get(kind)
    if part is None:
        return kind  # as a string, fastavro judges defaults rightly: {"type": "double"} would not take 0
    if part not in definition:
        raise InvalidDefinition(f'{definition.get("name", kind)} has no "{part}"')
    _check_attributes(definition)
    return {**definition, part: _plain_part(part, definition[part]), "logicalType": COMPOUND}


def _plain_part(part: str, value: Any) -> Any:
    """What a type has in it; fastavro looks neither at a size nor at whether fields have different names."""
    if part in {"fields", "symbols"} and not isinstance(value, list):
        raise InvalidDefinition(f"{part} are no list: {shown(value)}")
    if part == "fields":
        fields = [_plain_field(field) for field in value]
        names = [field["name"] for field in fields]
        if len(set(names)) < len(names):
            raise InvalidDefinition(f"a record has two fields of one name: {', '.join(names)}")
        return fields
    if part == "size" and (type(value) is not int or value < 0):
        raise InvalidDefinition(f"{shown(value)} is no number of bytes")
    return value if part in {"size", "symbols"} else _plain(value)


def _plain_field(field: Any) -> dict[str, Any]:
    if not isinstance(field, dict) or "type" not in field:
        raise InvalidDefinition(f'a field of a record is an object with a "type": {shown(field)}')
    if not _NAME.fullmatch(str(field.get("name", ""))):
        raise InvalidDefinition(f"{shown(field.get('name'))} is no name for a field")
    _check_aliases(field)
    return {**field, "type": _plain(field["type"])}


def _check_attributes(definition: dict[str, Any]) -> None:
    """Refuse names that are none: fastavro takes any."""
    if definition["type"] not in {"array", "map"} and not _FULL_NAME.fullmatch(str(definition.get("name", ""))):
        raise InvalidDefinition(f"{shown(definition.get('name'))} is no name for a type")
    _check_aliases(definition)


def _check_aliases(definition: dict[str, Any]) -> None:
    aliases = definition.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise InvalidDefinition(f"aliases are no list of names: {shown(aliases)}")


def _reason(error: Exception) -> str:
    if isinstance(error, UnknownType):
        return f"the type {shown(error.name)} is not defined before it is used"
    return str(error) if isinstance(error, SchemaParseException) else f"{type(error).__name__}: {error}"
