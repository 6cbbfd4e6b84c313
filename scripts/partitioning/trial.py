"""One run, from no host at all to balanced books."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bookkeeping.books import Books
from bookkeeping.errands import errands
from bookkeeping.keeping import kept, noted_runs, unfinished

from partitioning.collecting import Collected, collected, digest
from partitioning.fleet import Fleet, until
from partitioning.leftovers import Claim
from partitioning.mishaps import JOINS, SUBMITTER, UNHEARD, UNPLUGGED, VANISHES, Mishap, plan
from partitioning.network import Pair, both_ways
from partitioning.recovery import Happened, Recovery, Traces
from partitioning.weather import Weather
from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store

_DRAIN_S, _LAST_S, _LOOK_S = 60.0, 150.0, 2.0
_JOINED_S = 180.0
"""How long a worker may take that comes into the middle of it all, and finds no broker or no store at first."""
_SUBMITTING, _COLLECTING = "bookkeeping.submitting", "partitioning.collecting"


@dataclass(frozen=True)
class Terms:
    """What a run is to be.

    Attributes:
        seed: of the jobs and of what goes wrong.
        jobs: how many.
        seconds: how long they come and links are spoilt.
        every_s: seconds between two mishaps, on average.
        workers: hosts with workers at the beginning.
        processes: of each worker.
        lease_s: see the setting.
        settle_s: how long nothing may go on afterwards before that is given up.
        faults: what the emulator does wrong by itself.
    """

    seed: int
    jobs: int
    seconds: float
    every_s: float
    workers: int
    processes: int
    lease_s: int
    settle_s: float
    faults: str

    def hosts(self) -> tuple[list[str], str]:
        """The workers' at the beginning, and the one that joins later."""
        return [f"worker-{number + 1}" for number in range(self.workers)], f"worker-{self.workers + 1}"


class Found(NamedTuple):
    """What a run has come to."""

    books: Books
    recoveries: list[Recovery]
    taken_over_s: list[float]
    settled_s: float
    logs: str
    asked_again: int


