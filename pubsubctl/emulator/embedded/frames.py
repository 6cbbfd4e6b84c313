"""How many messages are kept in one value of the log: a count, their ids, their sizes, and the bodies."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

_COUNT = 4
_ID = 8
_SIZE = 4

assert array("I").itemsize == _SIZE
assert array("Q").itemsize == _ID


def pack(messages: list[tuple[int, bytes]]) -> bytes:
    """One value with all ``messages``, ids and bodies."""
    ids = _little_endian(array("Q", [id_ for id_, _ in messages]))
    sizes = _little_endian(array("I", [len(body) for _, body in messages]))
    header = len(messages).to_bytes(_COUNT, "little")
    return b"".join((header, ids.tobytes(), sizes.tobytes(), *(body for _, body in messages)))


def unpack(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages that ``pack`` put together."""
    count = int.from_bytes(frame[:_COUNT], "little")
    sizes_at = _COUNT + count * _ID
    offset = sizes_at + count * _SIZE
    sizes = array("I", frame[sizes_at:offset])
    for id_, size in zip(unpack_ids(frame[_COUNT:sizes_at]), _little_endian(sizes), strict=True):
        yield id_, frame[offset : offset + size]
        offset += size


def pack_ids(ids: array[int]) -> bytes:
    """A list of message ids."""
    return _little_endian(ids).tobytes()


def unpack_ids(packed: bytes) -> array[int]:
    """The ids that ``pack_ids`` put together."""
    return _little_endian(array("Q", packed))


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
