"""Whether what was written with one Avro schema can be read with another.

The rules are those of avro.apache.org/docs/1.11.1/specification/#schema-resolution, for whatever value may have been
written: of a union every branch must be readable, of an enum every symbol. fastavro resolves schemas only as it reads
a value, so it cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pubsubctl.emulator.embedded.schema.avro_definition import Definition, name_of

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def obstacle(written: Definition, reader: Definition) -> str | None:
    """Why ``reader`` cannot read all that may be written with ``written``; None if it can."""
    try:
        return _Resolution(written, reader).obstacle(written.type, reader.type)
    except RecursionError:
        return "their types lead too deep into one another to be compared"


class _Resolution:
    """One comparison; pairs of records that are being compared, or were, are not compared again."""

    def __init__(self, written: Definition, reader: Definition) -> None:
        self._written = written.names
        self._reader = reader.names
        self._seen: set[tuple[str, str]] = set()

    def obstacle(self, written: Any, reader: Any) -> str | None:
        if isinstance(written, list):
            return _first(self.obstacle(branch, reader) for branch in written)
        if isinstance(reader, list):
            if any(self._trial(written, branch) for branch in reader):
                return None
            return f"no type of the union reads {name_of(written)}"
        return self._single(_looked_up(written, self._written), _looked_up(reader, self._reader))

    def _trial(self, written: Any, branch: Any) -> bool:
        """Whether a branch reads it; what was seen on a way that led nowhere counts for nothing."""
        seen = set(self._seen)
        if self.obstacle(written, branch) is None:
            return True
        self._seen = seen
        return False

    def _single(self, written: Any, reader: Any) -> str | None:
        """Two types that are no unions."""
        kind = _kind(written)
        if kind != _kind(reader) or not _same_name(written, reader):
            promoted = isinstance(reader, str) and reader in _PROMOTIONS.get(kind, ())
            return None if promoted else f"{name_of(written)} is not compatible with {name_of(reader)}"
        if kind == "array":
            return self.obstacle(written["items"], reader["items"])
        if kind == "map":
            return self.obstacle(written["values"], reader["values"])
        if kind == "fixed":
            return None if written["size"] == reader["size"] else f"{written['name']} has another size"
        if kind == "enum":
            return _enums(written, reader)
        return self._records(written, reader) if kind == "record" else None

    def _records(self, written: dict[str, Any], reader: dict[str, Any]) -> str | None:
        pair = written["name"], reader["name"]
        if pair in self._seen:
            return None
        self._seen.add(pair)
        fields = {field["name"]: field["type"] for field in written["fields"]}
        return _first(self._field(reader["name"], field, fields) for field in reader["fields"])

    def _field(self, record: str, field: dict[str, Any], written: dict[str, Any]) -> str | None:
        place = f"{record}.{field['name']}"
        found = next((name for name in (field["name"], *field.get("aliases", ())) if name in written), None)
        if found is None:
            return None if "default" in field else f"{place} is missing in the other, and has no default"
        problem = self.obstacle(written[found], field["type"])
        return f"{place}: {problem}" if problem else None


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _looked_up(kind: Any, names: dict[str, dict[str, Any]]) -> Any:
    return names.get(kind, kind) if isinstance(kind, str) else kind


def _kind(kind: Any) -> str:
    name: str = kind if isinstance(kind, str) else kind["type"]
    return "record" if name == "error" else name


def _same_name(written: Any, reader: Any) -> bool:
    """Names, if there are any, match without their namespaces, and by the reader's aliases."""
    if isinstance(written, str) or "name" not in written:
        return True
    simple = written["name"].rpartition(".")[2]
    return any(simple == name.rpartition(".")[2] for name in (reader["name"], *reader.get("aliases", ())))


def _enums(written: dict[str, Any], reader: dict[str, Any]) -> str | None:
    missing = [symbol for symbol in written["symbols"] if symbol not in reader["symbols"]]
    if not missing or reader.get("default") is not None:
        return None
    return f"{reader['name']} has no symbol {missing[0]}"
