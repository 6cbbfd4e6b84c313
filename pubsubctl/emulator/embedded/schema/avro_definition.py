"""Avro definitions (avro.apache.org/docs/1.11.1/specification/#schema-declaration): from JSON to types.

A definition that the specification does not allow is refused wherever it leaves no choice: names that are none, a
field or a union's branch that is there twice, a default that is no value of its type. Attributes that it does not
know, and logical types, are let be, as it demands.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pubsubctl.emulator.embedded.schema.avro_json import check_default
from pubsubctl.emulator.embedded.schema.avro_types import (
    PRIMITIVES,
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
)
from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition, Mismatch, shown

NESTING = 64

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(rf"{_NAME.pattern}(?:\.{_NAME.pattern})*")


def parse_definition(text: str) -> Type:
    """The type that ``text`` defines.

    Raises:
        InvalidDefinition: it defines none.
    """
    try:
        definition = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidDefinition(f"it is no JSON: {error}") from error
    parser = _Parser()
    result = parser.type(definition, "", 0)
    parser.check_defaults()
    return result


class _Parser:
    """Reads one definition; ``_names`` has the types that were named so far."""

    def __init__(self) -> None:
        self._names: dict[str, Named] = {}
        self._defaults: list[tuple[str, Type, object]] = []

    def type(self, definition: object, namespace: str, depth: int) -> Type:
        """The type that ``definition`` is, where names without a namespace are of ``namespace``."""
        if depth > NESTING:
            raise InvalidDefinition(f"its types are nested more than {NESTING} deep")
        if isinstance(definition, str):
            return self._named(definition, namespace)
        if isinstance(definition, list):
            return _union([self.type(branch, namespace, depth + 1) for branch in definition])
        if not isinstance(definition, dict):
            raise InvalidDefinition(f"{shown(definition)} is no type: a string, a list or an object")
        return self._complex(definition, namespace, depth)

    def check_defaults(self) -> None:
        """See that each default is a value of its field's type, now that all types are known."""
        for name, kind, default in self._defaults:
            try:
                check_default(kind, default)
            except Mismatch as error:
                raise InvalidDefinition(f"the default of the field {name} does not fit: {error}") from error
            except RecursionError as error:
                raise InvalidDefinition(f"the default of the field {name} is nested too deep") from error

    def _named(self, name: str, namespace: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name)
        known = self._names.get(_full(name, namespace))
        if known is None:
            raise InvalidDefinition(f"the type {shown(name)} is not defined before it is used")
        return known

    def _complex(self, definition: dict[str, Any], namespace: str, depth: int) -> Type:
        kind = definition.get("type")
        if not isinstance(kind, str):
            raise InvalidDefinition(f'an object of a definition needs a "type" that is a string: {shown(definition)}')
        if kind == "array":
            return Array(self.type(_required(definition, "items", "array"), namespace, depth + 1))
        if kind == "map":
            return Map(self.type(_required(definition, "values", "map"), namespace, depth + 1))
        if kind in {"record", "error"}:
            return self._record(definition, namespace, depth)
        if kind == "enum":
            return self._enum(definition, namespace)
        if kind == "fixed":
            return self._fixed(definition, namespace)
        return self._named(kind, namespace)

    def _record(self, definition: dict[str, Any], namespace: str, depth: int) -> Record:
        record = Record(self._new_name(definition, namespace), aliases=_aliases(definition))
        self._names[record.name] = record
        fields = _required(definition, "fields", record.name)
        if not isinstance(fields, list):
            raise InvalidDefinition(f"the fields of the record {record.name} are no list")
        seen: set[str] = set()
        for one in fields:
            added = self._field(one, record, depth)
            if added.name in seen:
                raise InvalidDefinition(f"the record {record.name} has the field {added.name} twice")
            seen.add(added.name)
            record.fields.append(added)
        return record

    def _field(self, definition: object, record: Record, depth: int) -> Field:
        if not isinstance(definition, dict):
            raise InvalidDefinition(f"a field of the record {record.name} is no object: {shown(definition)}")
        name = definition.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidDefinition(f"{shown(name)} is no name for a field of the record {record.name}")
        kind = self.type(_required(definition, "type", f"{record.name}.{name}"), _namespace(record.name), depth + 1)
        if "default" in definition:
            self._defaults.append((f"{record.name}.{name}", kind, definition["default"]))
        return Field(name, kind, "default" in definition, _aliases(definition))

    def _enum(self, definition: dict[str, Any], namespace: str) -> Enum:
        name = self._new_name(definition, namespace)
        symbols = _required(definition, "symbols", name)
        if not isinstance(symbols, list) or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in symbols):
            raise InvalidDefinition(f"the symbols of the enum {name} are no list of names")
        if len(set(symbols)) != len(symbols):
            raise InvalidDefinition(f"the enum {name} has a symbol twice")
        default = definition.get("default")
        if default is not None and default not in symbols:
            raise InvalidDefinition(f"the default of the enum {name} is none of its symbols")
        made = self._names[name] = Enum(name, symbols, default, _aliases(definition))
        return made

    def _fixed(self, definition: dict[str, Any], namespace: str) -> Fixed:
        name = self._new_name(definition, namespace)
        size = _required(definition, "size", name)
        if type(size) is not int or size < 0:
            raise InvalidDefinition(f"the size of the fixed {name} is no number of bytes: {shown(size)}")
        made = self._names[name] = Fixed(name, size, _aliases(definition))
        return made

    def _new_name(self, definition: dict[str, Any], namespace: str) -> str:
        simple = definition.get("name")
        if not isinstance(simple, str):
            raise InvalidDefinition(f"a {definition['type']} has no name: {shown(definition)}")
        own = definition.get("namespace", namespace)
        if not isinstance(own, str):
            raise InvalidDefinition(f"the namespace of {simple} is no string")
        name = _full(simple, own)
        if not _FULL_NAME.fullmatch(name) or name.rpartition(".")[2] in PRIMITIVES:
            raise InvalidDefinition(f"{shown(name)} is no name for a type")
        if name in self._names:
            raise InvalidDefinition(f"the type {name} is defined twice")
        return name


def _union(branches: list[Type]) -> Union:
    seen: set[str] = set()
    for branch in branches:
        if isinstance(branch, Union):
            raise InvalidDefinition("a union stands directly in a union")
        if branch.name in seen:
            raise InvalidDefinition(f"a union has the type {branch.name} twice")
        seen.add(branch.name)
    return Union(branches)


def _required(definition: dict[str, Any], key: str, owner: str) -> object:
    if key not in definition:
        raise InvalidDefinition(f'{owner} has no "{key}"')
    return definition[key]


def _aliases(definition: dict[str, Any]) -> list[str]:
    aliases = definition.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise InvalidDefinition(f"aliases are no list of names: {shown(aliases)}")
    return aliases


def _full(name: str, namespace: str) -> str:
    return f"{namespace}.{name}" if namespace and "." not in name else name


def _namespace(full_name: str) -> str:
    return full_name.rpartition(".")[0]
