"""What has to hold for a worker to be called alive, or ready, and what of it those see who ask from outside."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pubsubctl.job import Job
from pubsubctl.worker.meters import Meters


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that has to hold.

    Attributes:
        name: the part of the worker that it is about.
        trouble: why it does not hold, in one line; None while it does. Called from any thread at any time, so it must
            neither block nor wait for a lock that is held while something blocks.
    """

    name: str
    trouble: Callable[[], str | None]


@dataclass(frozen=True, kw_only=True)
class View:
    """A worker as it is seen from outside. All that can be called here may be called by any thread at any time.

    Attributes:
        worker: its id.
        app: the application that it runs.
        slots: how many jobs it can run at once.
        meters: what it counts.
        busy: how many jobs it runs now.
        held: how many messages it holds now: running, claimed or waiting; each is a lease at the broker.
        draining: whether it was told to stop.
        alive: what must hold while it is not draining; where something does not, only a new process helps.
        ready: what must hold beside for it to take jobs; where something does not, waiting may help.
        job: a job by its id, None where there is none of that id. It may block, for as long as the store does.
        backlog: how many jobs of its topic wait or run, in whatever worker, but for those that are put off. It may
            block, too.
    """

    worker: str
    app: str
    slots: int
    meters: Meters
    busy: Callable[[], int]
    held: Callable[[], int]
    draining: Callable[[], bool]
    alive: tuple[Condition, ...]
    ready: tuple[Condition, ...]
    job: Callable[[str], Job | None]
    backlog: Callable[[], int]


class Pulse:
    """When something was done last, by ``time.monotonic``; None before the first time."""

    def __init__(self) -> None:
        self.at: float | None = None

    def around(self, act: Callable[[], None]) -> Callable[[], None]:
        """The same act, which beats each time that it has been done."""

        def beat() -> None:
            act()
            self.at = time.monotonic()

        return beat


def holds(name: str, test: Callable[[], bool], *, otherwise: str) -> Condition:
    """Something that is true or false."""
    return Condition(name, lambda: None if test() else otherwise)


def lives(name: str) -> Condition:
    """The thread of that name runs, or has never been started."""
    seen: list[threading.Thread] = []

    def trouble() -> str | None:
        if not seen:
            seen.extend(thread for thread in threading.enumerate() if thread.name == name)
        return None if all(thread.is_alive() for thread in seen) else f"the {name} thread has ended"

    return Condition(name, trouble)


def lately(
    name: str, at: Callable[[], float | None], *, most_s: float, clock: Callable[[], float] = time.monotonic
) -> Condition:
    """A part does its rounds.

    Args:
        name: the part.
        at: when it did the last one, by the clock; None before the first.
        most_s: how long it may take for the next.
        clock: seconds that only rise.
    """
    return _within(at, most_s, clock, name, "the {name} has done nothing for {age:.0f} s")


def unstuck(
    name: str, since: Callable[[], float | None], *, most_s: float, clock: Callable[[], float] = time.monotonic
) -> Condition:
    """A part gets on with its work.

    Args:
        name: the part.
        since: when it began what it is at, by the clock; None while it has nothing to do.
        most_s: how long that may take.
        clock: seconds that only rise.
    """
    return _within(since, most_s, clock, name, "the {name} has been at one thing for {age:.0f} s")


def troubles(conditions: Iterable[Condition]) -> dict[str, str]:
    """Why those that do not hold do not, by their names."""
    return {condition.name: reason for condition in conditions if (reason := condition.trouble()) is not None}


def _within(
    at: Callable[[], float | None], most_s: float, clock: Callable[[], float], name: str, reason: str
) -> Condition:
    def trouble() -> str | None:
        moment = at()
        age = 0.0 if moment is None else clock() - moment
        return reason.format(name=name, age=age) if age > most_s else None

    return Condition(name, trouble)
