"""The options of commands that listen for HTTP clients."""

from typing import Annotated

import typer

HostPortOption = Annotated[
    str, typer.Option("--host-port", metavar="HOST:PORT", help="Where to listen; port 0 is a free one.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PUBSUBCTL_TOKEN",
        metavar="TOKEN",
        show_default=False,
        help="What clients must show, and people sign in with; needed on any address but loopback. Others on this "
        "machine see a flag: prefer the variable.",
    ),
]
HostsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME",
        help="Name by which it may be asked for where it has no token, beside localhost; repeatable.",
    ),
]
