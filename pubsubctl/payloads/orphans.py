"""Bodies of jobs that the store does not have: what a crash has left, between a body and its row.

Whoever deletes jobs, or begins to submit one and dies, may leave a body that no row names. They are looked for by
walking the place, a part at a time: what is in memory is one of 256 parts of the ids, at most.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from pubsubctl.payloads.base import Payloads
from pubsubctl.payloads.keys import SHARDS

ORPHAN_AGE_S = 86400.0
"""How long ago a body was written last that may be an orphan: one that is younger may belong to a job that is about to
be added, or be on its way still."""
_AT_ONCE = 500


class Jobs(Protocol):
    """What is asked whether jobs exist: a ``Store``."""

    @property
    def store_id(self) -> str:
        """Whose bodies are looked at; others of the same place are left alone."""

    def get(self, job_ids: Sequence[str]) -> list[Any | None]:
        """Jobs by id, in order; None where there is none."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a walk has found, and deleted unless it was only to look.

    Attributes:
        orphans: folders of jobs that the store does not have.
        unfinished: files of jobs that it does have, begun and never finished.
        seen: folders of jobs that were looked at.
    """

    orphans: int = 0
    unfinished: int = 0
    seen: int = 0


def sweep(
    payloads: Payloads,
    jobs: Jobs,
    *,
    older_than_s: float = ORPHAN_AGE_S,
    dry_run: bool = False,
    shards: Sequence[str] = SHARDS,
    clock: Callable[[], float] = time.time,
) -> Iterator[Swept]:
    """Delete what no job has, and what was never finished. It is done as it is iterated over, a part at a time.

    Args:
        payloads: where.
        jobs: the store.
        older_than_s: how long ago a body must have been written last.
        dry_run: only count them; what was never finished is not counted then.
        shards: which parts of the place are looked at.
        clock: the time, seconds since the epoch.

    Yields:
        What each part had.

    Raises:
        PayloadsUnreachable: the place is away; what was deleted before is deleted.
        StoreUnreachable, StoreError: see the store.
    """
    before = clock() - older_than_s
    for shard in shards:
        folder = f"{jobs.store_id}/{shard}"
        names = iter(payloads.names(folder))
        while part := list(islice(names, _AT_ONCE)):
            yield _swept(payloads, jobs, folder, part, before, dry_run=dry_run)


def _swept(payloads: Payloads, jobs: Jobs, folder: str, job_ids: list[str], before: float, *, dry_run: bool) -> Swept:
    orphans = unfinished = 0
    for job_id, job in zip(job_ids, jobs.get(job_ids), strict=True):
        of_job = f"{folder}/{job_id}"
        if job is not None:
            unfinished += 0 if dry_run else payloads.delete_unfinished(of_job, before=before)
            continue
        # A job that was added since that look has a body that was just written.
        changed_at = payloads.changed_at(of_job)
        if changed_at is not None and changed_at < before:
            orphans += 1
            if not dry_run:
                payloads.delete_folder(of_job)
    return Swept(orphans, unfinished, len(job_ids))
