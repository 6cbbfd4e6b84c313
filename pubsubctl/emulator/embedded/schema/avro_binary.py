"""The binary encoding of Avro (avro.apache.org/docs/1.11.1/specification/#binary-encoding), as fastavro reads it."""

# fastavro's decoders have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BytesIO

import fastavro
from fastavro.io.binary_decoder import BinaryDecoder
from fastavro.io.json_decoder import AvroJSONDecoder
from fastavro.read import LOGICAL_READERS

from pubsubctl.emulator.embedded.schema.avro_definition import COMPOUND, Definition
from pubsubctl.emulator.embedded.schema.problems import Mismatch

# Of items that take no room, a few bytes can say that there are any number.
ITEMS_WITHOUT_ROOM = 100_000

_NUMBER_SIZE = 10
_NUMBER = re.compile(rb"[\x80-\xff]{0,%d}[\x00-\x7f]" % (_NUMBER_SIZE - 1))


def binary_reader(definition: Definition) -> Callable[[bytes], None]:
    """What reads one value from bytes, and raises Mismatch if they are none, or more than it."""

    def read(data: bytes) -> None:
        source = BytesIO(data)
        try:
            next(fastavro.json_reader(source, definition.envelope, decoder=_Decoder))
        except Mismatch:
            raise
        except EOFError as error:
            raise Mismatch("the message ends too early") from error
        except LookupError as error:
            raise Mismatch("a number stands for no type of a union, or no symbol of an enum") from error
        except RecursionError as error:
            raise Mismatch("it is nested too deep") from error
        except Exception as error:  # whatever else bytes at random may lead to
            raise Mismatch(f"{type(error).__name__}: {error}") from error
        left = len(data) - source.tell()
        if left:
            raise Mismatch(f"{left} bytes are left over")

    return read


class _Decoder(BinaryDecoder, AvroJSONDecoder):
    """fastavro's decoder of the binary encoding, with the limits that it does not know.

    It is called a decoder of JSON because that lets it into ``json_reader``, which alone goes over a definition in
    Python. ``schemaless_reader`` does so in C, where a message that is nested deep enough ends the process, and where
    nothing can be checked on the way.
    """

    done = False

    def __init__(self, source: BytesIO) -> None:
        super().__init__(source)
        self._data = source.getvalue()
        self._items_left = len(self._data) + ITEMS_WITHOUT_ROOM

    def configure(self, *_: object) -> None:
        """What a decoder of JSON needs to know, and this does not."""

    def read_boolean(self) -> bool:
        """Refuse bytes that fastavro takes for true."""
        if self._data[self.fo.tell() : self.fo.tell() + 1] > b"\x01":
            raise Mismatch("a byte is no boolean")
        value: bool = super().read_boolean()
        return value

    def read_long(self) -> int:
        """Refuse numbers of more than 64 bits, which fastavro would read for hours if they are as long as a message."""
        start = self.fo.tell()
        if not _NUMBER.match(self._data, start):
            raise EOFError if len(self._data) < start + _NUMBER_SIZE else Mismatch("a number is longer than 64 bits")
        return _within(64, super().read_long())

    def read_int(self) -> int:
        """Refuse numbers of more than 32 bits."""
        return _within(32, self.read_long())

    def read_index(self) -> int:
        """Refuse numbers that Python would count from a union's end."""
        return _not_negative(super().read_index())

    def read_enum(self) -> int:
        """Refuse numbers that Python would count from an enum's end."""
        return _not_negative(super().read_enum())

    def iter_array(self) -> Iterator[None]:
        """Refuse arrays of more items than there can be."""
        for _ in super().iter_array():
            self._items_left -= 1
            if self._items_left < 0:
                raise Mismatch("an array has more items than the message has bytes")
            yield


def _dropped(*_: object) -> None:
    """What is kept of a value that was read: 10 MB can be millions of records, which as objects fill gigabytes."""


# What has parts is converted, as by a logical type of one's own, once they are read.
for _kind in ("record", "error", "array", "map"):
    LOGICAL_READERS[f"{_kind}-{COMPOUND}"] = _dropped


def _within(bits: int, number: int) -> int:
    limit = 2 ** (bits - 1)
    if not -limit <= number < limit:
        raise Mismatch(f"{number} is beyond {bits} bits")
    return number


def _not_negative(number: int) -> int:
    if number < 0:
        raise IndexError(number)
    return number
