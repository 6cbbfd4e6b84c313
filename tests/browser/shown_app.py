"""The application whose jobs the dashboard shows: it answers as it is asked to, and some of it is hostile."""

import time
from pathlib import Path

from flask import Flask, Response, request

import pubsubctl

app = Flask(__name__)

HOSTILE = "<script>window.stung=1;alert('stung')</script><img src=x onerror=\"window.stung=2;alert('stung')\">"
PAGE = f"<!doctype html><title>stung</title><h1>stung</h1>{HOSTILE}"
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="window.stung=3;parent.stung=3">'
    "<script>window.stung=4;parent.stung=4</script><rect width='40' height='40' fill='red'/></svg>"
)


@app.route("/ok/<path:_>", methods=["GET", "POST"])
def ok(_: str) -> dict[str, object]:
    return {"said": "ok", "numbers": [1, 2, 3]}


@app.get("/until/<path:file>")
def until(file: str) -> str:
    """Run until the file is there."""
    pubsubctl.progress(0.25, "a quarter is done")
    while not Path("/", file).exists():
        time.sleep(0.02)
    return "it is there"


@app.get("/once/<path:file>")
def once(file: str) -> tuple[str, int]:
    """Fail unless the file is there."""
    return ("mended", 200) if Path("/", file).exists() else ("it is not there", 500)


@app.get("/boom/<path:_>")
def boom(_: str) -> str:
    print("about to fail")
    raise ValueError("it went wrong")


@app.route("/hostile/<path:kind>", methods=["GET", "POST"])
def hostile(kind: str) -> Response:
    """Scripts in all that an application can say."""
    pubsubctl.progress(0.5, HOSTILE)
    print(HOSTILE)
    if kind.startswith("until/"):
        until(kind.removeprefix("until/"))
    if kind == "error":
        raise ValueError(HOSTILE)
    types = {
        "html": "text/html; charset=utf-8",
        "svg": "image/svg+xml",
        "png": "image/png",
        "xml": "application/xhtml+xml",
    }
    body = DRAWING if kind == "svg" else PAGE
    answer = Response(body, content_type=types.get(kind, "text/html"))
    answer.headers["X-Said"] = HOSTILE
    answer.headers["Content-Disposition"] = f'inline; filename="{request.args.get("name", "page.html")}"'
    answer.headers["Set-Cookie"] = "pubsubctl-dashboard=stung; Path=/"
    answer.headers["Content-Security-Policy"] = "default-src * 'unsafe-inline'"
    return answer
