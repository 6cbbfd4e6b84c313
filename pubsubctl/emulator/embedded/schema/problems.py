"""What can be wrong with a schema or with a message, in words for whoever sent it."""

from __future__ import annotations

import reprlib


class InvalidDefinition(Exception):
    """A schema's definition cannot be used; the text says why."""


class Mismatch(Exception):
    """A message is not what a schema asks for; the text says why."""


def shown(value: object) -> str:
    """A value as it may stand in a text: not in any length or depth."""
    return reprlib.repr(value)
