"""An application with large bodies, which it never has in memory as a whole."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, request

app = Flask(__name__)
PIECE = bytes(range(256)) * 256


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield PIECE


@app.post("/digest")
def digest() -> dict[str, object]:
    """What came, without keeping it; and what the environ says of it."""
    found, size = hashlib.sha256(), 0
    while piece := request.stream.read(1 << 16):
        found.update(piece)
        size += len(piece)
    return {"digest": found.hexdigest(), "size": size, "length": request.headers.get("Content-Length")}


@app.post("/both/<int:count>")
def both(count: int) -> Response:
    """Takes what comes, answers with so many pieces of 64 KiB."""
    return Response(pieces(count), headers={"X-Digest": str(digest()["digest"])})


@app.get("/large/<int:count>")
def large(count: int) -> Response:
    return Response(pieces(count))


@app.get("/large-until/<int:number>")
def large_until(number: int) -> Response:
    """A large answer each time, which is no success before that attempt."""
    attempt = request.environ["pubsubctl.attempt"]
    return Response(pieces(16), status=200 if attempt >= number else 503)


@app.get("/breaks/<int:count>")
def breaks(count: int) -> Response:
    """An error in the middle of a large answer."""

    def answer() -> Iterator[bytes]:
        yield from pieces(count)
        raise RuntimeError("in the middle")

    return Response(answer())


@app.get("/large-and-waits/<path:file>")
def large_and_waits(file: str) -> Response:
    """A large answer whose end waits for a file."""

    def answer() -> Iterator[bytes]:
        yield from pieces(16)
        while not Path("/" + file).exists():
            time.sleep(0.01)
        yield b"end"

    return Response(answer())


@app.post("/lines")
def lines() -> dict[str, int]:
    """The input as a file, by lines."""
    return {"lines": sum(1 for _ in request.environ["wsgi.input"])}
