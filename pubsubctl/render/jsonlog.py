"""The log as JSON, one object a line, in the fields that Cloud Logging and its kin look for.

``severity``, ``time`` (RFC 3339, UTC), ``message``, ``logger``; ``job_id``, ``attempt`` and whatever else our own
loggers say beside their text; ``exception`` and ``stack_trace``; ``logging.googleapis.com/labels``; and the trace that
a line belongs to, if there is one. Nothing that is logged makes a line that is no JSON, nor one that is lost.
"""

import io
import json
import logging
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from pubsubctl.render.secrets import redacted
from pubsubctl.tracing import attempts, switch

_MOST_CHARACTERS = 50_000
"""Of a text: Cloud Logging takes entries of up to 256 KB, and a character may need four bytes."""
_OURS = "pubsubctl"
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_LABELS, _TRACE = "logging.googleapis.com/labels", "logging.googleapis.com/trace"
_SPAN, _SAMPLED = "logging.googleapis.com/spanId", "logging.googleapis.com/trace_sampled"


class JsonFormatter(logging.Formatter):
    """Makes a record a line of JSON.

    Args:
        project: whose Cloud Trace keeps the traces, where that is known.
        labels: what every line is labelled with; it may be changed later.
    """

    def __init__(self, project: str | None = None, labels: dict[str, str] | None = None) -> None:
        super().__init__()
        self._project = project
        self.labels = {} if labels is None else labels

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        entry: dict[str, Any] = {
            "severity": _severity(record.levelno),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
            "message": redacted(_message(record)),
            "logger": record.name,
        }
        if record.name.split(".", 1)[0] == _OURS:
            entry |= {key: value for key, value in vars(record).items() if key not in _USUAL and key not in entry}
        entry |= self._failure(record)
        if self.labels:
            entry[_LABELS] = self.labels
        return dumped(entry | self._trace(record))

    def _failure(self, record: logging.LogRecord) -> dict[str, str]:
        if not (record.exc_info and record.exc_info[1]):
            return {}
        kind, error, trace = record.exc_info
        return {
            "exception": redacted(f"{kind.__name__ if kind else 'Exception'}: {_text(error)}"),
            "stack_trace": redacted("".join(traceback.format_exception(kind, error, trace))),
        }

    def _trace(self, record: logging.LogRecord) -> dict[str, Any]:
        if not switch.on:
            return {}
        found = attempts.active(getattr(record, "job_id", None), getattr(record, "attempt", None))
        if found is None:
            return {}
        if self._project is None:
            return {"trace_id": found.trace_id, "span_id": found.span_id}
        trace = f"projects/{self._project}/traces/{found.trace_id}"
        return {_TRACE: trace, _SPAN: found.span_id, _SAMPLED: found.sampled}


class JsonStream(io.TextIOBase):
    """Stands in for stderr: whatever is written there past the log becomes lines of it."""

    def __init__(self, target: TextIO, formatter: JsonFormatter) -> None:
        self._target = target
        self._formatter = formatter
        self._begun = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream behind."""
        return self._target.encoding

    def fileno(self) -> int:
        """That of the stream behind: what other processes are given to write to."""
        return self._target.fileno()

    def isatty(self) -> bool:
        """JSON is for no terminal."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write the lines that are whole; the rest waits for its end, apart for each thread."""
        *lines, self._begun.text = (getattr(self._begun, "text", "") + text).split("\n")
        for line in filter(str.strip, lines):
            record = logging.LogRecord("stderr", logging.INFO, "", 0, line, None, None)
            self._target.write(self._formatter.format(record) + "\n")
        return len(text)

    def flush(self) -> None:
        """What was written is on its way."""
        self._target.flush()


def dumped(entry: dict[str, Any]) -> str:
    """An object on one line, whatever is in it."""
    try:
        return json.dumps(_plain(entry), allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return json.dumps({str(key): _cut(_text(value)) for key, value in entry.items()})


def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ``sys.excepthook`` calls: the end of the process."""
    logging.getLogger(_OURS).critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """What ``threading.excepthook`` calls: the end of a thread."""
    if failure.exc_value is None or isinstance(failure.exc_value, SystemExit):
        return
    name = failure.thread.name if failure.thread else "?"
    error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    logging.getLogger(_OURS).error("the %s thread failed: %r", name, failure.exc_value, exc_info=error)


def _severity(level: int) -> str:
    """Cloud Logging's name of the highest severity that a level reaches."""
    reached = max((known for known in _SEVERITIES if known <= level), default=logging.DEBUG)
    return _SEVERITIES[reached]


_SEVERITIES = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARNING",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "CRITICAL",
}


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - what does not fit its arguments is told as it is
        return f"{_text(record.msg)} {_text(record.args)}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an object whose own __str__ fails
        return f"<{type(value).__name__}>"


def _plain(value: object) -> object:
    """The same in what JSON has."""
    match value:
        case bool() | int() | None:
            return value
        case str():
            return _cut(str(value))
        case float():
            return value if value - value == 0 else str(value)
        case dict():
            return {_cut(_text(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return _cut(_text(value))


def _cut(text: str) -> str:
    """Valid Unicode, of a length that a log takes."""
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}... ({len(text) - _MOST_CHARACTERS:,} more characters)"
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
