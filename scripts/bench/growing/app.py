"""The job as a Flask application: it gives back what it was sent, or says which job it was, when it has slept."""

import time

from flask import Flask, Response, request
from racing.noop import answer

app = Flask(__name__)


@app.route("/<int:number>", methods=["GET", "POST"])
def job(number: int) -> Response:
    """Do next to nothing."""
    sleep_ms = request.args.get("sleep-ms", 0, int)
    if sleep_ms:
        time.sleep(sleep_ms / 1e3)
    said = answer(number)
    body = request.get_data()
    if not body:
        return Response(said)
    # Whoever went wrong gives back another job's body.
    return Response(body.replace(str(number).encode(), said.removeprefix("done ").encode(), 1))
