"""A Waitress server in a thread of this process: where it listens, how it starts and how it ends."""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]

from pubsubctl.errors import PubsubctlError

LOOK_S = 1.0
"""How often a server looks at its connections, at least."""
_QUEUE = 1_024

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[Any]]


class EndingServer(TcpWSGIServer):  # type: ignore[misc]
    """Waitress' server, which can be woken by any thread even while it ends.

    Waitress wakes its loop by a byte into a pipe. Once that is closed, its number may be another file's.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._trigger_lock = threading.Lock()
        self._has_ended = False
        super().__init__(*args, **settings)

    def pull_trigger(self) -> None:
        """Wake its loop, if it has one still."""
        with self._trigger_lock:
            if not self._has_ended:
                super().pull_trigger()

    def end(self) -> None:
        """Close all that it has open. Its threads are to have ended."""
        with self._trigger_lock:
            self._has_ended = True
            wasyncore.close_all(self._map, ignore_all=True)


class Listening:
    """Serves an application from ``start``, or ``run``, to ``close``.

    Args:
        server: the class of the server.
        application: what answers.
        host_port: ``HOST:PORT``, an IPv6 address in brackets; port 0 takes a free one.
        name: its thread's.
        adjustments: more of Waitress' own settings.

    Raises:
        PubsubctlError: nothing can listen there.
    """

    def __init__(
        self, server: type[EndingServer], application: WSGI, host_port: str, *, name: str, **adjustments: Any
    ) -> None:
        listening = _listen(host_port)
        # What it has to say is about its clients; what fails in the application is answered, and logged, by that.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        self.server = server(
            application,
            map=self._sockets,
            _sock=listening,
            sockinfo=(listening.family, listening.type, None, listening.getsockname()),
            bind_socket=False,
            backlog=_QUEUE,
            cleanup_interval=LOOK_S,
            ident=None,
            log_socket_errors=False,
            **adjustments,
        )
        self._address = str(listening.getsockname()[0]).partition("%")[0]
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)
        self._runs_in: int | None = None
        self._closing = False
        self._close_by = 0.0
        self._ended = threading.Event()

    @property
    def address(self) -> str:
        """Where it listens, as ``HOST:PORT``."""
        host, port = self.server.effective_host, self.server.effective_port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self._address).is_loopback

    def start(self) -> None:
        """Begin answering, in a thread of its own."""
        self._runs_in = 0
        self._thread.start()

    def run(self) -> None:
        """Answer in this thread, until it is closed."""
        self._runs_in = threading.get_ident()
        try:
            while not self._closing:
                self.turn(LOOK_S)
        finally:
            self._closing = True
            self._finish()

    def close(self, timeout_s: float = 2.0) -> None:
        """End; what is not answered by then is not answered. Closing it twice does no harm."""
        if self._closing:
            return
        self._close_by = time.monotonic() + timeout_s
        self._closing = True
        if self._runs_in is None:
            self._finish()
            return
        self.server.pull_trigger()
        if self._runs_in != threading.get_ident():  # a signal's handler runs in the thread that it would wait for
            self._ended.wait(timeout_s + LOOK_S)

    def turn(self, timeout_s: float) -> None:
        """See to what the connections ask for; wait for that no longer than ``timeout_s``."""
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._sockets, count=1)

    def drain(self, deadline: float) -> None:
        """What a server does between its last turn and the end of its threads; here nothing.

        Args:
            deadline: on the monotonic clock.
        """

    def _finish(self) -> None:
        try:
            self.drain(self._close_by)
            self.server.task_dispatcher.shutdown(timeout=LOOK_S)
            self.server.end()
        finally:
            self._ended.set()


def _listen(host_port: str) -> socket.socket:
    host, _, port = host_port.rpartition(":")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
    except (OSError, UnicodeError) as error:  # the latter of a name that is none
        raise _unusable(host_port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_QUEUE)
    except OSError as error:
        listening.close()
        raise _unusable(host_port, error) from error
    return listening


def _unusable(host_port: str, error: OSError | UnicodeError) -> PubsubctlError:
    why = getattr(error, "strerror", None) or error
    return PubsubctlError(
        f"nothing can listen at {host_port}: {why}; give --host-port another address, or port 0 for a free one"
    )
