"""What happens to a job, as server-sent events (the HTML standard, section 9.2)."""

import json
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response
from werkzeug.wsgi import ClosingIterator

from pubsubctl.gateway.documents import document
from pubsubctl.gateway.pausing import PAUSING
from pubsubctl.gateway.waiters import Wait, Waiters
from pubsubctl.job import Job

_HEARTBEAT_S = 15.0
_BLOCKED_S = 30.0
"""How long a stream lasts on a server that knows no pauses: whoever asks asks again."""
_AGAIN_MS = 2000
_BEAT = b":\n\n"


class Events(Response):
    """A stream that ends with its job.

    ::

        id: 3-running-0.4
        event: job
        data: {"id": "0193d0c5a1f2b3c4d5e6f7a8b9c0", "state": "running", ...}

    The last one has the name ``end``. Whoever reconnects with the id of that is told that there is no more, by 204.

    Args:
        job: as it is now.
        wait: follows it; closed in the end.
        waiters: those to whom the wait belongs.
        root: where the gateway is mounted.
    """

    def __init__(self, job: Job, wait: Wait, waiters: Waiters, root: str) -> None:
        super().__init__(content_type="text/event-stream")
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # nginx passes on what comes, at once
        self._job = job
        self._wait = wait
        self._waiters = waiters
        self._root = root

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        """The WSGI application that a response is."""
        pausing = bool(environ.get(PAUSING))
        headers = [(name, value) for name, value in self.headers.items() if name.lower() != "content-length"]
        start_response("200 OK", headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            self._wait.close()
            return []
        return ClosingIterator(self._stream(pausing=pausing), self._wait.close)  # it may be closed before it begins

    def _stream(self, *, pausing: bool) -> Iterator[Any]:
        ends_at = math.inf if pausing else time.monotonic() + _BLOCKED_S
        try:
            yield f"retry: {_AGAIN_MS}\n\n".encode()
            last = self._job
            yield told(last, self._root)
            while not last.finished and not self._waiters.closed and time.monotonic() < ends_at:
                pause = self._wait.until(time.monotonic() + _HEARTBEAT_S)
                if pausing:
                    yield pause
                else:
                    pause.wait()
                if not self._wait.news:
                    yield _BEAT
                    continue
                self._wait.news = False  # before it is looked at: what comes meanwhile is news again
                if (job := self._wait.job) is None:  # it was purged
                    return
                if job != last:
                    last = job
                    yield told(job, self._root)
        finally:
            self._wait.close()


def told(job: Job, root: str) -> bytes:
    """An event."""
    name = "end" if job.finished else "job"
    return f"id: {mark(job)}\nevent: {name}\ndata: {json.dumps(document(job, root))}\n\n".encode()


def mark(job: Job) -> str:
    """What tells one state of a job from another."""
    progress = "" if job.progress_fraction is None else f"-{job.progress_fraction:g}"
    return f"{job.attempt}-{job.state}{progress}"
