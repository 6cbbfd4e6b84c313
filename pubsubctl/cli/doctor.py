"""``pubsubctl doctor``: look at everything that jobs depend on, and say what mends what is wrong."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.render import doctor as render
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pubsubctl.doctor.finding import Finding
    from pubsubctl.settings import Settings

app = new()

_Fix = Annotated[bool, typer.Option("--fix", help="Mend what can be mended without losing anything.")]


@app.command(epilog="Example: pubsubctl doctor --broker cloud --project my-project --store jobs.db")
@with_settings()
def doctor(
    settings: "Settings",
    *,
    fix: _Fix = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Look at everything that jobs depend on; each thing that is wrong is shown with what mends it.

    Ends with status 1 when something is wrong: jobs would not go through, or could be lost.
    """
    from pubsubctl.doctor.examination import examine

    found = render.show(_seen(examine(settings), fix=fix), format)
    if any(each.level == "wrong" and not each.fixed for each in found):
        raise typer.Exit(1)


def _seen(findings: "Iterator[Finding]", *, fix: bool) -> "Iterator[render.Seen]":
    from pubsubctl.errors import PubsubctlError

    for each in findings:
        fixed, text = False, each.text
        if fix and each.fix is not None:
            try:
                each.fix()
                fixed = True
            except (PubsubctlError, OSError) as error:
                text = f"{text}; mending it failed: {error}"
        yield render.Seen(each.place, str(each.level), text, each.remedy, fixed)
