"""An application for the worker's tests: it answers, fails, hangs and dies as it is asked to."""

import contextvars
import ctypes
import os
import re
import signal
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path

from flask import Flask, Response, request

import pubsubctl

app = Flask(__name__)


@app.before_request
def note_the_run() -> None:
    """Count every run, in a file that outlives this process: one line each."""
    if runs := os.environ.get("TEST_RUNS"):
        with Path(runs).open("a") as file:
            file.write(f"{request.environ['pubsubctl.job_id']} {request.environ['pubsubctl.attempt']}\n")


@app.route("/noop", methods=["GET", "POST"])
def noop() -> str:
    return ""


@app.post("/echo")
def echo() -> Response:
    return Response(request.get_data(), content_type=request.content_type)


@app.get("/attempt")
def attempt() -> dict[str, object]:
    return {"job": request.environ["pubsubctl.job_id"], "attempt": request.environ["pubsubctl.attempt"]}


@app.get("/status/<int:code>")
def status(code: int) -> Response:
    return Response("answered", status=code, headers=dict(request.args))


@app.get("/fails-until/<int:number>")
def fails_until(number: int) -> tuple[str, int]:
    return ("", 200) if request.environ["pubsubctl.attempt"] >= number else ("not yet", 503)


@app.get("/sleep/<seconds>")
def sleep(seconds: str) -> str:
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        time.sleep(0.01)
    return "slept"


@app.get("/until/<path:file>")
def until(file: str) -> str:
    """Run until a file exists, so that a test decides when the job ends."""
    while not Path("/" + file).exists():
        time.sleep(0.01)
    return "there it is"


@app.get("/stubborn")
def stubborn() -> str:
    """Ignore SIGTERM, and never come back."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


@app.get("/dies/<name>")
def dies(name: str) -> str:
    """Die of a signal, in the first attempt only unless asked to do it always."""
    if request.environ["pubsubctl.attempt"] == 1 or "always" in request.args:
        if name == "SIGSEGV":
            ctypes.string_at(0)
        os.kill(os.getpid(), signal.Signals[name])
        time.sleep(10)
    return "alive"


@app.get("/holds-the-gil")
def holds_the_gil() -> str:
    """One call into C code, of a second or two, that never lets go of the GIL."""
    re.match(r"(a+)+$", "a" * 24 + "b")
    return "done"


@app.get("/forks-and-dies")
def forks_and_dies() -> str:
    if request.environ["pubsubctl.attempt"] == 1:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@app.get("/reports-later")
def reports_later() -> str:
    """Answer, while a thread of this job goes on reporting."""

    def report() -> None:
        for step in range(100):
            pubsubctl.progress(step / 100)
            time.sleep(0.01)

    threading.Thread(target=contextvars.copy_context().run, args=(report,), daemon=True).start()
    return "answered"


@app.get("/exits")
def exits() -> str:
    sys.exit(3)


@app.get("/progress")
def progress() -> str:
    for step in range(1, 6):
        pubsubctl.progress(step / 5, f"step {step}/5")
    until(request.args["file"].lstrip("/"))
    return "done"


@app.get("/prints")
def prints() -> str:
    print("printed by the application")
    return "printed"


@app.get("/large/<int:size>")
def large(size: int) -> bytes:
    return bytes(size)


@app.get("/later/<form>/<int:seconds>")
def later(form: str, seconds: int) -> tuple[str, int, dict[str, str]]:
    """Ask in the first attempt to be asked again so many seconds later, as a number or as a date."""
    if request.environ["pubsubctl.attempt"] > 1:
        return "now", 200, {}
    asked = formatdate(time.time() + seconds, usegmt=True) if form == "date" else str(seconds)
    return "later", 503, {"Retry-After": asked}


@app.get("/hangs-at-first")
def hangs_at_first() -> str:
    if request.environ["pubsubctl.attempt"] == 1:
        time.sleep(600)
    return "slept enough"


@app.get("/traceparent")
def traceparent() -> Response:
    """The trace that this request is part of; with ``until``, fails before that attempt."""
    if request.environ["pubsubctl.attempt"] < int(request.args.get("until", "1")):
        return Response("not yet", 503)
    return Response(request.headers.get("Traceparent", ""))


@app.get("/holds-the-gil/<int:seconds>")
def holds_the_gil_for(seconds: int) -> str:
    """One call into C code that never lets go of the GIL."""
    ctypes.PyDLL(None).sleep(seconds)
    return "done"
