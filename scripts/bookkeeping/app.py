"""The application: an ordinary one, a slow one, one that fails, one that dies. Every run leaves a line behind.

Its moment is told by the clock of the machine, however wrong that of this host is made, and by the steady one.
"""

import ctypes
import os
import signal
import time

from flask import Flask, Response, request

app = Flask(__name__)
_ahead_s = float(os.environ.get("BOOKKEEPING_AHEAD", "0"))
_host = os.environ.get("BOOKKEEPING_HOST", "here")
_runs = os.open(os.environ["BOOKKEEPING_RUNS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_holding_the_gil = ctypes.PyDLL(None)  # its calls, unlike CDLL's, do not let go of it


@app.before_request
def note_the_run() -> None:
    """One line, in one write: whoever dies after it has run."""
    job_id, attempt = request.environ["pubsubctl.job_id"], request.environ["pubsubctl.attempt"]
    moment, steady = time.time() - _ahead_s, time.monotonic()
    os.write(_runs, f"{job_id} {attempt} {moment:.6f} {steady:.6f} {_host}\n".encode())


def _answer(status: int = 200, **headers: str) -> Response:
    told = {"X-Job": request.environ["pubsubctl.job_id"], "X-Attempt": str(request.environ["pubsubctl.attempt"])}
    return Response(request.get_data(), status, told | headers, content_type="application/octet-stream")


def _unless_attempt_is_over(times: int, status: int, **headers: str) -> Response:
    return _answer() if request.environ["pubsubctl.attempt"] > times else _answer(status, **headers)


@app.post("/work/<float:seconds>")
def work(seconds: float) -> Response:
    """Take some time, and answer with the request's body."""
    time.sleep(seconds)
    return _answer()


@app.post("/gil/<int:seconds>")
def gil(seconds: int) -> Response:
    """The same in one call into C code that never lets go of the GIL."""
    _holding_the_gil.sleep(seconds)
    return _answer()


@app.post("/flaky/<int:times>")
def flaky(times: int) -> Response:
    """Fail at first."""
    return _unless_attempt_is_over(times, 503)


@app.post("/later/<seconds>")
def later(seconds: str) -> Response:
    """Ask at first to be asked again later."""
    return _unless_attempt_is_over(1, 503, **{"Retry-After": seconds})


@app.post("/dies/<name>")
def dies(name: str) -> Response:
    """Take the process along, at first."""
    if request.environ["pubsubctl.attempt"] == 1:
        os.kill(os.getpid(), signal.Signals[name])
        time.sleep(10)
    return _answer()


@app.post("/hopeless")
def hopeless() -> Response:
    """Fail always."""
    return _answer(500)


@app.post("/refused")
def refused() -> Response:
    """Answer that the request is no good."""
    return _answer(422)


@app.post("/refused-at-first")
def refused_at_first() -> Response:
    """The same, until somebody asks again."""
    return _unless_attempt_is_over(1, 422)
