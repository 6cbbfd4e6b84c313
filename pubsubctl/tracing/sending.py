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
_PARENT = "traceparent"


@contextmanager
def sending(topic: str, requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """Have a span ``send <topic>`` around a submit; gives the requests that are to be submitted in place of those.

    A request that comes alone is sent as part of the trace that it names, if it names one. Of several, those that do
    have a span ``create <topic>`` each in their own traces, to which the send is linked.

    Args:
        topic: its full name.
        requests: what is submitted.
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
    with made.start_as_current_span(
        f"send {name}", parent, SpanKind.PRODUCER, attributes, list(map(_link, created.values()))
    ) as span:
        try:
            here = get_current()
            yield [carrier.carrying(request, created.get(index, here)) for index, request in enumerate(requests)]
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise


def sent(message_ids: Sequence[str]) -> None:
    """Note which message a submit has made, if it is one alone."""
    if switch.on and len(message_ids) == 1:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attribute("messaging.message.id", message_ids[0])


def annotate(attributes: dict[str, str], request: Request) -> None:
    """Add to the attributes of a message what they say of a trace beside what its request says."""
    if switch.on:
        carrier.annotate(attributes, request)


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
