"""Whether a JSON value has the shape of a message, said so that one finds the mistake.

``json_format`` reads the values; it would take anything for base64, and its errors name classes, not places.
"""

import json
import re
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from pubsubctl.emulator.embedded.status import Refusal, invalid

WELL_KNOWN = "google.protobuf."
MASK = f"{WELL_KNOWN}FieldMask"
PAYLOAD = "Invalid JSON payload received."

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_SHOWN = 40
_SNAKE = re.compile(r"_([a-z0-9])")


def fit(message: Any, content: Any, path: str = "") -> None:
    """See that ``content`` can be read as a message, and bring field masks in it to the form that is read.

    Args:
        message: the descriptor.
        content: what JSON was read as; snake case in masks is changed to camel case.
        path: where in the request it stands.

    Raises:
        Refusal: INVALID_ARGUMENT, with the place.
    """
    if not isinstance(content, dict):
        raise _bad(path, "an object", content)
    fields = _fields(message)
    for name, value in content.items():
        field = fields.get(name)
        if field is None:
            place = f" at '{path}'" if path else ""
            raise invalid(f'{PAYLOAD} Unknown name "{name}"{place}: Cannot find field.')
        if value is not None:
            content[name] = _fitting(field, value, f"{path}.{name}" if path else name)


@cache
def _fields(message: Any) -> dict[str, Any]:
    """The fields under both names that JSON may have for each."""
    return {name: field for field in message.fields for name in (field.name, field.json_name)}


def _fitting(field: Any, value: Any, path: str) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _fitting_map(field, value, path)
    if not field.is_repeated:
        return _fitting_one(field, value, path)
    if not isinstance(value, list):
        raise _bad(path, "a list", value)
    return [_fitting_one(field, one, f"{path}[{number}]") for number, one in enumerate(value)]


def _fitting_map(field: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _bad(path, "an object", value)
    kind = field.message_type.fields_by_name["value"]
    return {key: _fitting_one(kind, one, f"{path}[{key}]") for key, one in value.items()}


def _fitting_one(field: Any, value: Any, path: str) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING and not isinstance(value, str):
        raise _bad(path, "a string", value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        _check_base64(value, path)
    if field.message_type is None:
        return value
    if field.message_type.full_name == MASK and isinstance(value, str):
        return _SNAKE.sub(lambda found: found[1].upper(), value)
    if not field.message_type.full_name.startswith(WELL_KNOWN):
        fit(field.message_type, value, path)
    return value


def _check_base64(value: Any, path: str) -> None:
    """Either alphabet, with padding or without (protobuf.dev/programming-guides/json)."""
    if not isinstance(value, str):
        raise _bad(path, "a string in base64", value)
    digits = value.rstrip("=")
    if not digits.isascii() or digits.encode().translate(None, _BASE64) or len(digits) % 4 == 1:
        raise _bad(path, "base64", value)


def _bad(path: str, wanted: str, value: Any) -> Refusal:
    place = f"Invalid value at '{path}'" if path else "The body"
    return invalid(f"{PAYLOAD} {place}: it must be {wanted}, not {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{json.dumps(value[:_SHOWN])}..."
    return json.dumps(value)
