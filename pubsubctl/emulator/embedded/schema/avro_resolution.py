"""Whether what was written with one Avro schema can be read with another.

The rules are those of avro.apache.org/docs/1.11.1/specification/#schema-resolution, for whatever value may have been
written: of a union every branch must be readable, of an enum every symbol.
"""

from __future__ import annotations

from collections.abc import Iterable

from pubsubctl.emulator.embedded.schema.avro_types import (
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

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def obstacle(written: Type, reader: Type) -> str | None:
    """Why ``reader`` cannot read all that may be written with ``written``; None if it can."""
    return _Resolution().obstacle(written, reader)


class _Resolution:
    """One comparison; pairs of records that are being compared, or were, are not compared again."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def obstacle(self, written: Type, reader: Type) -> str | None:
        if isinstance(written, Union):
            return _first(self.obstacle(branch, reader) for branch in written.branches)
        if isinstance(reader, Union):
            if any(self._trial(written, branch) for branch in reader.branches):
                return None
            return f"no type of the union reads {written.name}"
        if isinstance(written, Primitive) and isinstance(reader, Primitive):
            return self._primitives(written.name, reader.name)
        if type(written) is not type(reader):
            return f"{written.name} is not compatible with {reader.name}"
        return self._alike(written, reader)

    def _trial(self, written: Type, branch: Type) -> bool:
        """Whether a branch reads it; what was seen on a way that led nowhere counts for nothing."""
        seen = set(self._seen)
        if self.obstacle(written, branch) is None:
            return True
        self._seen = seen
        return False

    def _primitives(self, written: str, reader: str) -> str | None:
        if written == reader or reader in _PROMOTIONS.get(written, ()):
            return None
        return f"{written} is not compatible with {reader}"

    def _alike(self, written: Type, reader: Type) -> str | None:
        """Two types of one kind."""
        if isinstance(written, Array) and isinstance(reader, Array):
            return self.obstacle(written.items, reader.items)
        if isinstance(written, Map) and isinstance(reader, Map):
            return self.obstacle(written.values, reader.values)
        assert isinstance(written, Named)
        assert isinstance(reader, Named)
        if not _same_name(written, reader):
            return f"{written.name} is not compatible with {reader.name}"
        if isinstance(written, Fixed) and isinstance(reader, Fixed):
            return None if written.size == reader.size else f"{written.name} has another size"
        if isinstance(written, Enum) and isinstance(reader, Enum):
            return _enums(written, reader)
        assert isinstance(written, Record)
        assert isinstance(reader, Record)
        return self._records(written, reader)

    def _records(self, written: Record, reader: Record) -> str | None:
        if (written.name, reader.name) in self._seen:
            return None
        self._seen.add((written.name, reader.name))
        fields = {field.name: field for field in written.fields}
        return _first(self._field(reader, field, fields) for field in reader.fields)

    def _field(self, reader: Record, field: Field, written: dict[str, Field]) -> str | None:
        found = next((written[name] for name in (field.name, *field.aliases) if name in written), None)
        if found is None:
            missing = f"{reader.name}.{field.name} is missing in the other, and has no default"
            return None if field.has_default else missing
        problem = self.obstacle(found.type, field.type)
        return f"{reader.name}.{field.name}: {problem}" if problem else None


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _same_name(written: Named, reader: Named) -> bool:
    """Names match without their namespaces, and by the reader's aliases."""
    simple = written.name.rpartition(".")[2]
    return any(simple == name.rpartition(".")[2] for name in (reader.name, *reader.aliases))


def _enums(written: Enum, reader: Enum) -> str | None:
    missing = [symbol for symbol in written.symbols if symbol not in reader.symbols]
    if not missing or reader.default is not None:
        return None
    return f"{reader.name} has no symbol {missing[0]}"
