"""``pubsubctl gateway start``: jobs for any HTTP client."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.listening import HostPortOption, HostsOption, TokenOption
from pubsubctl.cli.options import parsed, with_settings
from pubsubctl.cli.readers import parsed as read

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="PATH",
        help="A path, or a pattern such as '/v1/*', that is taken; all unless given; repeatable.",
    ),
]
_DefaultWait = Annotated[
    str,
    typer.Option("--default-wait", metavar="DURATION", help="How long a request waits that does not say so itself."),
]
_MaxWait = Annotated[str, typer.Option("--max-wait", metavar="DURATION", help="Longest that any request may wait.")]
_MaxBody = Annotated[
    str | None,
    typer.Option(
        "--max-body",
        metavar="SIZE",
        show_default=False,
        help="Largest body that is taken; 10M unless given, 100M with --payloads.",
    ),
]
_MaxWaits = Annotated[
    int, typer.Option("--max-waits", min=0, metavar="N", help="Requests that may wait at the same time.")
]
_Rate = Annotated[
    float,
    typer.Option("--rate", min=0, metavar="N", help="Requests a second that one client may make; 0 is any number."),
]
_Cors = Annotated[
    list[str] | None,
    typer.Option("--cors-origin", metavar="ORIGIN", help="Origin whose pages may ask, or '*'; repeatable."),
]
_Threads = Annotated[
    int,
    typer.Option(
        "--threads", min=1, max=1000, metavar="N", help="Requests worked at at the same time; who waits needs none."
    ),
]
_Dashboard = Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Pages for people, at /_dashboard.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything.")]


@app.callback()
def gateway() -> None:
    """Jobs for any HTTP client: 202, and a place to ask."""


@app.command(epilog="Example: pubsubctl gateway start --host-port 127.0.0.1:8080 --default-wait 5s")
@with_settings("inline_limit", "payload_limit")
def start(
    settings: "Settings",
    *,
    host_port: HostPortOption = "127.0.0.1:8080",
    token: TokenOption = None,
    allow: _Allow = None,
    default_wait: _DefaultWait = "0s",
    max_wait: _MaxWait = "60s",
    max_body: _MaxBody = None,
    max_waits: _MaxWaits = 1000,
    rate: _Rate = 0,
    cors_origin: _Cors = None,
    threads: _Threads = 8,
    host: HostsOption = None,
    dashboard: _Dashboard = True,
    verbose: _Verbose = False,
) -> None:
    """Take any HTTP request as a job, until Ctrl-C or SIGTERM.

    It is answered with 202 and where to ask: /_jobs/ID, /_jobs/ID/result, /_jobs/ID/events. A client that sends
    'Prefer: wait=10' has the app's own answer, if it comes within so many seconds. /_jobs/openapi.json describes all.

    A DURATION is in seconds, or 90s, 10m, 2h; a SIZE in bytes, or 512K, 10M.
    """
    from pubsubctl import settings as reading
    from pubsubctl.gateway.serving import serve
    from pubsubctl.gateway.terms import Terms
    from pubsubctl.quantities import size
    from pubsubctl.render.output import note
    from pubsubctl.render.worker import log_to_stderr

    usual_body = "10M" if settings.payloads is None else "100M"
    terms = Terms(
        token=token,
        allow=tuple(allow or ()),
        default_wait_s=parsed("default_wait", default_wait),
        max_wait_s=parsed("max_wait", max_wait),
        max_body=read("max_body", max_body or usual_body, size),
        max_waits=max_waits,
        rate_per_s=rate,
        cors_origins=tuple(cors_origin or ()),
        hosts=tuple(host or ()),
        dashboard=dashboard,
    )
    listen_at = read("host_port", host_port, reading.host_port)
    log_to_stderr(verbose=verbose)
    began = time.monotonic()

    def ready(address: str) -> None:
        pages = f", dashboard at http://{address}/_dashboard" if dashboard else ""
        note(f"gateway ready at http://{address} in {time.monotonic() - began:.1f} s{pages}; Ctrl-C ends it")

    serve(settings, terms, listen_at, threads=threads, ready=ready)
