"""How long after each mishap those whom it has struck work again. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bookkeeping.stories import Run

from partitioning.lookout import Sights
from partitioning.mishaps import BROKER, STORE, SUBMITTER, Mishap


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
        runs: of the application; ``at`` is the moment.
        submitted: when jobs were known to be in the store.
        collected: when the submitter was given results.
    """

    sights: Mapping[str, Sights]
    lives: Mapping[str, tuple[float, float]]
    runs: Sequence[Run]
    submitted: Sequence[float]
    collected: Sequence[float]

    def recoveries(self, happened: Sequence[Happened]) -> Iterator[Recovery]:
        """Of every mishap that was mended: of the worker, of all where it struck all, or of the submitter."""
        for each in happened:
            if each.mishap.host == SUBMITTER:
                yield self._of_submitter(each)
            else:
                yield from (self._of_worker(each, name) for name in self._struck(each))

    def _struck(self, happened: Happened) -> list[str]:
        if happened.mishap.host not in {BROKER, STORE}:
            return [happened.mishap.host]
        return [
            name for name, (begin, end) in self.lives.items() if begin < happened.began_at < happened.mended_at < end
        ]

    def _of_worker(self, happened: Happened, name: str) -> Recovery:
        sights, mended_at = self.sights[name], happened.mended_at
        return Recovery(
            happened,
            name,
            noticed_s=sights.noticed_s(happened.began_at, mended_at),
            ready_s=sights.ready_s(mended_at),
            works_s=_after(mended_at, [run.at for run in self.runs if run.host == name]),
        )

    def _of_submitter(self, happened: Happened) -> Recovery:
        mended_at = happened.mended_at
        works_s, collects_s = _after(mended_at, self.submitted), _after(mended_at, self.collected)
        return Recovery(happened, SUBMITTER, works_s=works_s, collects_s=collects_s)


def _after(moment: float, moments: Sequence[float]) -> float | None:
    return min((each - moment for each in moments if each >= moment), default=None)
