"""``pubsubctl worker start``: run jobs."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import parsed, with_settings
from pubsubctl.errors import UsageError

if TYPE_CHECKING:
    from pubsubctl.settings import Settings
    from pubsubctl.worker.run import Started
    from pubsubctl.worker.stopping import Limits

app = new()

_App = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", show_default=False, help="module:name, module:factory() or file.py, as for Flask."),
]
_Burst = Annotated[bool, typer.Option("--burst", help="Stop when no job is left that may run within a minute.")]
_MaxJobs = Annotated[
    int | None, typer.Option("--max-jobs", metavar="N", show_default=False, help="Stop after so many attempts.")
]
_MaxIdleTime = Annotated[
    str | None,
    typer.Option(
        "--max-idle-time", metavar="DURATION", show_default=False, help="Stop when no job has run for so long."
    ),
]
_Reload = Annotated[bool, typer.Option("--reload", help="Follow changes of the app's code; for development.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything.")]


@app.callback()
def worker() -> None:
    """Run jobs with your app."""


@app.command(
    epilog="Example: pubsubctl worker start app:app --processes 4 --job-timeout 10m",
)
@with_settings(
    "processes",
    "threads",
    "job_timeout",
    "max_attempts",
    "retry_on",
    "prefetch",
    "route",
    "drain_timeout",
    "max_jobs_per_child",
    "max_memory_per_child",
    "host_port",
    "log_format",
    "inline_limit",
    "payload_limit",
)
def start(
    settings: "Settings",
    target: _App = None,
    *,
    burst: _Burst = False,
    max_jobs: _MaxJobs = None,
    max_idle_time: _MaxIdleTime = None,
    reload: _Reload = False,
    verbose: _Verbose = False,
) -> None:
    """Run jobs with APP until Ctrl-C or SIGTERM, which drain: what runs may end.

    A second signal stops what runs and gives it back. `docker stop` kills after 10 s: use --drain-timeout 8 there.

    Without APP: what the settings say, FLASK_APP, app.py, wsgi.py. A DURATION is in seconds, or 90s, 10m, 2h, 7d.
    """
    limits = _limits(max_jobs, max_idle_time, burst=burst)
    from pubsubctl.render.ready import Ready, show
    from pubsubctl.render.worker import label, log_to_stderr
    from pubsubctl.worker.run import Worker

    # Traces belong to a project only in the cloud.
    traced = settings.project if settings.broker == "cloud" else None
    log_to_stderr(verbose=verbose, log_format=settings.log_format, project=traced)
    began = time.monotonic()

    def ready(at: "Started") -> None:
        show(
            Ready(
                settings=at.settings,
                app=at.app,
                broker=at.broker,
                address=at.place,
                ends=tuple(limits.words()),
                reload=reload,
                host_port=at.host_port,
                took_s=time.monotonic() - began,
            )
        )

    runner = Worker(settings, target, limits=limits, reload=reload)
    label(worker=runner.id)
    runner.run(ready)


def _limits(max_jobs: int | None, max_idle_time: str | None, *, burst: bool) -> "Limits":
    from pubsubctl.worker.stopping import Limits

    if max_jobs is not None and max_jobs < 1:
        raise UsageError(f"--max-jobs must be 1 or more, not {max_jobs}")
    idle_s = None if max_idle_time is None else parsed("max_idle_time", max_idle_time)
    if idle_s == 0:
        raise UsageError(f"--max-idle-time must be longer than nothing, not {max_idle_time!r}")
    return Limits(burst, max_jobs, idle_s)
