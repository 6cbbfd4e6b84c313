"""What a job that has not ended waits for. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pubsubctl.job import Job, JobState
from pubsubctl.render.figures import plural, seconds
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import WorkerInfo

_NO_WORKER = "no worker runs; start one with `pubsubctl worker start APP`"


@dataclass(frozen=True)
class Scene:
    """What there is besides the job.

    Attributes:
        now: the time by the store's clock.
        workers: all that have not retired.
        living: the ids of those that give a sign of life.
        broker: where it does not answer, or None.
        lease_s: how long a worker's lease lasts after its last sign of life.
    """

    now: float
    workers: Sequence[WorkerInfo]
    living: frozenset[str]
    broker: str | None
    lease_s: float


def outlook(job: Job, scene: Scene) -> tuple[str, ...]:
    """A line for each thing that it waits for; nothing of a job that has ended."""
    if job.finished:
        return ()
    if job.state is JobState.RUNNING:
        return tuple(_running(job, scene))
    return tuple(_waiting(job, scene))


def _running(job: Job, scene: Scene) -> Iterator[str]:
    elapsed = seconds(scene.now - (job.started_at or scene.now))
    worker = next((worker for worker in scene.workers if worker.id == job.worker), None)
    if worker is not None and worker.id in scene.living:
        until = (worker.seen_at or scene.now) + scene.lease_s - scene.now
        lease = f"whose lease is good for {seconds(until)} and is being renewed"
        yield f"it has been running for {elapsed} on {worker.id}, {lease}"
        return
    if worker is None:
        yield f"its worker {job.worker} has ended; the lease of the attempt runs out by itself"
    else:
        yield _lost(worker, scene)
    yield from _obstacles(scene)


def _lost(worker: WorkerInfo, scene: Scene) -> str:
    gone = scene.now - (worker.seen_at or scene.now)
    left = scene.lease_s - gone
    if left > 0:
        return f"its worker {worker.id} went away {seconds(gone)} ago; its lease ends in {seconds(left)}"
    due = left + LEASE_GRACE_S
    when = f"in {seconds(due)} at the latest" if due > 0 else "as soon as a worker looks"
    return f"its worker {worker.id} went away {seconds(gone)} ago and its lease has ended; it begins again {when}"


def _waiting(job: Job, scene: Scene) -> Iterator[str]:
    left = (job.not_before or scene.now) - scene.now
    if left > 0:
        what = f"attempt {job.attempt + 1}" if job.attempt else "its first attempt"
        yield f"{what} is due in {seconds(left)}"
    elif job.message_id is None:
        yield "it is due, and a worker has yet to publish it"
    obstacles = list(_obstacles(scene))
    yield from obstacles
    if left <= 0 and job.message_id is not None and not obstacles:
        yield _slots(scene, job)


def _obstacles(scene: Scene) -> Iterator[str]:
    if scene.broker is not None:
        yield scene.broker
    if not scene.living:
        yield _NO_WORKER


def _slots(scene: Scene, job: Job) -> str:
    living = [worker for worker in scene.workers if worker.id in scene.living]
    slots, busy = sum(worker.slots for worker in living), sum(worker.busy for worker in living)
    if job.ordering_key:
        return f"it waits for its turn: jobs of the ordering key {job.ordering_key!r} run one after another"
    if busy >= slots:
        return f"it waits for a free slot: {'the worker is' if len(living) == 1 else 'all workers are'} busy"
    return f"it is on its way to a worker: {busy} of {plural(slots, 'slot')} busy"
