"""What a contestant is: how it is started, submits, and gives back what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Runner(ABC):
    """A contestant with its workers running. What it raises, and what it does not give back, loses it the run.

    Attributes:
        workers: the process ids of its workers, without those that they started.
        server: that of the server that holds messages, and for some results.
        parent: that of the process of a worker which runs no jobs itself, where that is told apart.
    """

    workers: Sequence[int]
    server: int
    parent: int | None = None

    @abstractmethod
    def many(self, numbers: Sequence[int], timeout_s: float) -> Iterator[tuple[int, str]]:
        """Submit all these jobs, then read back what each returned, in the quickest way that its API has.

        Ends without those that have no result in time.
        """

    @abstractmethod
    def one(self, number: int, timeout_s: float) -> str:
        """Submit one job and wait for what it returns.

        Raises:
            Exception: whatever its API raises where that does not come in time.
        """


class Start(Protocol):
    """Starts a contestant in a folder of its own, with so many processes that run jobs."""

    def __call__(self, folder: Path, processes: int) -> AbstractContextManager[Runner]:
        """Workers that run while the context lasts."""


@dataclass(frozen=True)
class Contestant:
    """One line of the table.

    Attributes:
        name: what it is called, in the table and by ``--only``.
        title: what it is called in the picture.
        start: starts it.
        tuned: how it is set up, and which document advises that.
        packages: the Python packages that it needs, by the names that are imported.
        redis: whether it needs redis-server.
        most: the most jobs of one throughput figure, such that a slow one takes no minutes.
        usual: whether it is measured unless asked for by name.
    """

    name: str
    title: str
    start: Start
    tuned: str
    packages: tuple[str, ...] = ()
    redis: bool = True
    most: int = 1_000_000
    usual: bool = True
