"""``pubsubctl status``: what there is, one job, one batch; once, or until Ctrl-C."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_What = Annotated[
    str | None, typer.Argument(metavar="[JOB|BATCH]", show_default=False, help="The id of a job or of a batch.")
]
_Watch = Annotated[bool, typer.Option("--watch", help="Show it until it has ended, or until Ctrl-C.")]


@app.command(epilog="Example: pubsubctl status --watch")
@with_settings()
def status(
    settings: "Settings",
    what: _What = None,
    watch: _Watch = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show the broker, the workers and the latest jobs; or one job, or one batch."""
    from pubsubctl.cli.looking import subject
    from pubsubctl.store.opening import open_store

    with open_store(settings.store_url, create=False) as store:
        seen = subject(store, settings, what)
        if watch:
            seen.watch(format)
        else:
            seen.show(format)
