"""Resources of google.pubsub.v1 between their messages, what is shown of them, and what is changed in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from pubsubctl.broker.change import Change
from pubsubctl.errors import BrokerUnreachable, PubsubctlError

Document = dict[str, Any]
"""A resource as the REST API and gcloud show it: protobuf's JSON form, in camel case."""


@dataclass(frozen=True)
class Tried:
    """What came of doing the same with several.

    Attributes:
        done: of those with which it was done, what each is now.
        failures: why it was not done with the others.
    """

    done: list[Document]
    failures: list[PubsubctlError]


def each(paths: Iterable[str], call: Callable[[str], Document]) -> Tried:
    """Call with every path, whatever comes of the others; but not on once the broker is away."""
    tried = Tried([], [])
    for path in paths:
        try:
            tried.done.append(call(path))
        except PubsubctlError as error:
            tried.failures.append(error)
            if isinstance(error, BrokerUnreachable):
                break
    return tried


def document(message: Any) -> Document:
    """A message as it is shown."""
    found = json_format.MessageToDict(type(message).pb(message))
    if "labels" in found:
        found["labels"] = dict(sorted(found["labels"].items()))  # protobuf's maps have no order
    return found


def settings(message: Any) -> dict[str, Any]:
    """A message as ``Change`` knows it."""
    return json_format.MessageToDict(type(message).pb(message), preserving_proto_field_name=True)


def built(kind: Any, values: dict[str, Any]) -> Any:
    """The message of a kind that has these settings."""
    return kind.wrap(json_format.ParseDict(values, kind.pb()()))


def target(kind: Any, path: str, current: dict[str, Any], change: Change) -> Any | None:
    """What an update sends: the fields that a change is about, as they are to be; None where they are so already."""
    becomes = change.applied(current)
    if built(kind, becomes) == built(kind, current):
        return None
    return built(kind, {"name": path} | {name: becomes[name] for name in change.fields if name in becomes})
