"""What a job that has not ended waits for: one case each, and what is missing is named."""

from dataclasses import replace

import pytest

from pubsubctl.job import Job, JobState
from pubsubctl.outlook import Scene, outlook
from pubsubctl.store.claims import WorkerInfo

NOW = 1000.0
WORKER = WorkerInfo("w1", "box", 1, "app:app", "s", slots=4, busy=1, started_at=0.0, seen_at=NOW - 5)
SCENE = Scene(NOW, [WORKER], frozenset({"w1"}), None, lease_s=60.0)
NOBODY = replace(SCENE, workers=[], living=frozenset())


def job(**given):
    return Job(**({"id": "j", "state": JobState.QUEUED, "method": "GET", "path": "/", "created_at": NOW - 9} | given))


QUEUED = job(message_id="7")
RUNNING = job(state=JobState.RUNNING, worker="w1", started_at=NOW - 12, attempt=1)
NO_WORKER = "no worker runs; start one with `pubsubctl worker start APP`"

CASES = {
    "no worker": (QUEUED, NOBODY, [NO_WORKER]),
    "the broker is away": (QUEUED, replace(SCENE, broker="no broker answers at x"), ["no broker answers at x"]),
    "all slots are taken": (
        QUEUED,
        replace(SCENE, workers=[replace(WORKER, busy=4)]),
        ["it waits for a free slot: the worker is busy"],
    ),
    "a slot is free": (QUEUED, SCENE, ["it is on its way to a worker: 1 of 4 slots busy"]),
    "a turn": (
        replace(QUEUED, ordering_key="o"),
        SCENE,
        ["it waits for its turn: jobs of the ordering key 'o' run one after another"],
    ),
    "a delay": (job(not_before=NOW + 12), SCENE, ["its first attempt is due in 12 s"]),
    "a retry": (
        job(state=JobState.RETRYING, attempt=2, not_before=NOW + 12),
        NOBODY,
        ["attempt 3 is due in 12 s", NO_WORKER],
    ),
    "the sweeper": (job(), SCENE, ["it is due, and a worker has yet to publish it"]),
    "nothing but the app": (
        RUNNING,
        SCENE,
        ["it has been running for 12 s on w1, whose lease is good for 55 s and is being renewed"],
    ),
    "the lease of a worker that went away": (
        RUNNING,
        replace(SCENE, living=frozenset(), workers=[replace(WORKER, seen_at=NOW - 20)]),
        ["its worker w1 went away 20 s ago; its lease ends in 40 s", NO_WORKER],
    ),
    "a lease that has ended": (
        RUNNING,
        replace(SCENE, living=frozenset(), workers=[replace(WORKER, seen_at=NOW - 90)]),
        [
            "its worker w1 went away 1 min 30 s ago and its lease has ended; it begins again in 30 s at the latest",
            NO_WORKER,
        ],
    ),
    "a worker that has ended": (
        replace(RUNNING, worker="gone"),
        SCENE,
        ["its worker gone has ended; the lease of the attempt runs out by itself"],
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.replace(" ", "-"))
def test_it_waits_for(case):
    known, scene, lines = CASES[case]
    assert list(outlook(known, scene)) == lines


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_has_ended_waits_for_nothing(state):
    assert outlook(job(state=state), NOBODY) == ()
