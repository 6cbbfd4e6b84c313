"""``pubsubctl result``: what the app answered."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.render import result as render
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
_Include = Annotated[bool, typer.Option("--include", "-i", help="Show the status line and the headers too.")]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Where to put the body.")
]


@app.command(epilog="Example: pubsubctl result 0193d0c5a1f2b3c4d5e6f7a8b9c0 -o report.pdf")
@with_settings()
def result(
    settings: "Settings",
    job: _Job,
    include: _Include = False,
    output: _Output = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Print the body of a job's response."""
    from pubsubctl.client import Client

    with Client(settings, create_store=False) as client, client.open_result(job) as (response, body):
        render.show(job, response, body, form=format, include=include, output=output)
