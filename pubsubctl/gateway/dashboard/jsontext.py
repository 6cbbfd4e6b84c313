"""JSON with a field a line, and every value as it was written: no number is rounded, no name that comes twice is lost.

Pure.
"""

import json
import re

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')
_INDENT = "  "
_OPENS = {"[": "]", "{": "}"}


def laid_out(text: str, most: int) -> str | None:
    """The same JSON, for people; None where it is none, or would have more than ``most`` characters."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    pieces: list[str] = []
    depth, length, opened = 0, 0, ""
    for match in _PART.finditer(text):
        part = match[0]
        if part in _OPENS:
            piece = _line(depth) if opened else ""
            depth, piece = depth + 1, piece + part
        elif part in _OPENS.values():
            depth -= 1
            piece = part if opened else _line(depth) + part
        else:
            piece = (_line(depth) if opened else "") + _shown(part, depth)
        opened = part if part in _OPENS else ""
        length += len(piece)
        if length > most:
            return None
        pieces.append(piece)
    return "".join(pieces)


def _shown(part: str, depth: int) -> str:
    if part == ",":
        return "," + _line(depth)
    if part == ":":
        return ": "
    return json.dumps(json.loads(part), ensure_ascii=False) if "\\" in part else part


def _line(depth: int) -> str:
    return "\n" + _INDENT * depth
