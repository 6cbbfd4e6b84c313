"""What people ask: ``get``, ``ended``, ``request``, ``response``, ``history``, ``find``, ``counts``, ``pending``."""

import re
from collections.abc import Callable, Sequence

from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, Reason
from pubsubctl.store.answers import Page
from pubsubctl.store.firestore import bodies, queries
from pubsubctl.store.firestore.jobs import job_of, told_of
from pubsubctl.store.firestore.layout import REQUEST, RESPONSE, job_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.paging import LAST_ID, Position, cursor_after, position_of
from pubsubctl.store.telling import timeline
from pubsubctl.store.timeline import Event

_SCANNED_AT_ONCE = 300
"""Documents read at a time where a pattern of paths picks from them."""


def get(view: View, job_ids: Sequence[str]) -> list[Job | None]:
    """See ``Store.get``."""
    view.load(map(job_path, job_ids))
    return [job_of(fields) if (fields := view.get(job_path(job_id))) is not None else None for job_id in job_ids]


def ended(view: View, job_ids: Sequence[str]) -> list[Job]:
    """See ``Store.ended``."""
    return [job for job in get(view, list(dict.fromkeys(job_ids))) if job is not None and job.finished]


def requests(view: View, job_ids: Sequence[str]) -> dict[str, Request]:
    """The requests that there are."""
    return {job_id: bodies.request_of(held) for job_id, held in _bodies(view, job_ids, REQUEST).items()}


def responses(view: View, job_ids: Sequence[str]) -> dict[str, Response]:
    """See ``Store.responses``."""
    return {job_id: bodies.response_of(held) for job_id, held in _bodies(view, job_ids, RESPONSE).items()}


def _bodies(view: View, job_ids: Sequence[str], kind: str) -> dict[str, Fields]:
    held = view.body([job_path(job_id) for job_id in job_ids], kind)
    apart = [path for each in held.values() for path in bodies.parts_of(each)]
    view.load(apart)
    parts = {path: view.get(path) for path in apart}
    found = {job_id: held[job_path(job_id)] for job_id in job_ids if job_path(job_id) in held}
    whole = {job_id: bodies.with_parts(each, parts) if each.get("parts") else each for job_id, each in found.items()}
    return {job_id: each for job_id, each in whole.items() if each is not None}


def history(view: View, job_id: str) -> list[Event]:
    """See ``Store.history``."""
    view.load([job_path(job_id)])
    fields = view.get(job_path(job_id))
    if fields is None:
        return []
    return timeline(
        job_of(fields),
        told_of(fields),
        published_at=fields.get("published_at"),
        first_message_id=fields.get("first_message_id"),
    )


def find(
    view: View,
    *,
    states: Sequence[JobState] = (),
    batch_id: str | None = None,
    reasons: Sequence[Reason] = (),
    path: str | None = None,
    older_than_s: float | None = None,
    newer_than_s: float | None = None,
    worker: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page:
    """See ``Store.find``. Firestore knows no patterns: by path, pages are read and picked from until one is full."""
    before = position_of(cursor) if cursor is not None else None
    if older_than_s is not None:
        oldest = (view.now - older_than_s, LAST_ID)
        before = min(before, oldest) if before is not None else oldest
    earliest = view.now - newer_than_s if newer_than_s is not None else None
    wanted = queries.Wanted(states, batch_id, reasons, earliest, worker)
    if wanted.is_nothing or (earliest is not None and before is not None and before[0] < earliest):
        return Page([])
    found = _first(view, wanted, before, limit + 1, _picker(wanted, path))
    jobs = found[:limit]
    return Page(jobs, cursor_after(jobs[-1]) if jobs and len(found) > limit else None)


def _first(
    view: View, wanted: queries.Wanted, before: Position | None, number: int, picks: Callable[[Job], bool] | None
) -> list[Job]:
    jobs: list[Job] = []
    while True:
        asked = number if picks is None else max(number, _SCANNED_AT_ONCE)
        found = [job_of(fields) for fields in view.query(queries.page(wanted, before, asked)).values()]
        jobs += [job for job in found if picks is None or picks(job)]
        if len(found) < asked or len(jobs) >= number:
            return jobs[:number]
        before = found[-1].created_at, found[-1].id


def _picker(wanted: queries.Wanted, path: str | None) -> Callable[[Job], bool] | None:
    """What picks from the jobs that a query finds; None where all are wanted."""
    if path is None:
        return wanted.picks if wanted.is_picked else None
    matches = _matcher(path)
    return lambda job: wanted.picks(job) and bool(matches(job.path))


def _matcher(pattern: str) -> Callable[[str], object]:
    """Whether a path matches a shell pattern of ``*`` and ``?``."""
    parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.compile("".join(parts), re.DOTALL).fullmatch


def counts(view: View, batch_id: str | None) -> dict[JobState, int]:
    """See ``Store.counts``."""
    numbers = view.count([queries.in_state(state, batch_id) for state in JobState])
    return dict(zip(JobState, numbers, strict=True))


def pending(view: View, topic: str, within_s: float) -> int:
    """See ``Store.pending``."""
    unfinished, later = view.count([queries.unfinished(topic), queries.later(topic, view.now + within_s)])
    return unfinished - later
