"""One run, from an empty folder to balanced books."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bookkeeping.books import Books
from bookkeeping.errands import errands
from bookkeeping.keeping import kept, noted_runs, unfinished

from pubsubctl.broker.provision import Wanted
from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store
from wrecking.desk import Desk
from wrecking.mishaps import Mishap, happen, plan
from wrecking.scene import START_S, Emulator, Scene, Seat, until
from wrecking.shelf import Shelf

_LAST_S = 120.0


@dataclass(frozen=True)
class Terms:
    """What a run is to be.

    Attributes:
        seed: of the jobs and of what goes wrong.
        duration_s: how long jobs come and things break.
        every_s: seconds between two things that break, on average.
        lease_s: see the setting.
        settle_s: how long everything may take to end afterwards.
        faults: what the emulator does wrong by itself.
        exactly_once: whether the subscription delivers exactly once.
    """

    seed: int
    jobs: int
    workers: int
    duration_s: float
    every_s: float
    lease_s: int
    settle_s: float
    faults: str
    exactly_once: bool = False


class Rampage:
    """One run of the whole.

    Attributes:
        happened: what went wrong as planned.
        broken: what could not be mended.
        skipped: mishaps whose victim was in trouble already.
        settled_s: how long everything took to end when nothing was broken any more.
        submitter: hands in the jobs.
    """

    def __init__(self, terms: Terms, folder: Path, say: Callable[[str], None]) -> None:
        chance = random.Random(terms.seed)
        self.terms = terms
        self.happened: list[Mishap] = []
        self.broken: list[str] = []
        self.skipped = 0
        self.settled_s = 0.0
        self._say = say
        self._errands = errands(terms.jobs, chance)
        wanted = Wanted(enable_message_ordering=True, enable_exactly_once_delivery=terms.exactly_once)
        self._scene = Scene(folder, f"{terms.faults},seed={terms.seed}", terms.lease_s, wanted)
        self._emulator = Emulator(self._scene)
        self._seats = [Seat(self._scene, number) for number in range(terms.workers)]
        self.submitter = Desk(self._scene, terms.seed, terms.jobs, last_s=terms.duration_s)
        things = (*self._seats, self._emulator, self.submitter, Shelf(self._scene.state.jobs_db))
        self._things = {thing.name: thing for thing in things}
        workers = [seat.name for seat in self._seats]
        self._plan = plan(terms.duration_s, terms.every_s, workers, terms.lease_s, chance)

    def run(self) -> Books:
        """Break, mend, count."""
        self._scene.set_up()
        try:
            with open_store(self._scene.settings.store_url) as store:
                for seat in self._seats:
                    seat.start()
                until(lambda: len(store.workers()) == len(self._seats), START_S)
                self.submitter.start()
                self._break()
                faults = self._settle(store)
                return self._close(store, faults)
        finally:
            self._end()

    def _break(self) -> None:
        over, began = threading.Event(), time.monotonic()
        threads = []
        for mishap in self._plan:
            time.sleep(max(0.0, began + mishap.at_s - time.monotonic()))
            if not self._things[mishap.victim].busy.acquire(blocking=False):
                self.skipped += 1  # it is broken already
                continue
            threads.append(threading.Thread(target=self._happen, args=(mishap, over), daemon=True))
            threads[-1].start()
        time.sleep(max(0.0, began + self.terms.duration_s - time.monotonic()))
        over.set()
        for thread in threads:
            thread.join()

    def _happen(self, mishap: Mishap, over: threading.Event) -> None:
        victim = self._things[mishap.victim]
        self._say(f"{mishap.name} ({victim.name}) for {mishap.lasts_s:.1f} s")
        try:
            happen(mishap, victim, over)
            self.happened.append(mishap)
        except Exception as error:  # noqa: BLE001 - a mishap that could not be mended is a finding
            self._say(f"{mishap.name} ({victim.name}) could not be mended: {error!r}")
            self.broken.append(f"{mishap.name} ({victim.name}): {error!r}")
        finally:
            victim.busy.release()

    def _settle(self, store: Store) -> list[str]:
        """Wait until everything that was submitted has ended; faults, if it does not."""
        began = time.monotonic()
        self._say("no more is broken; waiting for every job to end")
        faults = list(self.broken)
        if not until(self.submitter.has_ended, self.terms.settle_s):
            faults.append("not everything could be submitted")
        elif (failure := self.submitter.failure()) is not None:
            faults.append(f"the submitter has failed: {failure}")
        if not until(lambda: unfinished(store) == 0, self.terms.settle_s):
            faults.append(f"{unfinished(store)} jobs have not ended in {self.terms.settle_s:g} s")
        self.settled_s = time.monotonic() - began
        return faults

    def _close(self, store: Store, faults: list[str]) -> Books:
        for seat in self._seats:
            seat.stop()
            faults += [f"{seat.name} ended with exit code {code}" for code in seat.exits if code]
        before = len(noted_runs(self._scene.runs))
        last = self._seats[0]
        last.start("--burst")  # whatever the broker delivers again has ended, and must not run
        if last.wait(_LAST_S):
            faults.append("a last worker, with --burst, did not end as it should")
        books = kept(store, self._scene.settings, self._errands, self.submitter.known().jobs, self._scene.runs)
        return replace(books, faults=faults, runs_afterwards=len(books.runs) - before)

    def _end(self) -> None:
        for seat in self._seats:
            seat.end()
        self.submitter.kill()
        self._emulator.stop()

    def logs(self) -> str:
        """What all workers have printed."""
        return "".join(seat.log() for seat in self._seats)
