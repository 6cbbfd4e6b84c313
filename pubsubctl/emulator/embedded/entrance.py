"""Where requests come in: one port, for gRPC and for REST."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pubsubctl.emulator.embedded.admin import Handlers
from pubsubctl.emulator.embedded.front import Front
from pubsubctl.emulator.embedded.health import Health
from pubsubctl.emulator.embedded.listener import listen
from pubsubctl.emulator.embedded.relay import private_address
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.server import make_server
from pubsubctl.errors import EmulatorError

if TYPE_CHECKING:
    from pubsubctl.emulator.embedded.rest.server import HttpServer


class Entrance:
    """Serves RPCs at one address.

    Attributes:
        address: host:port, the host as it was asked for.
    """

    def __init__(self, rpcs: Mapping[str, Rpc], admin: Handlers, host_port: str) -> None:
        """Listen at ``host_port``; nobody is answered before ``open``.

        Raises:
            EmulatorError: one cannot listen there.
        """
        self._rpcs = rpcs
        self._admin = admin
        self._listeners = listen(host_port)
        self._host = _bracketed(host_port.rpartition(":")[0])
        self.address = f"{self._host}:{self._listeners[0].getsockname()[1]}"
        self._health = Health(sorted({rpc.service for rpc in rpcs.values()}))
        self._server = make_server(rpcs.values(), self._health)
        self._front: Front | None = None
        self._http: HttpServer | None = None

    async def open(self) -> None:
        """Answer requests from now on.

        Raises:
            EmulatorError: gRPC cannot listen at an address of its own.
        """
        private = private_address()
        try:
            port = self._server.add_insecure_port(private)
        except RuntimeError as error:
            raise EmulatorError(f"gRPC cannot listen at {private}: {error}") from error
        await self._server.start()
        where = private if private.startswith("unix") else f"{private.rpartition(':')[0]}:{port}"
        self._front = Front(self._listeners, grpc_address=where, serve_http=self._serve_http)

    async def close(self, grace_s: float) -> None:
        """Answer no new request; those that are under way may take ``grace_s`` seconds more."""
        if self._front:
            self._front.stop_accepting()
        for listener in self._listeners:
            listener.close()
        self._health.stop()
        # Beside it, not after it: gRPC waits for the end of connections that their clients do not read from.
        await asyncio.gather(self._server.stop(grace_s), self._close_http(grace_s), self._close_front(grace_s))

    async def _close_front(self, grace_s: float) -> None:
        if self._front is not None:
            await self._front.close(grace_s)

    async def _close_http(self, grace_s: float) -> None:
        if self._http is not None:
            await self._http.close(grace_s)

    def _serve_http(self, client: socket.socket, head: bytes) -> None:
        if self._http is None:
            # Most never send such a request, and would wait for what answers it to be imported.
            from pubsubctl.emulator.embedded.rest.api import Api
            from pubsubctl.emulator.embedded.rest.server import HttpServer

            reachable = {listener.getsockname()[0] for listener in self._listeners}
            self._http = HttpServer(Api(self._rpcs, self._admin, host=self._host, addresses=reachable).answer)
        self._http.take(client, head)


def _bracketed(host: str) -> str:
    """An IPv6 address in brackets, as clients want it before a port; any other host as it is."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
