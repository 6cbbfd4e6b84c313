"""What may change from one revision of a Protocol Buffers schema to another.

Optional fields may come and go; no other field may, and none may be edited: that includes the values of an enum
(cloud.google.com/pubsub/docs/commit-schema-revision).
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

_TYPES: dict[int, str] = {int(number): name for name, number in FieldDescriptorProto.Type.items()}


def obstacle(earlier: Descriptor, later: Descriptor) -> str | None:
    """Why messages of the two types do not go together; None if they do."""
    return _Comparison().messages(earlier, later)


class _Comparison:
    """One comparison; pairs of messages that are being compared are not compared again."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def messages(self, earlier: Descriptor, later: Descriptor) -> str | None:
        if (earlier.full_name, later.full_name) in self._seen:
            return None
        self._seen.add((earlier.full_name, later.full_name))
        old, new = earlier.fields_by_number, later.fields_by_number
        return _first(self._fields(old.get(number), new.get(number)) for number in sorted({*old, *new}))

    def _fields(self, old: FieldDescriptor | None, new: FieldDescriptor | None) -> str | None:
        if old is None or new is None:
            return _come_or_gone(old or new)
        if _signature(old) != _signature(new):
            return f"{_described(new)} is not compatible with {_described(old)}"
        if old.message_type is not None and new.message_type is not None:
            return self.messages(old.message_type, new.message_type)
        if old.enum_type is not None and new.enum_type is not None:
            return _enums(old.enum_type, new.enum_type) or _enums(new.enum_type, old.enum_type)
        return None


def _come_or_gone(field: FieldDescriptor | None) -> str | None:
    if field is None or not field.is_required:
        return None
    return f"{field.full_name} is required, and only one of the revisions has it"


def _signature(field: FieldDescriptor) -> tuple[object, ...]:
    return field.name, field.type, field.is_repeated, field.is_required


def _described(field: FieldDescriptor) -> str:
    cardinality = "repeated " if field.is_repeated else "required " if field.is_required else ""
    kind = _TYPES[field.type].removeprefix("TYPE_").lower()
    return f"{field.full_name} of type {cardinality}{kind}"


def _enums(some: EnumDescriptor, others: EnumDescriptor) -> str | None:
    known = {(value.name, value.number) for value in others.values}
    missing = [value for value in some.values if (value.name, value.number) not in known]
    return f"{some.full_name}.{missing[0].name} = {missing[0].number} is in one revision only" if missing else None


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)
