"""The binary encoding of Avro (avro.apache.org/docs/1.11.1/specification/#binary-encoding).

Nothing is built of what is read: each function goes over one value, from one position to the next.
"""

from __future__ import annotations

from collections.abc import Callable

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
from pubsubctl.emulator.embedded.schema.problems import Mismatch

Skip = Callable[[bytes, int], int]

_LONG_SIZE = 10


def binary_reader(kind: Type) -> Callable[[bytes], None]:
    """What reads one value of type ``kind`` from bytes, and raises Mismatch if they are none, or more than it."""
    skip = _Skips().of(kind)

    def read(data: bytes) -> None:
        try:
            end = skip(data, 0)
        except RecursionError as error:
            raise Mismatch("it is nested too deep") from error
        if end != len(data):
            raise Mismatch(f"{len(data) - end} bytes are left over")

    return read


class _Skips:
    """Makes what goes over a type; records are kept, since they may hold themselves."""

    def __init__(self) -> None:
        self._records: dict[str, list[tuple[str, Skip]]] = {}

    def of(self, kind: Type) -> Skip:
        if isinstance(kind, Primitive):
            return _PRIMITIVES[kind.name]
        if isinstance(kind, Array):
            return _blocks(self.of(kind.items))
        if isinstance(kind, Map):
            return _blocks(_entry(self.of(kind.values)))
        if isinstance(kind, Union):
            return self._union(kind)
        return self._named(kind)

    def _named(self, kind: Named) -> Skip:
        if isinstance(kind, Enum):
            return _enum(kind)
        if isinstance(kind, Fixed):
            return _fixed(kind.size)
        return self._record(kind)

    def _record(self, kind: Record) -> Skip:
        known = self._records.get(kind.name)
        if known is None:
            known = self._records[kind.name] = []
            known.extend((field.name, self.of(field.type)) for field in kind.fields)
        return _record(known)

    def _union(self, kind: Union) -> Skip:
        branches = [(branch.name, self.of(branch)) for branch in kind.branches]

        def skip(data: bytes, at: int) -> int:
            index, at = _long(data, at)
            if not 0 <= index < len(branches):
                raise Mismatch(f"the union has no type number {index}")
            name, skip_branch = branches[index]
            try:
                return skip_branch(data, at)
            except Mismatch as error:
                raise error.within(name) from None

        return skip


def _record(fields: list[tuple[str, Skip]]) -> Skip:
    def skip(data: bytes, at: int) -> int:
        for name, skip_field in fields:
            try:
                at = skip_field(data, at)
            except Mismatch as error:
                raise error.within(name) from None
        return at

    return skip


def _blocks(skip_item: Skip) -> Skip:
    """An array's items, or a map's entries: blocks, each after its count, until one of none."""

    def skip(data: bytes, at: int) -> int:
        index = 0
        while True:
            count, at = _long(data, at)
            if not count:
                return at
            end = None
            if count < 0:
                size, at = _long(data, at)
                count, end = -count, at + size
            index, at = _items(skip_item, data, at, index, count)
            if end is not None and at != end:
                raise Mismatch("a block has not the size that it says")

    return skip


def _items(skip_item: Skip, data: bytes, at: int, index: int, count: int) -> tuple[int, int]:
    """Go over ``count`` items, the first of which has the number ``index``."""
    for number in range(index, index + count):
        try:
            end = skip_item(data, at)
        except Mismatch as error:
            raise error.within(f"[{number}]") from None
        if end == at:
            break  # items that take no room take none ever, and any number of them can be said to be there
        at = end
    return index + count, at


def _entry(skip_value: Skip) -> Skip:
    return lambda data, at: skip_value(data, _skip_string(data, at))


def _enum(kind: Enum) -> Skip:
    count = len(kind.symbols)

    def skip(data: bytes, at: int) -> int:
        index, at = _long(data, at)
        if not 0 <= index < count:
            raise Mismatch(f"{kind.name} has no symbol number {index}")
        return at

    return skip


def _fixed(size: int) -> Skip:
    def skip(data: bytes, at: int) -> int:
        if at + size > len(data):
            raise _ended()
        return at + size

    return skip


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A number in variable-length zig-zag coding, and the position after it."""
    number = shift = 0
    for place in range(at, at + _LONG_SIZE):
        if place >= len(data):
            raise _ended()
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the eighth bit says that more follow
            break
        shift += 7
    if byte >= 0x80 or number >> 64:  # noqa: PLR2004
        raise Mismatch("a number is longer than 64 bits")
    return (number >> 1) ^ -(number & 1), place + 1


def _skip_null(_data: bytes, at: int) -> int:
    return at


def _skip_boolean(data: bytes, at: int) -> int:
    if at >= len(data):
        raise _ended()
    if data[at] > 1:
        raise Mismatch(f"{data[at]:#04x} is no boolean")
    return at + 1


def _skip_int(data: bytes, at: int) -> int:
    number, at = _long(data, at)
    if not -0x8000_0000 <= number <= 0x7FFF_FFFF:  # noqa: PLR2004 - the range of 32 bits
        raise Mismatch(f"{number} is beyond the 32 bits of an int")
    return at


def _skip_long(data: bytes, at: int) -> int:
    return _long(data, at)[1]


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Where the bytes begin and end whose length stands at ``at``."""
    size, start = _long(data, at)
    if size < 0:
        raise Mismatch(f"a length is negative: {size}")
    if start + size > len(data):
        raise _ended()
    return start, start + size


def _skip_bytes(data: bytes, at: int) -> int:
    return _span(data, at)[1]


def _skip_string(data: bytes, at: int) -> int:
    start, end = _span(data, at)
    try:
        data[start:end].decode()
    except UnicodeDecodeError as error:
        raise Mismatch(f"a string is no UTF-8: {error}") from error
    return end


_PRIMITIVES: dict[str, Skip] = {
    "null": _skip_null,
    "boolean": _skip_boolean,
    "int": _skip_int,
    "long": _skip_long,
    "float": _fixed(4),
    "double": _fixed(8),
    "bytes": _skip_bytes,
    "string": _skip_string,
}


def _ended() -> Mismatch:
    return Mismatch("the message ends too early")
