"""The spans of attempts, one each, from its claim to the record of its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pubsubctl.exchange import Request
from pubsubctl.tracing import carrier, switch
from pubsubctl.tracing.sending import SYSTEM, ordered, server

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer

_in_hand: "dict[tuple[str, int], Span]" = {}


@dataclass(frozen=True, slots=True)
class Active:
    """A span, as logs name it: its ids in lower-case hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended.

    Attributes:
        outcome: the state recorded, or why nothing was.
        error: one line for people where it failed.
        error_type: one of few words for the kind of failure; None where it did not fail.
        http_status: what the application answered, if it did.
        retry_in_s: seconds until the next attempt, where there is to be one.
    """

    outcome: str
    error: str | None = None
    error_type: str | None = None
    http_status: int | None = None
    retry_in_s: float | None = None


class Attempts:
    """Makes them. Any thread may call it.

    Args:
        topic: the full name of the topic.
        subscription: that of the subscription.
        worker: the id of the worker.
        broker: where the broker is, as ``HOST:PORT``.
    """

    def __init__(self, tracer: "Tracer", *, topic: str, subscription: str, worker: str, broker: str) -> None:
        from opentelemetry import trace

        self._tracer = tracer
        self._trace = trace
        self._name = f"process {subscription.rpartition('/')[2]}"
        self._about = {
            "messaging.system": SYSTEM,
            "messaging.destination.name": topic.rpartition("/")[2],
            "messaging.destination.subscription.name": subscription.rpartition("/")[2],
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "pubsubctl.worker": worker,
            **server(broker),
        }

    def begin(
        self,
        request: Request,
        *,
        job_id: str,
        attempt: int,
        message_id: str,
        attributes: Mapping[str, str],
        ordering_key: str = "",
        delivery_attempt: int | None = None,
    ) -> Request:
        """An attempt was granted; gives the request that the application is to have.

        Args:
            request: what the job is.
            job_id: the job.
            attempt: its number.
            message_id: of the message that brought it.
            attributes: those of that message.
            ordering_key: likewise.
            delivery_attempt: how often the broker has sent it by now, where it tells that.
        """
        parent = carrier.context_of(request, attributes)
        about: dict[str, Any] = {
            "messaging.message.id": message_id,
            "messaging.message.body.size": len(request.body),
            "http.request.method": request.method,
            "url.path": request.path.partition("?")[0],
            "pubsubctl.job.id": job_id,
            "pubsubctl.job.attempt": attempt,
            **ordered(ordering_key),
        }
        if delivery_attempt:
            about["messaging.gcp_pubsub.message.delivery_attempt"] = delivery_attempt
        span = self._tracer.start_span(self._name, parent, self._trace.SpanKind.CONSUMER, self._about | about)
        _in_hand[job_id, attempt] = span
        return carrier.carrying(request, self._trace.set_span_in_context(span, parent))

    def end(self, job_id: str, attempt: int, ended: Ended) -> None:
        """An attempt has ended; to say it again does no harm."""
        span = _in_hand.pop((job_id, attempt), None)
        if span is None:
            return
        span.set_attribute("pubsubctl.job.outcome", ended.outcome)
        if ended.http_status is not None:
            span.set_attribute("http.response.status_code", ended.http_status)
        if ended.retry_in_s is not None:
            span.add_event("retry", {"pubsubctl.retry.delay_s": ended.retry_in_s})
        if ended.error_type is not None:
            span.set_attribute("error.type", ended.error_type)
            span.set_status(self._trace.StatusCode.ERROR, ended.error)
        span.end()


def attempts(*, topic: str, subscription: str, worker: str, broker: str) -> Attempts | None:
    """What makes the spans of a worker's attempts; None where none are asked for."""
    if not switch.on:
        return None
    from pubsubctl.tracing.exporting import tracer

    made = tracer()
    if made is None:
        return None
    return Attempts(made, topic=topic, subscription=subscription, worker=worker, broker=broker)


def active(job_id: str | None, attempt: int | None) -> Active | None:
    """The span that something about a job belongs to, or else whatever the calling thread does."""
    span = _in_hand.get((job_id, attempt)) if job_id is not None and attempt is not None else None
    if span is None and switch.on:
        from opentelemetry.trace import get_current_span

        span = get_current_span()
    context = None if span is None else span.get_span_context()
    return _named(context) if context is not None and context.is_valid else None


def _named(context: "SpanContext") -> Active:
    return Active(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)
