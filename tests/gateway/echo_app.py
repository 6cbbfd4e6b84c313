"""The application behind the gateway: it tells what it was asked, and answers as it is asked to."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

import pubsubctl

app = Flask(__name__)

LONGEST_S = 60
"""A job that a test has forgotten keeps no slot for longer."""


@app.route("/echo/", defaults={"rest": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@app.route("/echo/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def echo(rest: str) -> Response:
    body = request.get_data()
    said = {
        "method": request.method,
        "target": request.environ.get("REQUEST_URI"),
        "path": request.path,
        "query": request.query_string.decode(),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": body.decode("latin-1") if len(body) < 1000 else len(body),
    }
    return Response(json.dumps(said), content_type="application/json")


@app.get("/until/<path:file>")
def until(file: str) -> str:
    given_up = time.monotonic() + LONGEST_S
    while not Path("/", file).exists() and time.monotonic() < given_up:
        time.sleep(0.01)
    return "it is there"


@app.get("/steps/<path:file>")
def steps(file: str) -> str:
    for number in range(1, 4):
        pubsubctl.progress(number / 4, f"step {number}\n<script>")
        while not Path("/", f"{file}-{number}").exists():
            time.sleep(0.01)
    return "all steps"


@app.route("/status/<int:status>", methods=["GET", "POST"])
def status(status: int) -> tuple[str, int]:
    return f"status {status}", status


@app.get("/bytes/<int:count>")
def some_bytes(count: int) -> Response:
    return Response(bytes(range(256)) * (count // 256 + 1), content_type="application/octet-stream")


@app.get("/headers")
def headers() -> Response:
    answer = Response("<script>alert(1)</script>", 203, content_type="text/html; charset=utf-8")
    answer.headers.extend([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Own", "caf\xe9"), ("ETag", '"x"')])
    return answer


@app.get("/none")
def none() -> tuple[str, int]:
    return "", 204


@app.route("/predict", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def predict() -> dict[str, int]:
    """What the examples of the gateway's description ask for."""
    return {"answer": 42}


@app.post("/mirror")
def mirror() -> Response:
    return Response(request.get_data(), content_type=request.content_type)


class Raw:
    """Answers POST /raw as its body says, in JSON, whether one may or not."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/raw":
            return self._application(environ, start_response)
        said = json.loads(environ["wsgi.input"].read())
        start_response(said.get("status", "200 OK"), [(name, value) for name, value in said.get("headers", [])])
        return [said.get("body", "raw").encode("latin-1")]


app.wsgi_app = Raw(app.wsgi_app)  # type: ignore[method-assign]


@app.get("/cookies")
def cookies() -> Response:
    answer = Response("cookies")
    answer.headers.extend(
        [("Set-Cookie", "own=1; Path=/"), ("Set-Cookie", "pubsubctl-dashboard-80=x; Path=/_dashboard")]
    )
    return answer
