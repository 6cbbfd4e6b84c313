"""The client of one point, in a process of its own: it submits, reads all results, and says what that took as JSON.

So its memory and its CPU time are those of a client, and of nothing else that the benchmark does.
"""

import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loads import Failure
from racing.ledger import Ledger

from growing.parts import NOBODY, Cast, us_a_job
from growing.work import Plan, Work
from pubsubctl.client import Client
from pubsubctl.emulator import daemon
from pubsubctl.errors import PubsubctlError, WaitTimeout
from pubsubctl.job import JobState
from pubsubctl.settings import Settings
from pubsubctl.state import State

SUBMITTED = "submitted"


@dataclass(frozen=True)
class Errand:
    """What the process is sent to do; on its command line, as JSON.

    Attributes:
        folder: of the project.
        settings: what it is to know of those of the sandbox, by key.
        work: what a job does.
        plan: how they are submitted.
        timeout_s: within which the results of those that were submitted together must have come.
    """

    folder: str
    settings: dict[str, str]
    work: Work
    plan: Plan
    timeout_s: float

    def to_json(self) -> str:
        """As an argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Errand":
        """From an argument."""
        told = json.loads(text)
        return cls(**{**told, "work": Work(**told["work"]), "plan": Plan(**told["plan"])})


class _Lot:
    """Jobs that were submitted together."""

    def __init__(self, client: Client, errand: Errand, numbers: Sequence[int]) -> None:
        self._client = client
        self._errand = errand
        self._ledger = Ledger(numbers)
        jobs = client.submit_many(map(errand.work.submission, numbers))
        self._number_of = {job.id: number for job, number in zip(jobs, numbers, strict=True)}

    def results(self) -> Iterator[int]:
        """Read all of them; yields a number as it has come.

        Raises:
            Failure: one is lost, late or wrong.
        """
        # The jobs are the client's own to keep: of very many, ours would be a second copy.
        jobs = map(self._client.job, self._number_of)
        try:
            for job, response in self._client.results(jobs, self._errand.timeout_s):
                number = self._number_of[job.id]
                self._ledger.came(number, self._errand.work.told(number, response))
                yield number
        except WaitTimeout:
            pass
        self._ledger.check()


def measure(client: Client, errand: Errand) -> dict[str, float]:
    """Run the plan.

    Raises:
        Failure: a job was lost, late or wrong.
    """
    return (_drained if errand.plan.waiting else _in_lots)(client, errand)


def _in_lots(client: Client, errand: Errand) -> dict[str, float]:
    plan = errand.plan
    for numbers in plan.lots(range(plan.warm)):
        _read(_Lot(client, errand, numbers))
    cast = _cast(client)
    before, began, open_lots = cast.cpu_s(), time.perf_counter(), deque[_Lot]()
    rates: list[float] = []
    for numbers in plan.lots(range(plan.warm, plan.total)):
        at = time.perf_counter()
        open_lots.append(_Lot(client, errand, numbers))
        if len(open_lots) > plan.ahead:
            _read(open_lots.popleft())
        rates.append(len(numbers) / (time.perf_counter() - at))
    for lot in open_lots:
        _read(lot)
    rate = plan.jobs / (time.perf_counter() - began) if plan.ahead else statistics.median(rates)
    return {"rate": rate} | us_a_job(before, cast.cpu_s(), plan.jobs) | cast.peak_rss_mib()


def _drained(client: Client, errand: Errand) -> dict[str, float]:
    """Cost of the submit of all, and that of the rest of their lives once the first ones have warmed the worker up."""
    plan, alone = errand.plan, Cast(os.getpid(), NOBODY, _emulator(client))
    ended, before = _succeeded(client), alone.cpu_s()
    lot = _Lot(client, errand, range(plan.total))
    submitting = us_a_job(before, alone.cpu_s(), plan.total)
    print(SUBMITTED, flush=True)
    began, cast, left = 0.0, alone, plan.jobs
    for come, _ in enumerate(lot.results(), 1):
        if come == plan.warm:
            # Results come in waves: more jobs have ended than have been read.
            left = max(ended + plan.total - _succeeded(client), 1)
            cast = _cast(client)
            before, began = cast.cpu_s(), time.perf_counter()
    took_s = time.perf_counter() - began
    draining = us_a_job(before, cast.cpu_s(), left)
    cpu = {name: draining[name] + submitting[name] for name in draining}
    return {"rate": left / took_s} | cpu | cast.peak_rss_mib()


def _succeeded(client: Client) -> int:
    return client.store.counts()[JobState.SUCCEEDED]


def _read(lot: _Lot) -> None:
    for _ in lot.results():
        pass


def _cast(client: Client) -> Cast:
    return Cast(os.getpid(), client.store.workers()[-1].pid, _emulator(client))


def _emulator(client: Client) -> int:
    emulator = daemon.find(State(client.settings.state.directory))
    assert emulator is not None
    return emulator.pid


def main() -> int:
    """Do the errand; the last line that is printed says what came of it."""
    errand = Errand.from_json(sys.argv[1])
    settings = Settings.load(errand.settings, environ={}, start=Path(errand.folder))
    try:
        with Client(settings) as client:
            found: dict[str, Any] = measure(client, errand)
    except (Failure, PubsubctlError) as failure:
        print(failure)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
