"""Where spans go: OpenTelemetry's SDK, set up once, when the first span is made."""

import atexit
import functools
import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pubsubctl.tracing import switch

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_log = logging.getLogger("pubsubctl.tracing")

_NAME = "pubsubctl"
_LAST_SPANS_S = 2.0
"""How long the end of the process waits for the last spans to be taken."""
_EXPORTERS = "opentelemetry_traces_exporter"  # the group of entry points that exporters register in


@functools.cache
def tracer() -> "Tracer | None":
    """What makes our spans; None, with a warning and for good, where OpenTelemetry's SDK is not installed.

    A provider that the program has set up itself is used as it is.
    """
    try:
        from opentelemetry import trace

        from pubsubctl import __version__

        given = trace.get_tracer_provider()
        provider = _set_up() if isinstance(given, trace.ProxyTracerProvider) else given
    except ImportError as error:
        _log.warning(
            "traces are asked for, and cannot be made (%s): pip install 'pubsubctl[tracing]', "
            "or set OTEL_SDK_DISABLED=true",
            error,
        )
        switch.turn_off()
        return None
    return provider.get_tracer(_NAME, __version__)


def _set_up() -> "TracerProvider":
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    detected = Resource.create()
    unnamed = str(detected.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
    resource = detected.merge(Resource({SERVICE_NAME: _NAME})) if unnamed else detected
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    # They log every failure, with a traceback, for as long as a collector is away; we log a change of state.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    for exporter in _exporters():
        provider.add_span_processor(BatchSpanProcessor(_told(exporter)))
    _Flush(provider).at_exit()
    return provider


def _exporters() -> Iterator[Any]:
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",") or [""]:
        match name.strip().lower():
            case "" | "otlp" if _protocol() != "grpc":
                yield _loaded("otlp_proto_http")()
            case "" | "otlp":
                yield _loaded("otlp_proto_grpc")()
            case "console":
                # stdout is for data.
                yield _loaded("console")(out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n")
            case other:
                yield _loaded(other)()


def _protocol() -> str:
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return (named or "").strip().lower()


def _loaded(name: str) -> Any:
    """An exporter's class.

    Raises:
        ImportError: no package that is installed has one of that name.
    """
    from importlib.metadata import entry_points

    found = list(entry_points(group=_EXPORTERS, name=name))
    if not found:
        raise ImportError(f"no exporter of spans is called {name!r}")
    return found[0].load()


def _told(exporter: Any) -> Any:
    """The exporter, which tells in our log when it begins to fail, and when it works again."""
    from opentelemetry.sdk.trace.export import SpanExportResult

    failing = False
    export = exporter.export

    def told(spans: Sequence[Any]) -> SpanExportResult:
        nonlocal failing
        result: SpanExportResult = export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not failing:
            _log.warning("spans cannot be exported, and are lost until that works again; jobs are not concerned")
        elif failing and not failed:
            _log.warning("spans are exported again")
        failing = failed
        return result

    exporter.export = told
    return exporter


class _Flush:
    """Ends a provider within a bound.

    Its own end waits for as long as it tries to export, which without a collector is half a minute. The thread that
    waits in our place is started early: none can be started at the end.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._now = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def at_exit(self) -> None:
        """Do it when the process ends."""
        atexit.register(self._flush)

    def _flush(self) -> None:
        self._now.set()
        self._thread.join(_LAST_SPANS_S)

    def _run(self) -> None:
        self._now.wait()
        self._provider.shutdown()
