"""``pubsubctl explain``: everything that happened to a job, and what it waits for."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
_Logs = Annotated[
    bool | None,
    typer.Option(
        "--logs/--no-logs",
        show_default=False,
        help="The whole log of every attempt, or none; else the end of the last one's.",
    ),
]


@app.command(epilog="Example: pubsubctl explain 0193d0c5a1f2b3c4d5e6f7a8b9c0")
@with_settings()
def explain(
    settings: "Settings",
    job: _Job,
    logs: _Logs = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Tell a job's story, and what it waits for.

    Every publish, delivery and attempt, with offsets from its submit.
    """
    from pubsubctl.cli.telling import timeline
    from pubsubctl.render import timeline as render
    from pubsubctl.store.opening import open_store

    with open_store(settings.store_url, create=False) as store:
        render.show(timeline(store, settings, job), format, logs=logs)
