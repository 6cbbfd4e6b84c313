"""How deep JSON is nested, found without recursion."""

from __future__ import annotations

from typing import Any


def deeper_than(levels: int, value: Any) -> bool:
    """Whether lists and objects stand in one another more than ``levels`` deep in parsed JSON."""
    parts = [value]
    for _ in range(levels + 1):
        parts = [part for one in parts if isinstance(one, dict | list) for part in _parts(one)]
        if not parts:
            return False
    return True


def _parts(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
