"""The application by itself: ``python -m pubsubctl.bench.alone APP --seconds S --to FILE``, with a request on stdin.

It is called through WSGI in this one process, as a worker's child calls it, again and again for so many seconds, but
twice at least, as a first call may load what the later ones have. What was found goes to FILE as JSON, since the
application may print whatever it likes: ``error`` of an application that cannot be loaded, or else ``loaded_s``,
``status`` (that of the first answer that is no success, or of the last), ``calls``, ``first_s``, ``p50_s`` and
``total_s``, the last three without the loading, and the last two without the first call.
"""

import argparse
import base64
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from pubsubctl.errors import ApplicationError
from pubsubctl.exchange import Meaning, Request, meaning
from pubsubctl.wire import MAX_MESSAGE_BYTES
from pubsubctl.worker import application, wsgi


def main() -> None:
    """Be that process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    given.to.write_text(json.dumps(found(given.app, read_request(sys.stdin.read()), given.seconds)))


def written_request(request: Request) -> str:
    """A request as ``read_request`` reads it."""
    body = base64.b64encode(request.body).decode()
    return json.dumps({"method": request.method, "path": request.path, "headers": request.headers, "body": body})


def read_request(text: str) -> Request:
    """A request as it was written."""
    told = json.loads(text)
    headers = tuple((name, value) for name, value in told["headers"])
    return Request(told["method"], told["path"], headers, base64.b64decode(told["body"]))


def found(app: str, request: Request, seconds: float) -> dict[str, Any]:
    """Load and call it; see the module."""
    began = time.perf_counter()
    try:
        loaded = application.load(app)
    except ApplicationError as error:
        return {"error": str(error)}
    loaded_s = time.perf_counter() - began
    taken: list[float] = []
    began, status = time.perf_counter(), 0
    while len(taken) < 2 or time.perf_counter() - began < seconds:  # noqa: PLR2004 - see the module
        before = time.perf_counter()
        status = _status(loaded, request)
        taken.append(time.perf_counter() - before)
        if meaning(status, frozenset()) is not Meaning.SUCCEEDED:
            break
    later = taken[1:] or taken
    return {
        "loaded_s": loaded_s,
        "status": status,
        "calls": len(taken),
        "first_s": taken[0],
        "p50_s": statistics.median(later),
        "total_s": sum(later),
    }


def _status(app: application.WSGIApplication, request: Request) -> int:
    environ = wsgi.environ_for(request, job_id="bench", attempt=1)
    return wsgi.run(app, environ, max_bytes=MAX_MESSAGE_BYTES).status


if __name__ == "__main__":
    main()
