"""Which jobs workers run, as far as the store tells."""

from collections import defaultdict
from collections.abc import Sequence

from pubsubctl.job import Job
from pubsubctl.render.plain import first_at_work
from pubsubctl.store.claims import WorkerInfo


class AtWork:
    """Jobs that run, by their workers.

    Args:
        running: jobs that run.
        all_known: whether they are all that do; of others, workers tell how many they are, now and then.
    """

    def __init__(self, running: Sequence[Job], *, all_known: bool) -> None:
        self._all_known = all_known
        self._by_worker: defaultdict[str | None, list[Job]] = defaultdict(list)
        for job in sorted(running, key=first_at_work):
            self._by_worker[job.worker].append(job)

    def of(self, worker: WorkerInfo, *, alive: bool) -> tuple[int, Sequence[Job]]:
        """How many slots of a worker are busy, and the known ones of the jobs in them.

        Args:
            worker: as the store has it.
            alive: whether what it has told last holds; of one that is lost only jobs tell.
        """
        mine = self._by_worker.get(worker.id, [])
        busy = len(mine) if self._all_known or not alive else max(len(mine), worker.busy)
        return min(busy, worker.slots), mine[: worker.slots]

    def begun_by_none(self, workers: Sequence[WorkerInfo], running: int) -> int:
        """How many of the jobs that run are in no slot yet.

        Args:
            workers: those that live: what others had is lost, and waits for nobody's slot.
            running: how many jobs run; of those that are not known, all are theirs.
        """
        if self._all_known:
            return sum(max(0, len(self._by_worker.get(worker.id, ())) - worker.slots) for worker in workers)
        return max(0, running - sum(worker.slots for worker in workers)) if workers else 0
