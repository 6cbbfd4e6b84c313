"""Waiting for jobs, with a display of how they get on. Ctrl-C ends the waiting, never the jobs."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from pubsubctl.cli.codes import Code
from pubsubctl.cli.following import Batch, Endings, Surroundings
from pubsubctl.errors import JobNotFound, StoreUnreachable, WaitTimeout
from pubsubctl.job import Job
from pubsubctl.render.batch import BatchView
from pubsubctl.render.display import FRAME_S, Display
from pubsubctl.render.job import JobView
from pubsubctl.render.output import note
from pubsubctl.store.base import Store, Watch

_STORE_AWAY_S = 15.0
"""How long a store may be away in the middle of a wait."""
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
def coming_back(*hints: str) -> Iterator[None]:
    """Let Ctrl-C end the waiting with a line on how to come back.

    Raises:
        typer.Exit: it was pressed.
    """
    try:
        yield
    except KeyboardInterrupt:
        note(f"pubsubctl: interrupted; the jobs go on: {', '.join(f'`{hint}`' for hint in hints)}")
        raise typer.Exit(Code.INTERRUPTED) from None


def wait_for_job(store: Store, job_id: str, surroundings: Surroundings, patience: Patience) -> Job:
    """Show a job until it has ended.

    Raises:
        JobNotFound: it was purged, or never was.
        WaitTimeout: it has not ended in time; it goes on.
        StoreUnreachable: the store was away for too long.
    """

    def look() -> Job:
        found = store.get([job_id])[0]
        if found is None:
            raise JobNotFound(f"no job {job_id!r} in the store; `pubsubctl status` lists the latest ones")
        return found

    with store.watch() as watch, Display(sys.stderr) as display:
        while True:
            job = _patiently(look)
            if job.finished:
                display.clear()
                return job
            patience.check(f"job {job_id} is still {job.state}; it goes on: `pubsubctl result {job_id}`")
            if display.due:
                display.show(JobView(job, surroundings.now(), surroundings.notice()))
            _wait(watch, FRAME_S)


def wait_for_batch(
    look: Callable[[], BatchView], display: Display, patience: Patience, on_look: Callable[[], None] = lambda: None
) -> BatchView:
    """Show many jobs until all have ended.

    Args:
        look: what they look like now.
        display: where to show it.
        patience: how long to wait.
        on_look: called after each look.

    Raises:
        WaitTimeout: some have not ended in time; they go on.
        StoreUnreachable: the store was away for too long.
    """
    while True:
        began = time.monotonic()
        view = _patiently(look)
        on_look()
        display.show(view)
        if view.done:
            return view
        left = view.submitted - view.ended
        patience.check(
            f"{left:,} of {view.submitted:,} jobs have not ended yet; they go on: "
            f"`pubsubctl status {view.batch_id} --watch`"
        )
        time.sleep(max(FRAME_S, _COST_SHARE * (time.monotonic() - began)))


def print_endings(endings: Endings, show: Callable[[Job], None]) -> None:
    """Hand over every job that has ended since the last call."""
    for job in endings.take():
        show(job)


def batch_of(store: Store, batch_id: str, surroundings: Surroundings) -> Batch:
    """The jobs of a submit, to be followed."""
    return Batch(store, batch_id, surroundings)


def _patiently[T](look: Callable[[], T]) -> T:
    raise NotImplementedError


def _wait(watch: Watch, timeout_s: float) -> None:
    try:
        watch.wait(timeout_s)
    except StoreUnreachable:
        time.sleep(timeout_s)
