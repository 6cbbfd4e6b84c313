"""A worker as probes, Prometheus and people see it, over HTTP.

=============  ============================================================================================
``/healthz``   200 while the worker's parts live and work, or drain; else 503: only a new process helps
``/readyz``    200 while it takes jobs; else 503: wait
``/metrics``   its numbers, for Prometheus
``/backlog``   how many jobs of its topic wait or run, here or in other workers: what to scale workers by
``/jobs/ID``   a job of its store, as ``pubsubctl status ID --format json`` shows it
``/``          where all of this is
=============  ============================================================================================

The backlog is of jobs, and of a topic: a message that something else has published is none before a worker has begun
it, and of a topic with several subscriptions, workers of each tell the same number.

A refusal is a problem document (RFC 9457). Nothing here changes anything, so only GET and HEAD are answered. This is
imported only by a worker that was asked for it.
"""

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from pubsubctl.errors import InvalidName, PubsubctlError
from pubsubctl.names import check_job_id
from pubsubctl.worker.condition import View, troubles
from pubsubctl.worker.exposition import Exposition
from pubsubctl.worker.listener import Listener

_log = logging.getLogger("pubsubctl.worker")

_LOOKUPS = 2
"""Questions to the store at the same time: fewer than there are threads, so that a slow store holds up no probe."""


class Server:
    """Answers for one worker.

    Args:
        view: the worker.
        host_port: where to listen; see ``Listener``.

    Raises:
        PubsubctlError: nothing can listen there.
    """

    def __init__(self, view: View, host_port: str) -> None:
        self._listener = Listener(pages(view), host_port)

    @property
    def address(self) -> str:
        """Where it listens, as ``HOST:PORT``."""
        return self._listener.address

    def start(self) -> None:
        """Begin answering."""
        self._listener.start()
        _log.info("health and metrics at http://%s", self.address)
        if not self._listener.is_local:
            _log.warning("whoever reaches %s can read jobs and numbers there: nobody is asked who he is", self.address)

    def close(self, timeout_s: float = 2.0) -> None:
        """End. To be called last of all: until then probes see how the worker drains."""
        self._listener.close(timeout_s)


def pages(view: View) -> Flask:
    """The pages as a WSGI application."""
    app = Flask(__name__, static_folder=None)
    shown = _Pages(view)
    for path, page in (
        ("/", shown.index),
        ("/healthz", shown.healthz),
        ("/readyz", shown.readyz),
        ("/metrics", shown.metrics),
        ("/backlog", shown.backlog),
        ("/jobs/<job_id>", shown.job),
    ):
        app.add_url_rule(path, view_func=page)
    app.register_error_handler(HTTPException, _refused)
    app.after_request(_fresh)
    return app


class _Pages:
    """What is answered; any number of threads may ask."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._exposition = Exposition(view)
        self._lookups = threading.Semaphore(_LOOKUPS)

    def index(self) -> Response:
        view = self._view
        paths = ["/healthz", "/readyz", "/metrics", "/backlog", "/jobs/{id}"]
        return _json({"worker": view.worker, "app": view.app, "slots": view.slots, "busy": view.busy(), "paths": paths})

    def healthz(self) -> Response:
        # What drains ends its parts one by one, and is not to be killed for that.
        return _judged({} if self._view.draining() else troubles(self._view.alive))

    def readyz(self) -> Response:
        if self._view.draining():
            return _judged({"worker": "it drains, and takes no more jobs"})
        return _judged(troubles(self._view.alive) | troubles(self._view.ready))

    def metrics(self) -> Response:
        text, content_type = self._exposition.text(request.headers.get("Accept", ""))
        return Response(text, content_type=content_type)

    def backlog(self) -> Response:
        return self._asking_store(lambda: _json({"backlog": self._view.backlog()}))

    def job(self, job_id: str) -> Response:
        def answer() -> Response:
            found = self._view.job(check_job_id(job_id))
            if found is None:
                return _problem(404, f"no job {job_id!r} in the worker's store")
            return _json(found.document())

        return self._asking_store(answer)

    def _asking_store(self, answer: Callable[[], Response]) -> Response:
        if not self._lookups.acquire(blocking=False):
            return _problem(503, "other lookups still wait for the store; ask again later")
        try:
            return answer()
        except InvalidName as error:
            return _problem(404, str(error))
        except PubsubctlError as error:
            return _problem(503, str(error))
        finally:
            self._lookups.release()


def _judged(reasons: dict[str, str]) -> Response:
    return _json({"status": "failing", "reasons": reasons}, 503) if reasons else _json({"status": "ok"})


def _refused(error: HTTPException) -> Response:
    answer = _problem(error.code or 500, error.description or "")
    answer.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return answer


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _problem(status: int, detail: str) -> Response:
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return _json(content, status, "application/problem+json")


def _json(content: Any, status: int = 200, content_type: str = "application/json") -> Response:
    return Response(json.dumps(content) + "\n", status, content_type=content_type)
