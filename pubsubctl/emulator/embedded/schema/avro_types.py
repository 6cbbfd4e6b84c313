"""The types of Avro (avro.apache.org/docs/1.11.1/specification), as a definition makes them; names are full names."""

from __future__ import annotations

from dataclasses import dataclass, field

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(eq=False)
class Primitive:
    """A type without parts. Logical types are these too: they say what a value means, not how it is written."""

    name: str


@dataclass(eq=False)
class Array:
    """Values of one type."""

    items: Type
    name: str = field(default="array", init=False)


@dataclass(eq=False)
class Map:
    """Strings, each with a value of one type."""

    values: Type
    name: str = field(default="map", init=False)


@dataclass(eq=False)
class Enum:
    """One of several symbols."""

    name: str
    symbols: list[str]
    default: str | None = None
    aliases: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Fixed:
    """So many bytes."""

    name: str
    size: int
    aliases: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Field:
    """A part of a record; ``has_default`` says what a reader may do that finds none."""

    name: str
    type: Type
    has_default: bool = False
    aliases: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Record:
    """Named values; the fields are added once the name is known, as they may be of this very type."""

    name: str
    fields: list[Field] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Union:
    """A value of one of several types."""

    branches: list[Type]
    name: str = field(default="union", init=False)


Named = Record | Enum | Fixed
Type = Primitive | Array | Map | Union | Named
