"""What a page of figures shows of a whole store: ``activity`` and ``batches``.

Each is some forty reads at most, but for one more for each thousand jobs that it counts, and for batches whose jobs
are in many states at a time. Where little has ended of late ``activity`` is as many reads as there are such jobs.
"""

from bisect import bisect_left
from collections.abc import Sequence

from pubsubctl.job import JobState
from pubsubctl.store.answers import Activity, BatchSeen
from pubsubctl.store.firestore import queries
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.measuring import COUNTED, SAMPLE, TIMED, Window

STEPS = 10
"""As many steps at most: each is a read for each state, even where nothing ended in it."""
LATEST = {JobState.SUCCEEDED: 7, JobState.FAILED: 3, JobState.CANCELLED: 1}
"""As many jobs are read; where there are no more, nothing need be counted."""
NEWEST_JOBS = 6
"""As many jobs are looked at for their batches."""
BATCHES = 8
"""As many batches at most, and as many are looked at from the last by name: ours are named in the order of time."""
# As it is most likely that there are no others left: most batches have ended.
_COUNTED_FIRST = (*COUNTED, JobState.QUEUED, JobState.RUNNING)


def activity(view: View, *, within_s: float, steps: int) -> Activity:
    """See ``Store.activity``."""
    window = Window.of(view.now, within_s, min(steps, STEPS))
    latest = {
        state: list(view.query(queries.latest(state, window.begins_at, window.until, LATEST[state])).values())
        for state in COUNTED
    }
    counts = [_in_steps(view, window, state, latest[state]) for state in COUNTED]
    # There may be others that ended before the last of a state that were read, and after an older one of another state.
    known_since = max(
        (latest[state][-1]["finished_at"] for state in TIMED if len(latest[state]) == LATEST[state]), default=0.0
    )
    timed = (each for state in TIMED for each in latest[state] if each["finished_at"] >= known_since)
    return window.activity(counts, ([each.get(name) for name in SAMPLE] for each in timed))


def _in_steps(view: View, window: Window, state: JobState, latest: Sequence[Fields]) -> list[int]:
    """How many jobs ended so in each step; ``latest`` are the last of them."""
    edges, counts = window.edges(), [0] * window.steps
    ends = [end for _, end in edges]
    at = [bisect_left(ends, each["finished_at"]) for each in latest]
    if len(latest) < LATEST[state]:
        for step in at:
            counts[step] += 1
        return counts
    until = at[0] + 1
    counts[:until] = view.count([queries.ended(state, *each) for each in edges[:until]])
    return counts


def batches(view: View, limit: int) -> list[BatchSeen]:
    """See ``Store.batches``."""
    number = min(limit, BATCHES)
    created_at: dict[str, float] = {}
    for each in view.query(queries.newest(NEWEST_JOBS)).values():
        if each.get("batch_id") is not None:
            created_at.setdefault(each["batch_id"], each["created_at"])
    name = None
    for _ in range(number):
        found = list(view.query(queries.next_batch(name)).values())
        if not found:
            break
        name = found[0]["batch_id"]
        created_at.setdefault(name, found[0]["created_at"])
    seen = sorted(created_at, key=lambda batch_id: (created_at[batch_id], batch_id), reverse=True)[:number]
    counts = _counts(view, seen)
    return [BatchSeen(batch_id, created_at[batch_id], counts[batch_id]) for batch_id in seen]


def _counts(view: View, batch_ids: Sequence[str]) -> dict[str, dict[JobState, int]]:
    """How many jobs of each batch are in each state; no state is counted where none can be left to be in it."""
    left = dict(zip(batch_ids, view.count([queries.in_batch(each) for each in batch_ids]), strict=True))
    counts = {batch_id: dict.fromkeys(JobState, 0) for batch_id in batch_ids}
    for state in _COUNTED_FIRST:
        asked = [batch_id for batch_id in batch_ids if left[batch_id] > 0]
        numbers = view.count([queries.in_batch(batch_id, state) for batch_id in asked])
        for batch_id, number in zip(asked, numbers, strict=True):
            counts[batch_id][state] = number
            left[batch_id] -= number
    for batch_id in batch_ids:
        counts[batch_id][JobState.RETRYING] = max(0, left[batch_id])
    return counts
