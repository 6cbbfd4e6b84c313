"""Nested data as indented lines, in the manner of YAML: for reading, not for parsing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_INDENT = "  "


def outline(content: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """The lines of an object, a field each; what is in it stands further right."""
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from outline(value, indent + _INDENT)
        elif isinstance(value, list) and value:
            yield f"{indent}{name}:"
            yield from _items(value, indent)
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _items(values: Sequence[Any], indent: str) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping) and value:
            first, *others = outline(value)
            yield f"{indent}- {first}"
            yield from (f"{indent}{_INDENT}{line}" for line in others)
        else:
            yield f"{indent}- {_scalar(value)}"


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)
