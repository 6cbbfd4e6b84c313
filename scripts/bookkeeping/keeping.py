"""Gathers the books, when all is over: from the store, the dead letters, and what the application has noted."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bookkeeping.books import Books
from bookkeeping.errands import Errand
from bookkeeping.stories import Run, Story
from pubsubctl.broker.connection import Connection
from pubsubctl.job import FINISHED
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store

_PULL_S = 5.0
_AT_ONCE = 500


def kept(store: Store, settings: Settings, errands: Sequence[Errand], known: Mapping[str, str], noted: Path) -> Books:
    """The books.

    Args:
        store: where the jobs are.
        settings: where the broker is, which has the dead letters.
        errands: what was to be done.
        known: the jobs of these, by their keys, as the submitter has noted them.
        noted: the application's file.
    """
    ids = list(known.values())
    parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    jobs = dict(zip(known, (job for part in parts for job in store.get(part)), strict=True))
    found = [job.id for job in jobs.values() if job]
    stories = {job_id: Story(job_id, store.history(job_id)) for job_id in found}
    responses = {job_id: answer for part in parts for job_id, answer in store.responses(part).items()}
    return Books(
        errands=errands,
        jobs=jobs,
        responses=responses,
        stories=stories,
        stored=store.counts(),
        runs=noted_runs(noted),
        mirrored=_dead_letters(settings),
        runs_afterwards=0,
    )


def unfinished(store: Store) -> int:
    """How many jobs have not ended."""
    return sum(count for state, count in store.counts().items() if state not in FINISHED)


def noted_runs(noted: Path) -> list[Run]:
    """All runs that the application has made, in the order of their beginning."""
    lines = noted.read_text().splitlines() if noted.exists() else []
    runs = [
        Run(job_id, int(attempt), float(at), host, float(steady_at))
        for job_id, attempt, at, steady_at, host in map(str.split, lines)
    ]
    return sorted(runs, key=lambda run: run.steady_at)


def _dead_letters(settings: Settings) -> dict[str, int]:
    """What lies in the subscription of the dead letters: how many messages of each job."""
    counts: Counter[str] = Counter()
    path = settings.dead_letter_subscription_path
    with Connection(settings) as connection:
        deadline = time.monotonic() + _PULL_S
        while time.monotonic() < deadline:
            answer = connection.subscriber.pull(subscription=path, max_messages=1000, timeout=_PULL_S)
            if not answer.received_messages:
                break
            counts.update(each.message.attributes["dead-letter-job"] for each in answer.received_messages)
            ack_ids = [received.ack_id for received in answer.received_messages]
            connection.subscriber.acknowledge(subscription=path, ack_ids=ack_ids)
            deadline = time.monotonic() + _PULL_S
    return dict(counts)
