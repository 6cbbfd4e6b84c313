"""The JSON encoding of Avro (avro.apache.org/docs/1.11.1/specification/#json-encoding).

A record must have every field, as defaults are a reader's matter; what it has besides is let pass, as Cloud Pub/Sub
does. A value of a union stands in an object with the name of its type, unless it is null. Numbers are JSON's own, so
there is no NaN and no infinity.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from pubsubctl.emulator.embedded.schema.avro_types import (
    Array,
    Enum,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
)
from pubsubctl.emulator.embedded.schema.problems import Mismatch, shown

Check = Callable[[Any], None]

_BYTE = 0xFF
_ABSENT = object()


def json_reader(kind: Type) -> Callable[[bytes], None]:
    """What reads one value of type ``kind`` from bytes, and raises Mismatch if they are none."""
    check = _Checks().of(kind)

    def read(data: bytes) -> None:
        try:
            check(_DECODER.decode(data.decode()))
        except ValueError as error:
            raise Mismatch(f"it is no JSON: {error}") from error
        except RecursionError as error:
            raise Mismatch("it is nested too deep") from error

    return read


def check_default(kind: Type, value: object) -> None:
    """See that a field's default is a value of its type; of a union, that is the first.

    Raises:
        Mismatch: it is none.
    """
    _Checks(of_defaults=True).of(kind)(value)


class _Checks:
    """Makes checks of types; records are kept, since they may hold themselves."""

    def __init__(self, *, of_defaults: bool = False) -> None:
        self._of_defaults = of_defaults
        self._records: dict[str, list[tuple[str, Check]]] = {}

    def of(self, kind: Type) -> Check:
        if isinstance(kind, Primitive):
            return _PRIMITIVES[kind.name]
        if isinstance(kind, Array):
            return _array(self.of(kind.items))
        if isinstance(kind, Map):
            return _map(self.of(kind.values))
        if isinstance(kind, Union):
            return self._union(kind)
        return self._named(kind)

    def _named(self, kind: Named) -> Check:
        if isinstance(kind, Enum):
            return _enum(kind)
        if isinstance(kind, Fixed):
            return _fixed(kind)
        return self._record(kind)

    def _record(self, kind: Record) -> Check:
        known = self._records.get(kind.name)
        if known is None:
            known = self._records[kind.name] = []
            known.extend((field.name, self.of(field.type)) for field in kind.fields)
        optional = {field.name for field in kind.fields if field.has_default} if self._of_defaults else set()
        return _record(kind, known, optional)

    def _union(self, kind: Union) -> Check:
        if self._of_defaults:
            return self.of(kind.branches[0]) if kind.branches else _union({}, with_null=False)
        branches = {branch.name: self.of(branch) for branch in kind.branches}
        with_null = branches.pop("null", None) is not None
        return _union(branches, with_null=with_null)


def _record(kind: Record, fields: list[tuple[str, Check]], optional: set[str]) -> Check:
    def check(value: Any) -> None:
        if type(value) is not dict:
            raise _expected(f"an object for the record {kind.name}", value)
        get = value.get
        for name, check_field in fields:
            part = get(name, _ABSENT)
            if part is _ABSENT:
                if name in optional:
                    continue
                raise Mismatch("the field is missing", name)
            try:
                check_field(part)
            except Mismatch as error:
                raise error.within(name) from None

    return check


def _array(check_item: Check) -> Check:
    def check(value: Any) -> None:
        if type(value) is not list:
            raise _expected("a list", value)
        for index, item in enumerate(value):
            try:
                check_item(item)
            except Mismatch as error:
                raise error.within(f"[{index}]") from None

    return check


def _map(check_value: Check) -> Check:
    def check(value: Any) -> None:
        if type(value) is not dict:
            raise _expected("an object for a map", value)
        for key, item in value.items():
            try:
                check_value(item)
            except Mismatch as error:
                raise error.within(f"[{shown(key)}]") from None

    return check


def _union(branches: dict[str, Check], *, with_null: bool) -> Check:
    names = ", ".join(branches)
    wanted = f"an object with one key, its type ({names}){', or null' if with_null else ''}"

    def check(value: Any) -> None:
        if value is None and with_null:
            return
        if type(value) is not dict or len(value) != 1:
            raise _expected(wanted, value)
        [(name, item)] = value.items()
        check_branch = branches.get(name)
        if check_branch is None:
            raise Mismatch(f"the union has no type {shown(name)}, it has {names}")
        try:
            check_branch(item)
        except Mismatch as error:
            raise error.within(name) from None

    return check


def _enum(kind: Enum) -> Check:
    symbols = frozenset(kind.symbols)

    def check(value: Any) -> None:
        if type(value) is not str:
            raise _expected(f"a symbol of {kind.name}", value)
        if value not in symbols:
            raise Mismatch(f"{shown(value)} is no symbol of {kind.name}")

    return check


def _fixed(kind: Fixed) -> Check:
    def check(value: Any) -> None:
        _check_bytes(value)
        if len(value) != kind.size:
            raise Mismatch(f"{kind.name} has {kind.size} bytes, not {len(value)}")

    return check


def _check_bytes(value: Any) -> None:
    if type(value) is not str:
        raise _expected("a string for bytes", value)
    if not value.isascii() and ord(max(value)) > _BYTE:
        raise Mismatch(f"{shown(max(value))} stands for no byte: only U+0000 to U+00FF do")


def _check_null(value: Any) -> None:
    if value is not None:
        raise _expected("null", value)


def _check_boolean(value: Any) -> None:
    if type(value) is not bool:
        raise _expected("a boolean", value)


def _check_string(value: Any) -> None:
    if type(value) is not str:
        raise _expected("a string", value)


def _check_float(value: Any) -> None:
    if type(value) is not float and type(value) is not int:
        raise _expected("a number", value)


def _check_int(value: Any) -> None:
    if type(value) is not int:
        raise _expected("an int", value)
    if not -0x8000_0000 <= value <= 0x7FFF_FFFF:  # noqa: PLR2004 - the range of 32 bits
        raise Mismatch(f"{shown(value)} is beyond the 32 bits of an int")


def _check_long(value: Any) -> None:
    if type(value) is not int:
        raise _expected("a long", value)
    if not -(2**63) <= value < 2**63:
        raise Mismatch(f"{shown(value)} is beyond the 64 bits of a long")


_PRIMITIVES: dict[str, Check] = {
    "null": _check_null,
    "boolean": _check_boolean,
    "int": _check_int,
    "long": _check_long,
    "float": _check_float,
    "double": _check_float,
    "bytes": _check_bytes,
    "string": _check_string,
}


def _expected(what: str, value: object) -> Mismatch:
    return Mismatch(f"{what} was expected, not {shown(value)}")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
