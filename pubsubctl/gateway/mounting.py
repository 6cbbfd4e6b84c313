"""The gateway in front of a WSGI application that answers by itself: only who asks for that is answered later."""

from collections.abc import Callable, Iterable
from typing import Any

from pubsubctl.client import Client
from pubsubctl.gateway import prefer
from pubsubctl.gateway.app import Gateway
from pubsubctl.gateway.dashboard.blueprint import PREFIX as DASHBOARD
from pubsubctl.gateway.documents import PREFIX
from pubsubctl.gateway.terms import Terms

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AsyncMiddleware:
    """Makes jobs of requests with ``Prefer: respond-async``; all others go to the application, here and now.

    ::

        from pubsubctl import Client
        from pubsubctl.gateway import AsyncMiddleware, Terms

        app.wsgi_app = AsyncMiddleware(app.wsgi_app, Client(), Terms(token=..., allow=("/predict",)))

    Workers run the same application, without this: an application that a worker has loaded is none that waits for
    workers, so there nothing becomes a job again.

    Args:
        app: the application.
        client: submits jobs, and knows them.
        terms: what is allowed; paths that are not go to the application.
    """

    def __init__(self, app: WSGI, client: Client, terms: Terms | None = None) -> None:
        self._app = app
        self._terms = terms or Terms()
        self._gateway = Gateway(client, self._terms)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The application, as a server calls it."""
        if self._is_ours(environ):
            answer: Iterable[bytes] = self._gateway.wsgi(environ, start_response)
            return answer
        return self._app(environ, start_response)

    def close(self) -> None:
        """Let those who wait go with what is known."""
        self._gateway.close()

    def _is_ours(self, environ: dict[str, Any]) -> bool:
        if "pubsubctl.job_id" in environ:  # a worker runs it
            return False
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        prefixes = (PREFIX, DASHBOARD) if self._terms.dashboard else (PREFIX,)
        if any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes):
            return True
        preferences = prefer.read([environ.get("HTTP_PREFER", "")])
        return preferences.respond_async and self._terms.allows(path)
