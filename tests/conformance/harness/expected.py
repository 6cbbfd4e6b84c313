"""Observations that are more than plain values, and expectations that more than one observation meets."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """An RPC was answered with an error status."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class Expectation:
    """Equal to every observation that meets it; its ``repr`` is what the page says of it."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other) if isinstance(other, Expectation) else self.met_by(other)

    def met_by(self, observation: Any) -> bool:
        """Whether the observation is one of those that are expected."""
        raise NotImplementedError


class Refused(Expectation):
    """A refusal with this code, whose text has all of these fragments."""

    def __init__(self, code: str, *fragments: str) -> None:
        self._code = code
        self._fragments = [fragment for fragment in fragments if fragment]

    def met_by(self, observation: Any) -> bool:
        is_it = isinstance(observation, Refusal) and observation.code == self._code
        return is_it and all(fragment in observation.text for fragment in self._fragments)

    def __repr__(self) -> str:
        return f"{self._code}: …{'…'.join(self._fragments)}…" if self._fragments else self._code


class Between(Expectation):
    """A number within these bounds, both included."""

    def __init__(self, least: float, most: float) -> None:
        self._bounds = least, most

    def met_by(self, observation: Any) -> bool:
        return isinstance(observation, int | float) and self._bounds[0] <= observation <= self._bounds[1]

    def __repr__(self) -> str:
        return f"{self._bounds[0]:g} to {self._bounds[1]:g}"


class OneOf(Expectation):
    """Any of these, for what is not the same every time, or may be either."""

    def __init__(self, *choices: Any) -> None:
        self._choices = choices

    def met_by(self, observation: Any) -> bool:
        return any(observation == choice for choice in self._choices)

    def __repr__(self) -> str:
        return " or ".join(map(shown, self._choices))


class Containing(Expectation):
    """A collection in which all of these are."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def met_by(self, observation: Any) -> bool:
        return isinstance(observation, list) and all(part in observation for part in self._parts)

    def __repr__(self) -> str:
        return f"{shown(list(self._parts))}, and maybe more"


class Known(Expectation):
    """Exactly this value, which the page calls by a shorter name."""

    def __init__(self, value: Any, name: str) -> None:
        self._value = value
        self._name = name

    def met_by(self, observation: Any) -> bool:
        return bool(observation == self._value)

    def __repr__(self) -> str:
        return self._name


def shown(value: Any) -> str:
    """A value as people read it."""
    if not isinstance(value, Expectation) and value in ("", None, [], (), {}):
        return "nothing"
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case list() | tuple():
            return ", ".join(f"({shown(one)})" if isinstance(one, list | tuple) else shown(one) for one in value)
        case dict():
            return ", ".join(f"{name}: {shown(one)}" for name, one in value.items())
    return f"{value:.10g}" if isinstance(value, float) else repr(value)
