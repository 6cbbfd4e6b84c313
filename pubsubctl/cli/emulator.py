"""``pubsubctl emulator``: a local broker, as a daemon of the project."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.errors import BrokerUnreachable, EmulatorError, UsageError
from pubsubctl.render.output import Format, document, line, note

if TYPE_CHECKING:
    from pubsubctl.emulator.record import Running
    from pubsubctl.settings import Settings

app = new()


class Durability(StrEnum):
    """When the embedded emulator answers a publish."""

    FULL = "full"
    NORMAL = "normal"
    MEMORY = "memory"


_Foreground = Annotated[bool, typer.Option("--foreground", help="Serve in this process, until Ctrl-C.")]
_HostPort = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", show_default=False, help="Where to listen; port 0 takes a free one.")
]
_DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", show_default=False, help="Where its data lie; in .pubsubctl unless given."),
]
_Chaos = Annotated[
    str | None,
    typer.Option(
        metavar="FAULTS",
        show_default=False,
        help="Faults to make, such as duplicate=0.01,drop-ack=0.01,delay=200ms. Of the embedded emulator.",
    ),
]
_Faults = Annotated[
    str | None,
    typer.Argument(
        metavar="[FAULTS]",
        show_default=False,
        help="duplicate, drop-ack, nack, disconnect and unavailable, each with its rate; delay; seed.",
    ),
]
_Durability = Annotated[
    Durability | None,
    typer.Option(
        show_default=False,
        help="What a message survives: a crash of the machine (full, as unless given), or of the emulator alone "
        "(normal), or nothing (memory). Of the embedded emulator.",
    ),
]


@app.callback()
def emulator() -> None:
    """Start, stop and find the local broker of this project: the embedded one, or Google's through gcloud."""


@app.command(epilog="Example: pubsubctl emulator start --broker gcloud --host-port 127.0.0.1:8085")
@with_settings(of_jobs=False)
def start(
    settings: "Settings",
    *,
    foreground: _Foreground = False,
    host_port: _HostPort = None,
    data_dir: _DataDir = None,
    durability: _Durability = None,
    chaos: _Chaos = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Start the emulator, or find it running."""
    from pubsubctl.emulator import daemon

    how: dict[str, Any] = {
        "broker": settings.broker,
        "host_port": host_port,
        "data_dir": data_dir,
        "options": _options(settings, durability=durability, chaos=chaos),
    }
    if foreground:
        daemon.serve_foreground(settings.state, **how, on_ready=_serving)
        note("stopped")
        return
    running = daemon.start(settings.state, **how)
    _show(running, "started" if running.started else "runs already", format)
    if running.started:
        _caution(running)
    if chaos is not None and running.started:
        from pubsubctl.emulator import control

        note(f"making faults: {control.chaos(running.rest_address)}")
    if settings.emulator_host and settings.emulator_host != running.address:
        source = settings.sources["emulator_host"]
        note(f"{source} is set to {settings.emulator_host}: commands go there, not here; unset it")


@app.command(epilog="Example: pubsubctl emulator stop")
@with_settings(of_jobs=False)
def stop(settings: "Settings", format: FormatOption = Format.TEXT) -> None:  # noqa: A002 - the option's name
    """Stop the emulator. The embedded one keeps what it was given for the next start, Google's keeps nothing."""
    from pubsubctl.emulator import daemon, record

    _check_meant(settings, record.find(settings.state))
    stopped = daemon.stop(settings.state)
    if format is Format.TEXT:
        line("stopped" if stopped else "none was running")
    else:
        document({"stopped": stopped}, format)


@app.command(epilog="Example: pubsubctl emulator status --format json")
@with_settings(of_jobs=False)
def status(settings: "Settings", format: FormatOption = Format.TEXT) -> None:  # noqa: A002 - the option's name
    """Say which emulator serves, and where; exit code 1 when none runs."""
    _show(_running(settings), "runs", format)


@app.command(epilog='Example: eval "$(pubsubctl emulator env)"')
@with_settings(of_jobs=False)
def env(settings: "Settings") -> None:
    """Print what a shell evaluates so that any Pub/Sub client, and gcloud, find the emulator.

    gcloud also wants credentials, though the emulator asks for none, and a project: what says so for all that gcloud
    does in that shell is a comment, for you to choose.
    """
    from pubsubctl.emulator.record import from_here

    running = _running(settings)
    line(f"export PUBSUB_EMULATOR_HOST={from_here(running.address)}")
    line(f"export PUBSUB_PROJECT_ID={settings.project}")
    line(f"export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://{from_here(running.rest_address)}/")
    line("# for gcloud, in this shell:")
    line(f"# export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT={settings.project}")


@app.command(epilog="Example: pubsubctl emulator chaos duplicate=0.01,drop-ack=0.01,delay=200ms")
@with_settings(of_jobs=False)
def chaos(settings: "Settings", faults: _Faults = None, format: FormatOption = Format.TEXT) -> None:  # noqa: A002
    """Say which faults the embedded emulator makes, or let it make others from now on; `off` is none."""
    from pubsubctl.emulator import control

    running = _running(settings)
    if "chaos" not in running.kind.kept:
        raise UsageError(f"{running.kind.title} makes no faults on demand; the embedded one does")
    place = running.rest_address
    try:
        made = control.chaos(place) if faults is None else control.make_chaos(place, faults)
    except EmulatorError as error:
        raise BrokerUnreachable(str(error)) from error  # it runs, and trying again may help
    if format is Format.TEXT:
        line(made)
    else:
        document({"chaos": made}, format)


def _options(settings: "Settings", **given: str | None) -> dict[str, str]:
    """What the chosen emulator is told beside its place."""
    project = {"project": settings.project} if settings.broker == "gcloud" else {}
    return project | {name: str(value) for name, value in given.items() if value is not None}


def _running(settings: "Settings") -> "Running":
    from pubsubctl.emulator import daemon

    running = daemon.find(settings.state)
    if running is None:
        raise EmulatorError(f"no emulator runs for {settings.state.directory}; `pubsubctl emulator start` starts one")
    _check_meant(settings, running)
    return running


def _check_meant(settings: "Settings", running: "Running | None") -> None:
    """That the emulator which runs is not another than the one that --broker names."""
    asked = settings.sources.get("broker") == "--broker"
    if running is not None and asked and running.broker != settings.broker:
        raise UsageError(
            f"{running.kind.title} runs here, at {running.address}, and --broker says {settings.broker}; "
            f"use `--broker {running.broker}`, or leave it out"
        )


def _serving(running: "Running") -> None:
    note(f"serving at {running.address}; Ctrl-C stops it")
    _caution(running)


def _caution(running: "Running") -> None:
    if running.kind.caution:
        note(running.kind.caution)


def _show(running: "Running", word: str, form: Format) -> None:
    if form is Format.TEXT:
        line(f"{running.broker} {word} at {running.address} (pid {running.pid}, data in {running.data_dir})")
        return
    content: dict[str, Any] = {
        "pid": running.pid,
        "address": running.address,
        "rest_address": running.rest_address,
        "broker": running.broker,
        "data_dir": str(running.data_dir),
    }
    document(content, form)
