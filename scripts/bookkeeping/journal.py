"""What submitters have done, in a file that outlives them: one line each, in one write."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Known:
    """What the journal says.

    Attributes:
        jobs: the ids of the jobs, by the key of their errand.
        times: by ``time.monotonic``, when each was first known to be submitted.
        closed: errands of which nothing more is to be asked.
        unanswered: how often something had to be asked again.
        done: whether everything was submitted, cancelled and asked for again.
    """

    jobs: dict[str, str] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    unanswered: int = 0
    done: bool = False


class Journal:
    """Of a project in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "submitted"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def submitted(self, key: str, job_id: str) -> None:
        """A job is in the store."""
        self._write("job", key, job_id, f"{time.monotonic():.3f}")

    def closed(self, key: str) -> None:
        """Of an errand there is nothing more to be asked."""
        self._write("closed", key)

    def unanswered(self) -> None:
        """Something is asked again."""
        self._write("unanswered")

    def done(self) -> None:
        """There is no more to be done."""
        self._write("done")

    def read(self) -> Known:
        """All of it."""
        known = Known()
        for line in self._path.read_text().splitlines():
            match line.split():
                case ["job", key, job_id, at]:
                    known.jobs.setdefault(key, job_id)
                    known.times.setdefault(key, float(at))
                case ["closed", key]:
                    known.closed.add(key)
                case ["unanswered"]:
                    known.unanswered += 1
                case ["done"]:
                    known.done = True
        return known

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def _write(self, *words: str) -> None:
        os.write(self._file, (" ".join(words) + "\n").encode())
