"""``pubsubctl emulator``: a local broker, as a daemon of the project."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.errors import EmulatorError, UsageError
from pubsubctl.render.output import Format, document, line, note

if TYPE_CHECKING:
    from pubsubctl.emulator.daemon import Running
    from pubsubctl.settings import Settings

app = new()

_Foreground = Annotated[bool, typer.Option("--foreground", help="Serve in this process, until Ctrl-C.")]
_HostPort = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", show_default=False, help="Where to listen; port 0 takes a free one.")
]
_DataDir = Annotated[
    Path | None, typer.Option(metavar="FOLDER", show_default=False, help="Where the messages are kept.")
]


@app.callback()
def emulator() -> None:
    """Start, stop and find the local broker of this project."""


@app.command(epilog="Example: pubsubctl emulator start --host-port 127.0.0.1:8085")
@with_settings()
def start(
    settings: "Settings",
    foreground: _Foreground = False,
    host_port: _HostPort = None,
    data_dir: _DataDir = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Start the emulator, or find it running."""
    from pubsubctl.emulator import daemon

    if settings.broker != "embedded":
        raise UsageError(f"only the embedded emulator is started from here yet, not {settings.broker!r}")
    if foreground:
        daemon.serve_foreground(settings.state, host_port=host_port, data_dir=data_dir, on_ready=_serving)
        return
    running = daemon.start(settings.state, host_port=host_port, data_dir=data_dir)
    _show(running, "started" if running.started else "runs already", format)


@app.command(epilog="Example: pubsubctl emulator stop")
@with_settings()
def stop(settings: "Settings", format: FormatOption = Format.TEXT) -> None:  # noqa: A002 - the option's name
    """Stop the emulator; what it was given is kept for the next start."""
    from pubsubctl.emulator import daemon

    stopped = daemon.stop(settings.state)
    if format is Format.TEXT:
        line("stopped" if stopped else "none was running")
    else:
        document({"stopped": stopped}, format)


@app.command(epilog="Example: pubsubctl emulator status --format json")
@with_settings()
def status(settings: "Settings", format: FormatOption = Format.TEXT) -> None:  # noqa: A002 - the option's name
    """Say where the emulator serves; exit code 1 when none runs."""
    _show(_running(settings), "runs", format)


@app.command(epilog='Example: eval "$(pubsubctl emulator env)"')
@with_settings()
def env(settings: "Settings") -> None:
    """Print what a shell evaluates so that any Pub/Sub client finds the emulator."""
    line(f"export PUBSUB_EMULATOR_HOST={_running(settings).address}")
    line(f"export PUBSUB_PROJECT_ID={settings.project}")


def _running(settings: "Settings") -> "Running":
    from pubsubctl.emulator import daemon

    running = daemon.find(settings.state)
    if running is None:
        raise EmulatorError(f"no emulator runs for {settings.state.directory}; `pubsubctl emulator start` starts one")
    return running


def _serving(address: str) -> None:
    note(f"serving at {address}; Ctrl-C stops it")


def _show(running: "Running", word: str, form: Format) -> None:
    content: dict[str, Any] = {"pid": running.pid, "address": running.address, "broker": running.broker}
    if form is Format.TEXT:
        line(f"{running.broker} {word} at {running.address} (pid {running.pid})")
    else:
        document(content, form)
