"""Whether anything is to be traced. Costs nothing to import, and OpenTelemetry is not imported here."""

import os
from collections.abc import Mapping

_WHERE_TO = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def asked_for(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for traces.

    An exporter or an endpoint must be named: the specification would send to a collector at localhost otherwise, which
    is not there for most who never asked.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name, "").strip() for name in _WHERE_TO)


on = asked_for(os.environ)
"""Whether there are spans to be made."""


def turn_off() -> None:
    """Trace nothing in this process."""
    global on  # noqa: PLW0603 - a plain name of a module is the cheapest thing to ask
    on = False
