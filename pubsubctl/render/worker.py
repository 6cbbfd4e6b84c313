"""What a worker says when it is ready, and how its log looks."""

import logging
import sys
from dataclasses import dataclass

from pubsubctl.render.figures import plural
from pubsubctl.render.output import clean, note


@dataclass(frozen=True)
class Ready:
    """A worker that runs jobs from now on."""

    app: str
    broker: str
    address: str
    topic: str
    subscription: str
    processes: int
    threads: int
    prefetch: int
    store: str
    took_s: float


def show(ready: Ready) -> None:
    """The start-up screen."""
    slots = ready.processes * ready.threads
    made = f"{plural(ready.processes, 'process', 'processes')} by {plural(ready.threads, 'thread')}"
    note(f"worker ready in {ready.took_s:.1f} s")
    for name, value in (
        ("app", ready.app),
        ("broker", f"{ready.broker} at {ready.address}"),
        ("topic", ready.topic),
        ("subscription", ready.subscription),
        ("slots", f"{slots} ({made}), up to {plural(ready.prefetch, 'message')} held beyond them"),
        ("store", ready.store),
    ):
        note(f"  {name:<13} {value}")
    note("Ctrl-C drains: running jobs may end, a second one stops them")


class _OneLine(logging.Formatter):
    """A record on one line, whatever came from outside into its text; its traceback below it, if it has one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = clean(record.message)
        return super().formatMessage(record)


def log_to_stderr(*, verbose: bool) -> None:
    """Send the log to stderr; Google's own loggers only when something is wrong that they alone know."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    if not verbose:
        for name in ("google", "grpc"):
            logging.getLogger(name).setLevel(logging.ERROR)
        # A stream that is closed while its broker is away: a traceback, of what the client gets over by itself.
        for name in ("google.api_core.bidi", "grpc._channel"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
