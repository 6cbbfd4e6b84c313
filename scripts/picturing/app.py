"""The application of the pictures: it takes its time, tells how far it is, and sometimes cannot do it."""

import time

from flask import Flask, Response, abort, request

import pubsubctl

app = Flask(__name__)

STEPS = 200
STEP_S = 0.5


@app.post("/v1/transcribe")
def transcribe() -> dict[str, object]:
    """Run for as long as pictures are taken, and stand where it is to be seen standing."""
    asked = request.get_json(silent=True) or {}
    begin, minutes = float(asked.get("from", 0.0)), int(asked.get("minutes", 60))
    for step in range(STEPS):
        done = min(0.99, begin + step / STEPS / 20)
        pubsubctl.progress(done, f"{done * minutes:.0f} of {minutes} minutes of audio")
        time.sleep(STEP_S)
    return {"text": ""}


@app.get("/v1/export/<path:_>")
def export(_: str) -> Response:
    """Wait for what does not come."""
    return abort(503)
