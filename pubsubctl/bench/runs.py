"""What ``watched`` has noted: which job ran when, and for how long."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the application.

    Attributes:
        began_at: when it was called, seconds since the epoch.
        seconds: how long it ran.
    """

    job_id: str
    began_at: float
    seconds: float

    @property
    def ended_at(self) -> float:
        """When it had answered."""
        return self.began_at + self.seconds


class Runs:
    """The file of notes, of which each line is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._known: dict[str, list[Run]] = {}

    def of(self, job_ids: Iterable[str]) -> list[Run]:
        """All runs so far of these jobs. A job may have several, or none."""
        self._read()
        return [run for job_id in job_ids for run in self._known.get(job_id, ())]

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            new = file.read()
        self._read_to += len(new)
        for line in new.decode().splitlines():
            job_id, began_at, seconds = line.split()
            self._known.setdefault(job_id, []).append(Run(job_id, float(began_at), float(seconds)))
