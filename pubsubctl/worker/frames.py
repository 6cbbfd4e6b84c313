"""What the parent and a child say to each other: JSON headers with raw bodies, one frame after another. Pure.

A frame is two lengths (of the header and of the body, 4 bytes each, big-endian), the header as JSON, the body.
JSON, since a child runs code that is not ours: nothing that it sends is ever more than data.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# One of each for all: json.dumps makes a new one each time that it is asked for separators.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_LENGTHS = struct.Struct("!II")
_MOST = 1 << 26
"""Far more than any header or body has: whoever announces more is no part of this, and must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a header whose ``kind`` says what it is, and a body."""

    header: dict[str, Any]
    body: bytes = b""

    @property
    def kind(self) -> str:
        """What the frame says."""
        return str(self.header.get("kind"))


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame as bytes."""
    head = _encode(header).encode()
    return b"".join((_LENGTHS.pack(len(head), len(body)), head, body))


class Unpacker:
    """Frames from bytes, in whatever pieces they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take some bytes, give the frames that they complete.

        Raises:
            ValueError: they are no frames.
        """
        self._buffer += data
        start = 0
        while (end := self._end(start)) is not None:
            head_bytes, _ = _LENGTHS.unpack_from(self._buffer, start)
            head = start + _LENGTHS.size
            yield Frame(
                _decode(self._buffer[head : head + head_bytes].decode()), bytes(self._buffer[head + head_bytes : end])
            )
            start = end
        del self._buffer[:start]

    def _end(self, start: int) -> int | None:
        if len(self._buffer) - start < _LENGTHS.size:
            return None
        head_bytes, body_bytes = _LENGTHS.unpack_from(self._buffer, start)
        if head_bytes > _MOST or body_bytes > _MOST:
            raise ValueError(f"a frame of {head_bytes} and {body_bytes} bytes")
        end = start + _LENGTHS.size + head_bytes + body_bytes
        return int(end) if end <= len(self._buffer) else None
