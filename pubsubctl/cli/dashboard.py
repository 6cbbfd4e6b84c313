"""``pubsubctl dashboard``: jobs for people who would rather look."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import with_settings
from pubsubctl.cli.readers import parsed

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_HostPort = Annotated[
    str, typer.Option("--host-port", metavar="HOST:PORT", help="Where to listen; port 0 is a free one.")
]
_Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PUBSUBCTL_TOKEN",
        metavar="TOKEN",
        show_default=False,
        help="What people sign in with; needed on any address but loopback. Others on this machine see a flag: prefer "
        "the variable.",
    ),
]


_Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME",
        help="Name by which it may be asked for where it has no token, beside localhost; repeatable.",
    ),
]


@app.command(epilog="Example: pubsubctl dashboard --host-port 127.0.0.1:8081")
@with_settings()
def dashboard(
    settings: "Settings", *, host_port: _HostPort = "127.0.0.1:8081", token: _Token = None, host: _Hosts = None
) -> None:
    """Show jobs, workers, dead letters and the broker in a browser, until Ctrl-C.

    `pubsubctl gateway start` has the same pages.
    """
    from pubsubctl import settings as reading
    from pubsubctl.gateway.serving import serve_dashboard
    from pubsubctl.gateway.terms import Terms
    from pubsubctl.render.output import note
    from pubsubctl.render.worker import log_to_stderr

    terms = Terms(token=token, hosts=tuple(host or ()), dashboard=True)
    listen_at = parsed("host_port", host_port, reading.host_port)
    log_to_stderr(verbose=False)
    serve_dashboard(settings, terms, listen_at, ready=lambda at: note(f"dashboard at http://{at}/; Ctrl-C ends it"))
