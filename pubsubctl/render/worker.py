"""How a worker's log looks."""

import logging
import os
import sys
import threading
from typing import Any

from pubsubctl.render.jsonlog import JsonFormatter, JsonStream, log_thread_failure, log_uncaught
from pubsubctl.render.output import clean
from pubsubctl.render.patience import PatientHandler
from pubsubctl.render.secrets import redacted

_FORMAT, _TIME = "%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"
_labels: dict[str, str] = {}


class _OneLine(logging.Formatter):
    """A record on one line, whatever came from outside into its text; its traceback below it, if it has one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        message = clean(redacted(record.message))
        job_id = getattr(record, "job_id", None)
        record.message = message if job_id is None or str(job_id) in message else f"{message} (job {clean(job_id)})"
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as above
        return redacted(super().formatException(ei))


def label(**labels: str) -> None:
    """Label every line of a JSON log that comes from now on."""
    _labels.update(labels)


def log_to_stderr(*, verbose: bool, log_format: str = "text", project: str | None = None) -> None:
    """Send the log to stderr; Google's own loggers only when something is wrong that they alone know.

    Args:
        verbose: everything.
        log_format: ``text``; or ``json``, where all else that this process writes to stderr becomes lines of it too.
        project: whose Cloud Trace keeps the traces, where that is known.
    """
    handler = PatientHandler(sys.stderr)
    handler.setFormatter(_OneLine(_FORMAT, _TIME))
    if log_format == "json":
        handler.setFormatter(_all_as_json(JsonFormatter(project, _labels)))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    if not verbose:
        for name in ("google", "grpc"):
            logging.getLogger(name).setLevel(logging.ERROR)
        # Tracebacks of what the worker gets over by itself: a stream that is closed while its broker is away, and a
        # token that cannot be had just now, of which the call tells in one line.
        for name in ("grpc._channel", "grpc._plugin_wrapping"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _all_as_json(formatter: JsonFormatter) -> JsonFormatter:
    """Have whatever is written to stderr past the log made lines of it."""
    sys.stderr = JsonStream(sys.stderr, formatter)
    sys.excepthook = log_uncaught
    threading.excepthook = log_thread_failure
    logging.captureWarnings(capture=True)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes there too, in a format of its own
    return formatter
