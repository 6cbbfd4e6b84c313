"""The application that the jobs of a smoke test are for: it answers, refuses at first, or is in no hurry."""

import os
import time
from pathlib import Path

from flask import Flask, request

app = Flask(__name__)

RUNS = "SMOKING_RUNS"
"""The variable that names the file in which every run is noted: job, attempt, seconds since the epoch."""
UNHURRIED_S = 120.0


@app.before_request
def note_the_run() -> None:
    """One line a run, in a file that outlives this process."""
    line = f"{request.environ['pubsubctl.job_id']} {request.environ['pubsubctl.attempt']} {time.time():.3f}\n"
    with Path(os.environ[RUNS]).open("a") as file:
        file.write(line)


@app.post("/double")
def double() -> dict[str, int]:
    """Twice the number that is sent."""
    return {"doubled": request.get_json()["x"] * 2}


@app.get("/unavailable-at-first")
def unavailable_at_first() -> tuple[dict[str, int], int]:
    """503 in the first attempt, then 200."""
    attempt: int = request.environ["pubsubctl.attempt"]
    return {"attempt": attempt}, 503 if attempt == 1 else 200


@app.get("/unhurried-at-first")
def unhurried_at_first() -> dict[str, int]:
    """In the first attempt no answer before somebody has killed us."""
    attempt: int = request.environ["pubsubctl.attempt"]
    if attempt == 1:
        time.sleep(UNHURRIED_S)
    return {"attempt": attempt}
