"""One point of a curve is measured: a project of its own, a worker, and a client in another process."""

import json
import sys
import time
from contextlib import ExitStack
from subprocess import Popen

from loads import Failure
from racing.interrupts import undisturbed
from racing.processes import last_line, running

from growing.client import SUBMITTED, Errand
from growing.stores import Backend
from growing.work import Plan, Work
from pubsubctl.errors import ApplicationError
from pubsubctl.job import JobState
from pubsubctl.sandbox import Sandbox

APP = "growing.app:app"
_LOOK_S = 0.05
_QUICK_END = ("--drain-timeout", "1")


def sandbox(backend: Backend, *, processes: int = 1, threads: int = 1, idle: bool = False) -> Sandbox:
    """A project with so many slots; to be entered ``undisturbed``."""
    flags = ["--processes", str(processes), "--threads", str(threads), *_QUICK_END]
    return Sandbox(APP, flags=flags, store=backend.url, idle=idle)


def measured(scene: Sandbox, work: Work, plan: Plan, timeout_s: float) -> dict[str, float]:
    """What the client found, in a sandbox that has been entered, and is idle if the jobs are to wait.

    Raises:
        Failure: a job was lost, late or wrong, or the worker has ended.
    """
    store, log = scene.client.store, scene.folder / "client.log"
    before = store.counts()
    settings = {key: str(getattr(scene.settings, key)) for key in ("store", "topic", "subscription")}
    errand = Errand(str(scene.folder), settings, work, plan, timeout_s)
    with ExitStack() as stack:
        client = stack.enter_context(running([sys.executable, "-m", "growing.client", errand.to_json()], log))
        if plan.waiting:
            while client.poll() is None and SUBMITTED not in log.read_text():
                time.sleep(_LOOK_S)
            stack.enter_context(undisturbed(scene.working()))
        _await(client, scene)
    if client.returncode:
        raise Failure(last_line(log))
    counts = store.counts()
    ended = {state: counts[state] - before[state] for state in counts}
    if ended != dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: plan.total}:
        raise Failure(f"{plan.total:,} jobs were to succeed, but in the store there are {_words(ended)}")
    found: dict[str, float] = json.loads(last_line(log))
    return found


def _await(client: Popen[bytes], scene: Sandbox) -> None:
    while client.poll() is None:
        try:
            scene.check()
        except ApplicationError as error:
            raise Failure(str(error)) from error
        time.sleep(_LOOK_S)


def _words(counts: dict[JobState, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
