"""A gateway on a server, from its start to a signal."""

import logging
import sys
from collections.abc import Callable

from pubsubctl.client import Client
from pubsubctl.errors import UsageError
from pubsubctl.gateway.app import Gateway, viewer
from pubsubctl.gateway.server import Server
from pubsubctl.gateway.terms import Terms
from pubsubctl.settings import Settings
from pubsubctl.worker.notices import Notices
from pubsubctl.worker.signals import heard

_log = logging.getLogger("pubsubctl.gateway")

_OF_A_FORM = 1 << 20
_SWITCH_INTERVAL_S = 0.0005
_FAREWELL_S = 5.0
"""How long the last answers may take."""


def serve(
    settings: Settings, terms: Terms, host_port: str, *, threads: int, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve a gateway until SIGTERM or Ctrl-C; then whoever waits is told where to ask.

    Args:
        settings: whose jobs they are.
        terms: what is allowed.
        host_port: where to listen.
        threads: requests that are worked at at the same time; who waits needs none.
        ready: told where it listens, once it does.

    Raises:
        UsageError: others could reach it, and it has no token.
        PubsubctlError: nothing can listen there, or the store or the broker cannot be used.
    """
    with Client(settings) as client:
        client.connection  # noqa: B018 - a broker that cannot be had is told now, not to the first who asks
        gateway = Gateway(client, terms)
        server = Server(gateway.wsgi, host_port, threads=threads, max_body=terms.max_body)
        _until_signalled(server, terms, ready, "the gateway ends; whoever waits is told where to ask", gateway.close)


def serve_dashboard(
    settings: Settings, terms: Terms, host_port: str, *, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve the dashboard alone; see ``serve``. A broker that is away is told on its pages."""
    with Client(settings, create_store=False) as client:
        server = Server(viewer(client, terms), host_port, max_body=_OF_A_FORM)
        _until_signalled(server, terms, ready, "the dashboard ends")


def _be_fair() -> None:
    """Threads take turns soon: each request is a few short steps in several of them, and a client waits for all."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _until_signalled(
    server: Server,
    terms: Terms,
    ready: Callable[[str], None],
    farewell: str,
    on_end: Callable[[], None] = lambda: None,
) -> None:
    try:
        if terms.token is None and not server.is_local:
            raise UsageError(
                f"whoever reaches {server.address} could read and change jobs; set PUBSUBCTL_TOKEN to a secret of "
                "16 characters or more, or listen on 127.0.0.1"
            )
        _be_fair()
        notices = Notices()
        with heard(notices):
            server.start()
            ready(server.address)
            notices.next()
        _log.info(farewell)  # from here on another signal ends it as it ends any program
    finally:
        on_end()
        server.close(_FAREWELL_S)
