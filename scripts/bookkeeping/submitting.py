"""Hands in the jobs over the time that there is, cancels those that are meant to be, asks for some of them again.

A process of its own, which may be killed at any moment: what it knows is in a file, with which the next one goes on.
"""

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bookkeeping.errands import Errand, errands
from bookkeeping.journal import Journal
from pubsubctl import Client
from pubsubctl.errors import PubsubctlError, Unreachable
from pubsubctl.job import FINISHED, JobState
from pubsubctl.settings import Settings
from pubsubctl.submission import Submission, build

_AT_ONCE, _ONE_BY_ONE = 10, 5
_AGAIN_S, _LOOK_S = 0.5, 0.5
_REPEATED_RATE = 0.1


class Submitter:
    """What it is not told of an answer it asks again: the idempotency key makes that harmless.

    Args:
        began_at: by ``time.monotonic``, when the first of all submitters began.
    """

    def __init__(self, client: Client, journal: Journal, wanted: Sequence[Errand], began_at: float, last_s: float):
        self._client = client
        self._journal = journal
        self._errands = wanted
        self._began_at = began_at
        self._last_s = last_s
        self._known = journal.read()
        self._looked_at = 0.0
        self._chance = random.Random(len(self._known.jobs))

    def run(self) -> None:
        """Until everything was submitted, cancelled and asked for again."""
        parts = [self._errands[start : start + _AT_ONCE] for start in range(0, len(self._errands), _AT_ONCE)]
        for number, part in enumerate(parts):
            self._wait_until(self._began_at + self._last_s * number / len(parts))
            if any(errand.key not in self._known.jobs for errand in part):
                self._insist(lambda part=part: self._submit(part))  # type: ignore[misc]
            if self._chance.random() < _REPEATED_RATE:
                earlier = self._chance.choice(parts[: number + 1])
                self._insist(lambda part=earlier: self._submit(part))  # type: ignore[misc]
        while self._left_to_cancel() or self._left_to_mend():
            self._wait_until(time.monotonic() + _LOOK_S)
        self._journal.done()

    def _submit(self, part: Sequence[Errand]) -> None:
        """All of a part at once, or, of some parts, one after another."""
        at_once = 1 if self._errands.index(part[0]) // _AT_ONCE % _ONE_BY_ONE == 0 else _AT_ONCE
        for start in range(0, len(part), at_once):
            self._submit_at_once(part[start : start + at_once])

    def _submit_at_once(self, part: Sequence[Errand]) -> None:
        for errand, job in zip(part, self._client.submit_many(map(_submission, part)), strict=True):
            if self._known.jobs.setdefault(errand.key, job.id) != job.id:
                raise AssertionError(f"{errand.key} is job {self._known.jobs[errand.key]}, and now {job.id}")
            self._known.times.setdefault(errand.key, time.monotonic())
            self._journal.submitted(errand.key, job.id)

    def _wait_until(self, moment: float) -> None:
        """Cancel, and ask again for, what is due meanwhile."""
        while True:
            self._cancel_due()
            if time.monotonic() - self._looked_at > _LOOK_S:
                self._mend()
                self._looked_at = time.monotonic()
            if time.monotonic() >= moment:
                return
            time.sleep(max(0.0, min(0.05, moment - time.monotonic())))

    def _left_to_cancel(self) -> list[Errand]:
        return [errand for errand in self._errands if errand.cancel_after_s is not None and self._is_open(errand)]

    def _left_to_mend(self) -> list[Errand]:
        return [errand for errand in self._errands if errand.mended and self._is_open(errand)]

    def _is_open(self, errand: Errand) -> bool:
        return errand.key in self._known.jobs and errand.key not in self._known.closed

    def _cancel_due(self) -> None:
        now = time.monotonic()
        due = [
            each for each in self._left_to_cancel() if now >= self._known.times[each.key] + (each.cancel_after_s or 0)
        ]
        if due:
            self._insist(lambda: self._client.store.cancel(self._ids(due)))
            for errand in due:
                self._close(errand)

    def _mend(self) -> None:
        """Ask again for what has failed; there is no more to do once it has succeeded."""
        if left := self._left_to_mend():
            self._insist(lambda: self._mend_these(left))

    def _mend_these(self, left: Sequence[Errand]) -> None:
        for errand, job in zip(left, self._client.store.get(self._ids(left)), strict=True):
            if job is not None and job.state is JobState.FAILED:
                self._client.retry(job.id)
            elif job is not None and job.state in FINISHED:
                self._close(errand)

    def _ids(self, errands: Sequence[Errand]) -> list[str]:
        return [self._known.jobs[errand.key] for errand in errands]

    def _close(self, errand: Errand) -> None:
        self._known.closed.add(errand.key)
        self._journal.closed(errand.key)

    def _insist(self, ask: Callable[[], object]) -> None:
        while True:
            try:
                ask()
            except Unreachable:
                self._journal.unanswered()
            except PubsubctlError as error:
                # What a broker that has just come back refuses for a moment is asked again like anything else.
                if "UNAVAILABLE" not in str(error).upper():
                    raise
                self._journal.unanswered()
            else:
                return
            time.sleep(_AGAIN_S)


def _submission(errand: Errand) -> Submission:
    return replace(
        build("POST", errand.path, data=errand.body),
        idempotency_key=errand.key,
        ordering_key=errand.ordering_key,
        delay_s=errand.delay_s,
        max_attempts=errand.max_attempts,
    )


def main(folder: str, seed: str, jobs: str, began_at: str, last_s: str) -> None:
    """Submit what a seed says."""
    wanted = errands(int(jobs), random.Random(int(seed)))
    settings = Settings.load({}, environ=os.environ, start=Path(folder))
    with contextlib.closing(Journal(Path(folder))) as journal, Client(settings) as client:
        Submitter(client, journal, wanted, float(began_at), float(last_s)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
