"""What can be wrong with a schema or with a message, in words for whoever sent it."""

from __future__ import annotations

import reprlib


class InvalidDefinition(Exception):
    """A schema's definition cannot be used; the text says why."""


class Mismatch(Exception):
    """A message is not what a schema asks for; ``path`` leads to the value that is not, outermost step first."""

    def __init__(self, text: str, *path: str) -> None:
        super().__init__(text)
        self.text = text
        self.path = list(path)

    def within(self, step: str) -> Mismatch:
        """The same, seen from the value that holds this one as ``step``: a field's name, or ``[index]``."""
        self.path.insert(0, step)
        return self

    def __str__(self) -> str:
        if not self.path:
            return self.text
        path = self.path[0] + "".join(step if step.startswith("[") else f".{step}" for step in self.path[1:])
        return f"{path}: {self.text}"


def shown(value: object) -> str:
    """A value as it may stand in a text: not in any length or depth."""
    return reprlib.repr(value)
