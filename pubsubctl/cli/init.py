"""``pubsubctl init``: the files of a new project."""

from pathlib import Path
from typing import Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.render.output import commands, line, note

app = new()

_Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where; here unless given.")]
_App = Annotated[
    str | None,
    typer.Option(
        "--app", metavar="MODULE:ATTR", show_default=False, help="The app that there is; else one is written too."
    ),
]


@app.command(epilog="Example: pubsubctl init thumbnails")
def init(
    folder: _Folder = Path(),
    app: _App = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Write an app, its settings, and what runs it in containers; what is there is never written over."""
    from pubsubctl.scaffold.writing import Project

    for path in Project(folder, app).write():
        line(str(path))
    where = [] if folder == Path() else [f"cd {folder}"]
    note("next:")
    commands(*where, "pubsubctl setup", "pubsubctl worker start")
    note("or all of it in containers:")
    commands("docker compose up --build")
