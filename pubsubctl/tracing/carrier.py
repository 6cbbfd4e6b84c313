"""The context of a trace in a request's header fields, and in a message's attributes.

``OTEL_PROPAGATORS`` says which fields those are: ``traceparent``, ``tracestate`` and ``baggage`` unless it is set.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pubsubctl.exchange import Request

if TYPE_CHECKING:
    from opentelemetry.context import Context

_GOOGLE = "googclient_"
"""What google-cloud-pubsub puts before the names of the fields."""
_STATE = "tracestate"
_MOST_ATTRIBUTES, _MOST_BYTES = 100, 1024
"""Pub/Sub's limits for the attributes of a message, and for the value of one."""


def context_of(
    request: Request, attributes: Mapping[str, str] | None = None, *, current: "Context | None" = None
) -> "Context":
    """The context that a request came with; ``current``, or none, where it came with none.

    Args:
        request: its own fields go first.
        attributes: those of the message that brought it, for what a plain publisher has sent.
        current: what to build upon.
    """
    from opentelemetry import propagate

    fields = {
        name.removeprefix(_GOOGLE): value for name, value in (attributes or {}).items() if name.startswith(_GOOGLE)
    }
    return propagate.extract(fields | dict(request.headers), current)


def carrying(request: Request, context: "Context") -> Request:
    """The request with this context in its fields, in place of the one that it had."""
    from opentelemetry import propagate

    fields: dict[str, str] = {}
    propagate.inject(fields, context)
    fields = {name.lower(): value for name, value in fields.items()}
    kept = [(name, value) for name, value in request.headers if name not in fields and name != _STATE]
    return replace(request, headers=tuple(sorted([*kept, *fields.items()])))


def annotate(attributes: dict[str, str], request: Request) -> None:
    """Tell google-cloud-pubsub, and its like, in a message's attributes the context that its request carries.

    What Pub/Sub would not take is left out: it stands in the request's own fields anyway.
    """
    from opentelemetry import propagate

    fields = propagate.get_global_textmap().fields
    for name, value in request.headers:
        if name in fields and len(attributes) < _MOST_ATTRIBUTES and len(value.encode()) <= _MOST_BYTES:
            attributes[_GOOGLE + name] = value
