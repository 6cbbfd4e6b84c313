"""Python values as Firestore keeps them, and back. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud.firestore_v1.types import document as _document

Fields = Mapping[str, Any]
"""A document's fields. One that is None is not there."""

Value = _document.Value.pb()
"""protobuf's own class: the wrappers of Google's library take ten times as long to fill."""


def encode(value: Any, into: Any) -> Any:
    """Fill a protobuf ``Value``."""
    if isinstance(value, bool):
        into.boolean_value = value
    elif isinstance(value, str):
        into.string_value = str(value)
    elif isinstance(value, int):
        into.integer_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, datetime):
        into.timestamp_value.FromDatetime(value)
    elif isinstance(value, Mapping):
        into.map_value.SetInParent()
        encode_fields(value, into.map_value.fields)
    else:
        into.array_value.SetInParent()
        for each in value:
            encode(each, into.array_value.values.add())
    return into


def encode_fields(fields: Fields, into: Any) -> None:
    """Fill a protobuf map of values."""
    for name, value in fields.items():
        if value is not None:
            encode(value, into[name])


def decode(value: Any) -> Any:
    """What a protobuf ``Value`` says."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return decode_fields(value.map_value.fields)
    if kind == "array_value":
        return [decode(each) for each in value.array_value.values]
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(tzinfo=UTC)
    return None if kind in {"null_value", None} else getattr(value, kind)


def decode_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a protobuf map of values says."""
    return {name: decode(value) for name, value in fields.items()}


def timestamp(seconds: float) -> datetime:
    """A time of ours as Firestore's own kind of time, which TTL policies ask for."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(stamp: Any) -> float:
    """A protobuf timestamp as seconds since the epoch."""
    seconds: float = stamp.seconds + stamp.nanos / 1e9
    return seconds


def size_of(fields: Fields, names: Iterable[str]) -> int:
    """About how many bytes the fields take."""
    return sum(_size(fields.get(name)) + len(name) for name in names)


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value) + 4
    if isinstance(value, Mapping):
        return sum(len(name) + _size(each) for name, each in value.items()) + 8
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + 8
    return 12
