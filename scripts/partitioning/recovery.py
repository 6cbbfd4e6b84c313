"""How long after each mishap those whom it has struck work again. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bookkeeping.stories import Run, Story

from partitioning.lookout import Sights
from partitioning.mishaps import BROKER, STORE, SUBMITTER, Mishap
from pubsubctl.store.timeline import EventKind


@dataclass(frozen=True)
class Happened:
    """A mishap that was, by the steady clock."""

    mishap: Mishap
    began_at: float
    mended_at: float


@dataclass(frozen=True)
class Recovery:
    """Of one host.

    Attributes:
        noticed_s: after the beginning, when it called itself not ready; None where it did not.
        ready_s: after the end, when it called itself ready.
        works_s: after the end, when it began its next job; of the submitter, when its next job was in the store.
        collects_s: of the submitter: after the end, when it was given its next result.
    """

    happened: Happened
    host: str
    noticed_s: float | None = None
    ready_s: float | None = None
    works_s: float | None = None
    collects_s: float | None = None


@dataclass(frozen=True)
class Traces:
    """What was left behind by those who worked; all moments by the steady clock.

    Attributes:
        sights: of the workers, by host.
        lives: from when to when each worker's host was there.
        runs: of the application.
        submitted: when jobs were known to be in the store.
        collected: when the submitter was given results.
    """

    sights: Mapping[str, Sights]
    lives: Mapping[str, tuple[float, float]]
    runs: Sequence[Run]
    submitted: Sequence[float]
    collected: Sequence[float]

    def recoveries(self, happened: Sequence[Happened]) -> Iterator[Recovery]:
        """Of every mishap that was mended, for each host that it has struck.

        Where another one strikes the same host as it ends, nothing can be said; what comes once the next one strikes
        is not counted.
        """
        for each in happened:
            for name in self._struck(each):
                others = [other for other in happened if other is not each and name in self._struck(other)]
                if not any(other.began_at < each.mended_at < other.mended_at for other in others):
                    next_at = min((one.began_at for one in others if one.began_at > each.mended_at), default=math.inf)
                    alone = not any(other.began_at < each.began_at < other.mended_at for other in others)
                    yield self._of_host(each, name, next_at, alone=alone)

    def taken_over(self, host: str, stories: Mapping[str, Story]) -> list[float]:
        """How long after a host disappeared each job that had begun there, and had not ended, began elsewhere."""
        vanished_at = self.lives[host][1]
        last = {run.job_id: run for run in self.runs if run.steady_at < vanished_at}
        lost = {job_id for job_id, run in last.items() if run.host == host and _is_open(stories[job_id], run.attempt)}
        again: dict[str, float] = {}
        for run in self.runs:
            if run.job_id in lost and run.steady_at >= vanished_at:
                again.setdefault(run.job_id, run.steady_at - vanished_at)
        return list(again.values())

    def _struck(self, happened: Happened) -> list[str]:
        """Workers that were at work before and after, or the submitter."""
        lives = {SUBMITTER: (-math.inf, math.inf), **self.lives}
        there = [name for name, (begin, end) in lives.items() if begin < happened.began_at < happened.mended_at < end]
        return [name for name in there if happened.mishap.host in {BROKER, STORE, name}]

    def _of_host(self, happened: Happened, name: str, next_at: float, *, alone: bool) -> Recovery:
        mended_at, sights = happened.mended_at, self.sights.get(name)
        works = self.submitted if name == SUBMITTER else [run.steady_at for run in self.runs if run.host == name]
        ready_s = sights.ready_s(mended_at) if sights else None
        return Recovery(
            happened,
            name,
            noticed_s=sights.noticed_s(happened.began_at, mended_at) if sights and alone else None,
            ready_s=ready_s if ready_s is not None and mended_at + ready_s < next_at else None,
            works_s=_after(mended_at, works, next_at),
            collects_s=_after(mended_at, self.collected, next_at) if name == SUBMITTER else None,
        )


def _is_open(story: Story, attempt: int) -> bool:
    return any(event.kind is EventKind.LOST and event.attempt == attempt for event in story.events)


def _after(moment: float, moments: Sequence[float], before: float) -> float | None:
    return min((each - moment for each in moments if moment <= each < before), default=None)
