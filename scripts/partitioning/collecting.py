"""Waits for the jobs, on the host that has submitted them, and notes what it is given; through every bad connection."""

import contextlib
import hashlib
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bookkeeping.errands import errands
from bookkeeping.journal import Journal

from pubsubctl import Client
from pubsubctl.errors import Unreachable, WaitTimeout
from pubsubctl.exchange import Response
from pubsubctl.job import JobState
from pubsubctl.settings import Settings
from pubsubctl.submitted import SubmittedJob

NOTED = "collected"
_WAIT_S, _AGAIN_S = 30.0, 0.5


class Collected(NamedTuple):
    """What the submitter was given for a job; ``at`` by the steady clock."""

    job_id: str
    state: str
    digest: str
    at: float


def digest(response: Response | None) -> str:
    """Of the body; ``-`` where there is no response."""
    return hashlib.sha256(response.body).hexdigest()[:16] if response else "-"


def collected(folder: Path) -> list[Collected]:
    """All that was noted."""
    path = folder / NOTED
    lines = path.read_text().splitlines() if path.exists() else []
    return [Collected(job_id, state, told, float(at)) for job_id, state, told, at in map(str.split, lines)]


class Collector:
    """One process, for as long as jobs come.

    Args:
        twice: jobs that fail once, and are then asked for again: what is waited for is the end after that.
    """

    def __init__(self, client: Client, journal: Journal, folder: Path, twice: set[str]) -> None:
        self._client = client
        self._journal = journal
        self._twice = twice
        self._done: set[str] = set()
        self._keys: dict[str, str] = {}
        self._file = os.open(folder / NOTED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def run(self) -> None:
        """Until there is an answer for every job."""
        while not self._journal.read().done or self._left():
            with contextlib.suppress(Unreachable, WaitTimeout):
                for job, response in self._answers():
                    self._note(job, response)
            time.sleep(_AGAIN_S)

    def _left(self) -> Mapping[str, str]:
        return {key: job_id for key, job_id in self._journal.read().jobs.items() if key not in self._done}

    def _answers(self) -> Iterator[tuple[SubmittedJob, Response | None]]:
        left = self._left()
        self._keys = {job_id: key for key, job_id in left.items()}
        return self._client.results([self._client.job(job_id) for job_id in left.values()], timeout=_WAIT_S)

    def _note(self, job: SubmittedJob, response: Response | None) -> None:
        key = self._keys[job.id]
        state = job.state  # asked anew, unless it was a success: it may wait for its second time already
        if key in self._twice:
            if state is not JobState.SUCCEEDED:
                return
            response = job.result()  # what came with it may be of its first time, and gone since
        self._done.add(key)
        line = f"{job.id} {state} {digest(response)} {time.monotonic():.3f}\n"
        os.write(self._file, line.encode())


def main(folder: str, seed: str, jobs: str) -> None:
    """Collect what a seed says is submitted."""
    twice = {errand.key for errand in errands(int(jobs), random.Random(int(seed))) if errand.mended}
    settings = Settings.load({}, environ=os.environ, start=Path(folder))
    with contextlib.closing(Journal(Path(folder))) as journal, Client(settings) as client:
        Collector(client, journal, Path(folder), twice).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
