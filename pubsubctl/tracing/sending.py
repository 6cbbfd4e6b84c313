"""The span of a submit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pubsubctl.exchange import Request
from pubsubctl.tracing import carrier, switch

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Tracer

SYSTEM = "gcp_pubsub"
_PARENT, _HTTPS = "traceparent", "443"


@contextmanager
def sending(topic: str, requests: Sequence[Request], ordering_key: str = "") -> Iterator[Sequence[Request]]:
    """Have a span ``send <topic>`` around a submit; gives the requests that are to be submitted in place of those.

    A request that comes alone is sent as part of the trace that it names, if it names one. Of several, those that do
    have a span ``create <topic>`` each in their own traces, to which the send is linked.

    Args:
        topic: its full name.
        requests: what is submitted.
        ordering_key: that of all of them.
    """
    from pubsubctl.tracing.exporting import tracer

    made = tracer() if switch.on else None
    if made is None:
        yield requests
        return
    from opentelemetry.context import get_current
    from opentelemetry.trace import SpanKind

    name = topic.rpartition("/")[2]
    alone = len(requests) == 1
    created = {} if alone else _created(made, name, requests)
    parent = carrier.context_of(requests[0], current=get_current()) if alone else get_current()
    attributes: dict[str, str | int] = _attributes(name, "send") | ({} if alone else _batch(len(requests)))
    attributes |= ordered(ordering_key)
    with made.start_as_current_span(
        f"send {name}", parent, SpanKind.PRODUCER, attributes, list(map(_link, created.values()))
    ) as span:
        try:
            here = get_current()
            yield [carrier.carrying(request, created.get(index, here)) for index, request in enumerate(requests)]
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise


def sent(place: str, message_id: str | None = None) -> None:
    """Note where a submit has published, and as which message, if it is one alone."""
    if switch.on:
        from opentelemetry.trace import get_current_span

        span = get_current_span()
        span.set_attributes(server(place))
        if message_id is not None:
            span.set_attribute("messaging.message.id", message_id)


def annotate(attributes: dict[str, str], request: Request) -> None:
    """Add to the attributes of a message what they say of a trace beside what its request says."""
    if switch.on:
        carrier.annotate(attributes, request)


def server(place: str) -> dict[str, str | int]:
    """What a span says of the broker that listens at ``HOST:PORT``, or at ``HOST``, as the real service does."""
    host, _, port = place.rpartition(":") if ":" in place else (place, "", _HTTPS)
    return {"server.address": host.strip("[]"), "server.port": int(port)}


def ordered(key: str) -> dict[str, str]:
    """What a span says of a message's ordering key, if it has one."""
    return {"messaging.gcp_pubsub.message.ordering_key": key} if key else {}


def _created(tracer: "Tracer", name: str, requests: Sequence[Request]) -> "dict[int, Context]":
    """The contexts of those that name a trace of their own, by their place among all."""
    from opentelemetry.trace import SpanKind, set_span_in_context

    contexts = {}
    for index, request in enumerate(requests):
        if request.header(_PARENT):
            parent = carrier.context_of(request)
            span = tracer.start_span(f"create {name}", parent, SpanKind.PRODUCER, _attributes(name, "create"))
            span.end()
            contexts[index] = set_span_in_context(span, parent)
    return contexts


def _link(context: "Context") -> "Link":
    from opentelemetry.trace import Link, get_current_span

    return Link(get_current_span(context).get_span_context())


def _attributes(name: str, operation: str) -> dict[str, str | int]:
    return {
        "messaging.system": SYSTEM,
        "messaging.destination.name": name,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }


def _batch(count: int) -> dict[str, str | int]:
    return {"messaging.batch.message_count": count}
