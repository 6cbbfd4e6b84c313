"""Waiting for jobs, with a display of how they get on. Ctrl-C ends the waiting, never the jobs."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import typer

from pubsubctl.cli.codes import Code
from pubsubctl.cli.following import Surroundings
from pubsubctl.errors import JobNotFound, StoreUnreachable, WaitTimeout
from pubsubctl.job import Job
from pubsubctl.render.batch import BatchView
from pubsubctl.render.display import FRAME_S, Display
from pubsubctl.render.job import JobView
from pubsubctl.render.output import commands, note
from pubsubctl.store.base import Store, Watch
from pubsubctl.waiting import AWAY_S

Found = TypeVar("Found")

_STORE_RETRY_S = 0.5
_COST_SHARE = 10
"""Looking at many jobs may take a tenth of the time."""


@dataclass(frozen=True)
class Patience:
    """How long to wait at most; for ever where ``timeout_s`` is None."""

    began: float
    timeout_s: float | None = None

    @classmethod
    def of(cls, timeout_s: float | None) -> "Patience":
        """From now on."""
        return cls(time.monotonic(), timeout_s)

    def check(self, text: str) -> None:
        """Give up where it is at an end.

        Raises:
            WaitTimeout: it is; its text is ``text``.
        """
        if self.timeout_s is not None and time.monotonic() - self.began >= self.timeout_s:
            raise WaitTimeout(text)


@contextmanager
def coming_back(what: str, *hints: str) -> Iterator[None]:
    """Let Ctrl-C end the waiting with a line on how to come back.

    Args:
        what: what is said to go on.
        hints: commands that come back to it.

    Raises:
        typer.Exit: it was pressed.
    """
    try:
        yield
    except KeyboardInterrupt:
        note(f"pubsubctl: interrupted; {what}:")
        commands(*hints)
        raise typer.Exit(Code.INTERRUPTED) from None


def wait_for_job(store: Store, job_id: str, surroundings: Surroundings, patience: Patience) -> Job:
    """Show a job until it has ended.

    Raises:
        JobNotFound: it was purged, or never was.
        WaitTimeout: it has not ended in time; it goes on.
        StoreUnreachable: the store was away for too long.
    """
    with store.watch() as watch, Display(sys.stderr) as display:
        while True:
            view = patiently(lambda: look_at_job(store, job_id, surroundings), display)
            if view.job.finished:
                display.clear()
                return view.job
            patience.check(f"job {job_id} is still {view.job.state}; it goes on:\n  pubsubctl result {job_id}")
            if display.due:
                display.show(view)
            _wait(watch)


def wait_for_batch(look: Callable[[], BatchView], display: Display, patience: Patience) -> BatchView:
    """Show many jobs until all have ended.

    Args:
        look: what they look like now.
        display: where to show it.
        patience: how long to wait.

    Raises:
        WaitTimeout: some have not ended in time; they go on.
        StoreUnreachable: the store was away for too long.
    """
    while True:
        began = time.monotonic()
        view = patiently(look, display)
        display.show(view)
        if view.done:
            return view
        patience.check(
            f"{view.submitted - view.ended:,} of {view.submitted:,} jobs have not ended yet; they go on:\n"
            f"  pubsubctl status {view.batch_id} --watch"
        )
        pause(began)


def pause(began: float) -> None:
    """Wait until the next look, after one that began at that (monotonic) time."""
    time.sleep(max(FRAME_S, _COST_SHARE * (time.monotonic() - began)))


def look_at_job(store: Store, job_id: str, surroundings: Surroundings) -> JobView:
    """A job as it is now.

    Raises:
        JobNotFound: there is none.
    """
    found = store.get([job_id])[0]
    if found is None:
        raise JobNotFound(f"no job {job_id!r} in the store; `pubsubctl status` lists the latest ones")
    return JobView(found, surroundings.now(), () if found.finished else surroundings.notices_of(found))


def patiently(look: Callable[[], Found], display: Display) -> Found:
    """What ``look`` finds, also when the store is away for a moment.

    Raises:
        StoreUnreachable: it was away for too long.
    """
    give_up = time.monotonic() + AWAY_S
    said = False
    while True:
        try:
            return look()
        except StoreUnreachable as error:
            if time.monotonic() > give_up:
                raise
            if not said:
                display.say(f"{error}; trying again for {AWAY_S:.0f} s")
                said = True
            time.sleep(_STORE_RETRY_S)


def _wait(watch: Watch) -> None:
    try:
        watch.wait(FRAME_S)
    except StoreUnreachable:
        time.sleep(FRAME_S)  # whoever looks next will find out, and knows what to do
