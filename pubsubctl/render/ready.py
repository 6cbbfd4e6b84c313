"""What a worker shows when it is ready."""

from collections.abc import Iterator
from dataclasses import dataclass

from pubsubctl.exchange import RetryOn
from pubsubctl.names import shown_url
from pubsubctl.render.figures import limit, plural, size
from pubsubctl.render.output import note
from pubsubctl.settings import Settings


@dataclass(frozen=True)
class Ready:
    """A worker that runs jobs from now on.

    Attributes:
        app: what it runs.
        broker: embedded, gcloud or cloud.
        address: where that is.
        ends: when it ends by itself, each in a few words.
        reload: whether it follows changes of the application's code.
        host_port: where its health is served, if it is.
        took_s: how long its start has taken.
    """

    settings: Settings
    app: str
    broker: str
    address: str
    ends: tuple[str, ...]
    reload: bool
    host_port: str | None
    took_s: float


def show(ready: Ready) -> None:
    """The start-up screen; one line where the log is for programs."""
    head = f"worker ready in {ready.took_s:.1f} s"
    if ready.settings.log_format == "json":
        note("; ".join([head, *(f"{name} {value}" for name, value in lines(ready))]))
        return
    note(head)
    for name, value in lines(ready):
        note(f"  {name:<13} {value}")
    note("Ctrl-C drains: running jobs may end, a second one stops them")


def lines(ready: Ready) -> Iterator[tuple[str, str]]:
    """What it shows, each with its name; what is as usual is left out. Pure."""
    settings = ready.settings
    yield "app", f"{ready.app}, reloaded when its code changes" if ready.reload else ready.app
    yield "broker", f"{ready.broker} at {ready.address}"
    yield "topic", settings.topic_path
    yield "subscription", settings.subscription_path
    yield "slots", _slots(settings)
    yield "store", settings.store_name
    if settings.payloads is not None:
        yield "payloads", f"{shown_url(settings.payloads)}, for bodies over {size(settings.inline_limit)}"
    if limits := ", ".join(_limits(settings)):
        yield "limits", limits
    if ready.ends:
        yield "ends", " or ".join(ready.ends)
    if ready.host_port:
        yield "health", f"http://{ready.host_port}/healthz, /readyz, /metrics, /backlog, /jobs/ID"


def _slots(settings: Settings) -> str:
    made = f"{plural(settings.process_count, 'process', 'processes')} by {plural(settings.threads, 'thread')}"
    held = "messages held beyond them as jobs are short or long"
    if settings.prefetch is not None:
        held = f"up to {plural(settings.prefetch, 'message')} held beyond them"
    return f"{settings.slots} ({made}), {held}"


def _limits(settings: Settings) -> Iterator[str]:
    """What somebody has set of what a job, or a process, may do."""
    if settings.job_timeout is not None:
        yield f"{limit(settings.job_timeout)} a job"
    if "max_attempts" in settings.sources:
        yield f"{plural(settings.max_attempts, 'failure')} a job"
    if "retry_on" in settings.sources:
        yield f"retry on {_words(settings.retry_on)}"
    if settings.max_jobs_per_child:
        yield f"{plural(settings.max_jobs_per_child, 'job')} a process"
    if settings.max_memory_per_child:
        yield f"{_memory(settings.max_memory_per_child)} a process"
    if "drain_timeout" in settings.sources:
        yield f"{limit(settings.drain_timeout)} to drain"


def _memory(count: int) -> str:
    """As ``--max-memory-per-child`` takes it, where it is a round number there."""
    for unit, one in (("G", 1 << 30), ("M", 1 << 20)):
        if count % one == 0:
            return f"{count // one}{unit}"
    return size(count)


def _words(retry_on: RetryOn) -> str:
    """As ``--retry-on`` takes it."""
    words = ["timeout"] * retry_on.timeout + ["crash"] * retry_on.crash
    return ",".join([*_ranges(sorted(retry_on.statuses)), *words]) or "none"


def _ranges(statuses: list[int]) -> Iterator[str]:
    runs: list[list[int]] = []
    for status in statuses:
        if runs and runs[-1][-1] == status - 1:
            runs[-1].append(status)
        else:
            runs.append([status])
    for run in runs:
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
