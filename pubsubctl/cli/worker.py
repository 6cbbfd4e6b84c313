"""``pubsubctl worker start``: run jobs."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import with_settings

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_App = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", show_default=False, help="module:name, module:factory() or file.py, as for Flask."),
]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything.")]


@app.callback()
def worker() -> None:
    """Run jobs with your app."""


@app.command(
    epilog="Example: pubsubctl worker start app:app --processes 4 --job-timeout 10m",
)
@with_settings("processes", "threads", "job_timeout", "max_attempts", "prefetch", "route", "drain_timeout")
def start(settings: "Settings", target: _App = None, verbose: _Verbose = False) -> None:
    """Run jobs with APP until Ctrl-C or SIGTERM.

    Without APP: what the settings say, FLASK_APP, app.py, wsgi.py.
    """
    import time

    from pubsubctl.render import worker as render
    from pubsubctl.render.output import note
    from pubsubctl.worker.run import Started, Worker

    began = time.monotonic()
    render.log_to_stderr(verbose=verbose)

    def ready(at: Started) -> None:
        render.show(
            render.Ready(
                app=at.app,
                broker=at.broker,
                address=at.place,
                topic=at.topic,
                subscription=at.subscription,
                processes=at.processes,
                threads=at.threads,
                prefetch=at.prefetch,
                store=at.store,
                took_s=time.monotonic() - began,
            )
        )

    Worker(settings, target).run(ready)
    note("stopped")
