"""What each HTTP request is answered with; nothing here knows of connections."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from pubsubctl.emulator.embedded.rest.guard import Guard
from pubsubctl.emulator.embedded.rest.messages import Request, Response, json_bytes, refused
from pubsubctl.emulator.embedded.rest.routes import Found, find, methods
from pubsubctl.emulator.embedded.rest.transcoding import read_json, read_request, write_response
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.status import Refusal, internal, not_found

Handler = Callable[[Any], Awaitable[Any]]

# Clients that name no timeout most often wait for a minute: an empty answer to a pull is better than none.
PATIENCE_S = 55.0
TIMEOUT = "x-server-timeout"

_log = logging.getLogger("pubsubctl.emulator")


class Deadline:
    """Of a gRPC context, what RPCs ask for."""

    def __init__(self, timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time() + timeout_s

    def time_remaining(self) -> float:
        """The seconds that the caller still waits."""
        return max(0.0, self._at - self._loop.time())

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Nothing: what concerns gRPC clients concerns nobody here."""
        return ()


class Api:
    """Pub/Sub's REST API, and the emulator's own.

    ``admin`` has handlers by method and path, such as ``("POST", "/shutdown")``; each is given the JSON of the body,
    None if there is no body, and returns what is sent back as JSON, or raises ``Refusal``.
    """

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        admin: Mapping[tuple[str, str], Handler],
        *,
        host: str,
        addresses: Iterable[str] = (),
    ) -> None:
        self._rpcs = rpcs
        self._admin = admin
        self._guard = Guard(host, addresses)

    async def answer(self, request: Request) -> Response:
        """The response; whatever goes wrong is one too."""
        try:
            self._guard.check(request)
            return await self._answer(request)
        except Refusal as refusal:
            return refused(refusal)
        except Exception:  # noqa: BLE001 - it is answered and logged, as gRPC does it
            _log.exception("%s %s failed", request.method, request.path)
            return refused(internal("The emulator failed on this request; its log has the traceback."))

    async def _answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return Response(200, headers={"Allow": ", ".join([*self._methods(request.path), "OPTIONS"])})
        if (method, request.path) == ("GET", "/"):
            return Response(200, b"Ok\n", "text/plain; charset=UTF-8")
        if handler := self._admin.get((method, request.path)):
            return Response(200, json_bytes(await handler(read_json(request.body)) or {}, pretty=True))
        if found := find(method, request.path):
            return await self._call(found, request)
        raise not_found(self._no_such(request))

    async def _call(self, found: Found, request: Request) -> Response:
        rpc = self._rpcs[found.route.rpc]
        wanted = read_request(rpc.request, found, request.query, request.body)
        response = await rpc.answer(wanted, Deadline(_timeout_s(request)))
        if isinstance(response, bytes):
            response = rpc.response.FromString(response)
        return Response(200, write_response(response, dict(request.query)))

    def _methods(self, path: str) -> list[str]:
        known = {method for method, its in self._admin if its == path} | set(methods(path))
        return sorted(known | ({"GET"} if path == "/" else set()))

    def _no_such(self, request: Request) -> str:
        if known := self._methods(request.path):
            return f"{request.path} takes {' and '.join(known)}, not {request.method}"
        return f"There is no {request.path} here; the API's paths are in cloud.google.com/pubsub/docs/reference/rest"


def _timeout_s(request: Request) -> float:
    """How long the client waits, as it says (cloud.google.com/apis/docs/system-parameters)."""
    try:
        timeout_s = float(request.headers.get(TIMEOUT, ""))
    except ValueError:
        return PATIENCE_S
    return timeout_s if 0 < timeout_s < float("inf") else PATIENCE_S
