"""What it costs to ask, once there are very many jobs in the store."""

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lives import REQUEST, RESPONSE, TOPIC, batches, claim_of
from loads import Failure
from racing.interrupts import undisturbed

from growing import writing
from growing.commands import CommandLine
from growing.curves import EVER, Load
from growing.scene import sandbox
from growing.stores import Backend
from pubsubctl.client import Client
from pubsubctl.job import JobState, NewJob, Reason
from pubsubctl.store.answers import Page
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claimed, Outcome
from pubsubctl.store.messages import Published

_AT_ONCE = 1_000
_WAIT_OF, _FAIL_OF = 5, 50
"""One job in so many is left to wait, and one of the others that have ended has failed."""
_CALLS = 21
_SEED = 7

_Answer = TypeVar("_Answer")


class Filling:
    """Brings a store to so many jobs, ended ones and waiting ones mixed, and knows how many of each there should be."""

    def __init__(self, store: Store) -> None:
        self.counts = store.counts()
        self.ids: list[str] = []
        self.batch_id = ""
        self._store = store

    def up_to(self, rows: int) -> None:
        """Add what is missing.

        Raises:
            Failure: a job was not claimed, or its result not taken.
        """
        for jobs in batches(rows - sum(self.counts.values()), _AT_ONCE):
            # All that is done to them is written at once, so that it is quick.
            with self._store.group():
                self._store.add(jobs)
                self._store.published([Published(job.id, f"m-{job.id}") for job in jobs])
                waiting = len(jobs) // _WAIT_OF
                self.counts[JobState.QUEUED] += waiting
                self._end(jobs[waiting:])
            self.ids.append(jobs[-1].id)
            self.batch_id = jobs[-1].batch_id or ""

    def drop_purged(self) -> None:
        """Ask no more for what is gone."""
        self.ids = [job.id for job in self._store.get(self.ids) if job is not None]

    def _end(self, jobs: Sequence[NewJob]) -> None:
        granted = self._store.claim([claim_of(job) for job in jobs])
        outcomes = [_outcome(job, failed=not number % _FAIL_OF) for number, job in enumerate(jobs)]
        taken = self._store.record(outcomes)
        if not all(taken) or not all(isinstance(each, Claimed) for each in granted):
            raise Failure(f"the store did not take all of {len(jobs):,} results")
        for outcome in outcomes:
            self.counts[outcome.state] += 1


def _outcome(job: NewJob, *, failed: bool) -> Outcome:
    if failed:  # for a reason that makes it a dead letter: status counts those
        return Outcome(job.id, 1, JobState.FAILED, Reason.EXHAUSTED, "503 Service Unavailable", RESPONSE)
    return Outcome(job.id, 1, JobState.SUCCEEDED, response=RESPONSE)


def measure(backend: Backend, load: Load) -> Iterator[tuple[int, dict[str, float]]]:
    """Seconds of each question, by how many jobs there are.

    Raises:
        Failure: one was answered wrong.
    """
    with undisturbed(sandbox(backend, idle=True)) as scene:
        commands = CommandLine(scene.folder, scene.settings, backend, load.timeout_s)
        filling = Filling(scene.client.store)
        for rows in load.up_to_most(EVER):
            filling.up_to(rows)
            asked = _by_command(commands, filling, load) | _by_call(scene.client, filling)
            yield rows, asked | writing.measure(scene.client.store, filling.counts)
            filling.drop_purged()


def _by_command(commands: CommandLine, filling: Filling, load: Load) -> dict[str, float]:
    counts = {str(state): count for state, count in filling.counts.items()}
    as_json = ["status", "--format", "json"]
    return {
        "status": commands.seconds(["status"], load.times, lambda said: "queued" in said),
        "status-json": commands.seconds(as_json, load.times, lambda said: json.loads(said)["counts"] == counts),
    }


def _by_call(client: Client, filling: Filling) -> dict[str, float]:
    store, waiting = client.store, filling.counts[JobState.QUEUED]
    turn = iter(random.Random(_SEED).choices(filling.ids, k=_CALLS))
    age_s = store.now() - client.get(filling.ids[len(filling.ids) // 2]).created_at
    failed, latest, ended = [JobState.FAILED], store.find().jobs, filling.ids[-1:]
    return {
        "get": _median_s(lambda: client.get(next(turn)), lambda job: job.path == REQUEST.path),
        "ended": _median_s(lambda: store.ended(ended), lambda jobs: [job.id for job in jobs] == ended),
        "counts": _median_s(store.counts, filling.counts.__eq__),
        "pending": _median_s(lambda: store.pending(TOPIC, within_s=60), waiting.__eq__),
        "find": _median_s(store.find, lambda page: page.jobs == latest and _is_ordered(page)),
        "find-middle": _median_s(lambda: store.find(older_than_s=age_s), _is_ordered),
        "find-failed": _median_s(lambda: store.find(states=failed), lambda page: _is_ordered(page, JobState.FAILED)),
        "find-batch": _median_s(lambda: store.find(batch_id=filling.batch_id), _is_ordered),
        "counts-batch": _median_s(lambda: store.counts(filling.batch_id), lambda counts: counts[JobState.QUEUED] > 0),
        "sweep": _median_s(lambda: store.sweep(TOPIC, limit=100, max_crashes=10), [].__eq__),
    }


def _is_ordered(page: Page, state: JobState | None = None) -> bool:
    times = [job.created_at for job in page.jobs]
    states = {job.state for job in page.jobs}
    return bool(times) and times == sorted(times, reverse=True) and (state is None or states == {state})


def _median_s(ask: Callable[[], _Answer], check: Callable[[_Answer], bool]) -> float:
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
        if not check(answer):
            raise Failure(f"a question about very many jobs got a wrong answer: {str(answer)[:200]}")
    return statistics.median(taken)
