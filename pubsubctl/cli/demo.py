"""``pubsubctl demo``: the whole of it on this machine, with nothing prepared and nothing left behind."""

from pathlib import Path
from typing import Annotated

import typer

from pubsubctl.cli.app import new

app = new()

_Folder = Annotated[
    Path | None, typer.Argument(metavar="[FOLDER]", show_default=False, help="Where to do it; a new or empty folder.")
]
_Jobs = Annotated[int, typer.Option(min=1, max=2000, help="How many files to analyse.")]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command(epilog="Example: pubsubctl demo --jobs 500")
def demo(folder: _Folder = None, jobs: _Jobs = 400, debug: _Debug = False) -> None:  # noqa: ARG001 - entry reads --debug
    """Analyse files of this machine as jobs: set up, start a worker, submit, watch, look at a result, take it down.

    Without FOLDER it happens in a temporary one, which is deleted.
    """
    from pubsubctl.cli.demonstration import run

    run(folder, jobs)
