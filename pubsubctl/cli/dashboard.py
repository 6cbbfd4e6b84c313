"""``pubsubctl dashboard``: jobs for people who would rather look."""

from typing import TYPE_CHECKING

from pubsubctl.cli.app import new
from pubsubctl.cli.listening import HostPortOption, HostsOption, TokenOption
from pubsubctl.cli.options import with_settings
from pubsubctl.cli.readers import parsed

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()


@app.command(epilog="Example: pubsubctl dashboard --host-port 127.0.0.1:8081")
@with_settings()
def dashboard(
    settings: "Settings",
    *,
    host_port: HostPortOption = "127.0.0.1:8081",
    token: TokenOption = None,
    host: HostsOption = None,
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