class Trial:
    """One run of the whole.

    Attributes:
        plan: what is to go wrong, and when.
    """

    def __init__(self, terms: Terms, say: Callable[[str], None]) -> None:
        chance = random.Random(terms.seed)
        workers, self._joining = terms.hosts()
        self._terms = terms
        self._say = say
        self._errands = errands(terms.jobs, chance)
        self.plan = plan(terms.seconds, terms.every_s, workers, self._joining, chance)
        self._happened: list[Happened] = []
        self._lives: dict[str, tuple[float, float]] = {}
        self._broken: list[str] = []

    def run(self, claim: Claim) -> Found:
        """Set up, spoil, mend, count."""
        terms = self._terms
        fleet = self._fleet = Fleet(
            claim,
            seed=terms.seed,
            jobs=terms.jobs,
            last_s=terms.seconds,
            workers=terms.hosts()[0],
            processes=terms.processes,
            lease_s=terms.lease_s,
            faults=terms.faults,
        )
        try:
            fleet.set_up()
            self._say(f"{len(fleet.hosts)} hosts are up: {', '.join(fleet.hosts)}")
            self._lives = {name: (time.monotonic(), float("inf")) for name in fleet.lookouts}
            fleet.submit()
            self._spoil()
            with open_store(fleet.settings.store_url) as store:
                settled_s = self._settle(store)
                return self._close(store, settled_s)
        finally:
            fleet.end()

    # --- while things go wrong --------------------------------------------------------------------------------------

    def _spoil(self) -> None:
        began, threads = time.monotonic(), []
        for mishap in self.plan:
            time.sleep(max(0.0, began + mishap.at_s - time.monotonic()))
            self._say(str(mishap))
            threads.append(threading.Thread(target=self._happen, args=(mishap,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()
        time.sleep(max(0.0, began + self._terms.seconds - time.monotonic()))

    def _happen(self, mishap: Mishap) -> None:
        try:
            self._exchange(mishap) if mishap.name in {VANISHES, JOINS} else self._spoil_and_mend(mishap)
        except Exception as error:  # noqa: BLE001 - what could not be done is a finding
            self._say(f"{mishap}: {error!r}")
            self._broken.append(f"{mishap}: {error!r}")

    def _exchange(self, mishap: Mishap) -> None:
        if mishap.name == JOINS:
            self._fleet.join(mishap.host)
            self._fleet.await_workers([mishap.host], _JOINED_S)
            self._lives[mishap.host] = (time.monotonic(), float("inf"))
        else:
            self._fleet.vanish(mishap.host)
            self._lives[mishap.host] = (self._lives[mishap.host][0], time.monotonic())

    def _spoil_and_mend(self, mishap: Mishap) -> None:
        began_at = time.monotonic()
        with self._spoilt(mishap):
            time.sleep(mishap.lasts_s)
        self._happened.append(Happened(mishap, began_at, time.monotonic()))

    @contextlib.contextmanager
    def _spoilt(self, mishap: Mishap) -> Iterator[None]:
        host = self._fleet.hosts[mishap.host]
        if mishap.name == UNPLUGGED:
            host.link("down")
            yield
            host.link("up")
        else:
            with self._fleet.network.spell(self._weather(mishap)):
                yield

    def _weather(self, mishap: Mishap) -> dict[Pair, Weather]:
        hosts = self._fleet.hosts
        one = hosts[mishap.host].address
        others = [hosts[name].address for name in mishap.peers or hosts if name != mishap.host]
        if mishap.name == UNHEARD:
            return {(other, one): mishap.weather for other in others}
        return both_ways(one, others, mishap.weather)

    # --- when all is mended -----------------------------------------------------------------------------------------

    def _settle(self, store: Store) -> float:
        """Wait until everything that was submitted has ended and was collected."""
        began = time.monotonic()
        self._say("all is mended; waiting for every job to end")
        journal = self._fleet.journal
        self._await("submits", lambda: self._fleet.has_ended(_SUBMITTING), lambda: len(journal.read().jobs))
        self._await("jobs", lambda: unfinished(store) == 0, lambda: unfinished(store))
        settled_s = time.monotonic() - began
        folder = self._fleet.hosts[SUBMITTER].folder
        self._await("results", lambda: self._fleet.has_ended(_COLLECTING), lambda: len(collected(folder)))
        if not self._fleet.journal.read().done:
            self._broken.append("the submitter has failed; see its log")
        return settled_s

    def _gone(self) -> list[str]:
        return [name for name, (_, end) in self._lives.items() if end < float("inf")]

    def _await(self, what: str, ended: Callable[[], bool], progress: Callable[[], int]) -> None:
        """Wait for an end, for as long as it comes nearer."""
        count, deadline = progress(), time.monotonic() + self._terms.settle_s
        while not until(ended, _LOOK_S):
            before, count = count, progress()
            if count != before:
                deadline = time.monotonic() + self._terms.settle_s
            elif time.monotonic() > deadline:
                self._broken.append(f"no more {what} for {self._terms.settle_s:g} s, and not all are there")
                return

    def _close(self, store: Store, settled_s: float) -> Found:
        fleet = self._fleet
        self._broken += fleet.drain(_DRAIN_S)
        before = len(noted_runs(fleet.runs))
        self._broken += fleet.run_what_is_left(_LAST_S)
        known, given = fleet.journal.read(), collected(fleet.hosts[SUBMITTER].folder)
        books = kept(store, fleet.settings, self._errands, known.jobs, fleet.runs)
        faults = [*self._broken, *_uncollected(books, given)]
        traces = Traces(
            {name: lookout.sights() for name, lookout in fleet.lookouts.items()},
            self._lives,
            noted_runs(fleet.runs),
            list(known.times.values()),
            [each.at for each in given],
        )
        return Found(
            replace(books, faults=faults, runs_afterwards=len(books.runs) - before),
            list(traces.recoveries(self._happened)),
            [seconds for host in self._gone() for seconds in traces.taken_over(host, books.stories)],
            settled_s,
            "".join(map(fleet.log, fleet.lookouts)),
            known.unanswered,
        )


def _uncollected(books: Books, given: Sequence[Collected]) -> Iterator[str]:
    """Where what the submitter was given is not what the store has: each job's end, once."""
    by_job: dict[str, list[Collected]] = {}
    for each in given:
        by_job.setdefault(each.job_id, []).append(each)
    for job in filter(None, books.jobs.values()):
        wanted = (job.state, digest(books.responses.get(job.id)))
        found = [(each.state, each.digest) for each in by_job.get(job.id, [])]
        if found != [wanted]:
            yield f"of job {job.id} the submitter was given {found}, and should have been given {wanted} once"
