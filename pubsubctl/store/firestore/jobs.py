"""A job's document, as its fields and as the ``Job`` that they stand for. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pubsubctl.exchange import Request
from pubsubctl.job import Job
from pubsubctl.store import rows
from pubsubctl.store.firestore import bodies
from pubsubctl.store.firestore.layout import BODY_FIELDS, EVENTS, EXPIRY, JOB_FIELDS, REQUEST, RESPONSE
from pubsubctl.store.firestore.values import Fields, timestamp
from pubsubctl.store.happening import Attempt, EventRow
from pubsubctl.store.telling import KINDS, Told
from pubsubctl.store.timeline import EVENTS_KEPT, FIRST_EVENTS_KEPT, Event, EventKind

EVENT_BYTES = 400_000
"""What the events of a job may take of its document: 20 with the longest logs, and many without."""
_SLACK_S = 86400.0
"""Firestore's TTL policy is what comes after ``purge``, not before it."""
_NOT_KEPT = ("job_id", "of_job")


def job_of(fields: Fields) -> Job:
    """The job."""
    return rows.job([fields.get(name) for name in JOB_FIELDS])


def attempt_of(fields: Fields) -> Attempt:
    """Its last attempt."""
    state = rows.STATES[fields["state"]]
    return Attempt(state, fields["attempt"], fields.get("worker"), fields.get("message_id"), fields.get("started_at"))


def is_held(fields: Fields | None, token: str, now: float) -> bool:
    """Whether another group than that of ``token`` is about to change it."""
    if fields is None or fields.get("hold") in {None, token}:
        return False
    return bool(fields["hold_until"] > now)


def new_document(row: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """A new job with its request."""
    return {**row, "state": str(row["state"]), REQUEST: bodies.of_request(request)}


def noted(fields: Fields, happened: Iterable[EventRow]) -> dict[str, Any]:
    """A job with more events; of very many some in the middle go, refusals first."""
    events = list(fields.get(EVENTS) or ())
    for event in happened:
        # Numbered, so that no two are the same: Firestore appends none to a list that has it already.
        events.append({**_kept(event), "number": events[-1]["number"] + 1 if events else 1})
    while len(events) > EVENTS_KEPT or sum(map(_size, events)) > EVENT_BYTES:
        del events[_dispensable(events)]
    return {**fields, EVENTS: events or None}


def _kept(event: EventRow) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None and name not in _NOT_KEPT}


def _size(event: Mapping[str, Any]) -> int:
    return 200 + len((event.get("text") or "").encode()) + len((event.get("log") or "").encode())


def _dispensable(events: Sequence[Mapping[str, Any]]) -> int:
    late = range(min(FIRST_EVENTS_KEPT, len(events) - 1), len(events))
    refused = (at for at in late if events[at]["kind"] == EventKind.REFUSED)
    return next(refused, late[0])


def told_of(fields: Fields) -> list[Told]:
    """Its events."""
    return [
        Told(
            Event(
                each["at"],
                KINDS[each["kind"]],
                each["attempt"],
                each.get("worker"),
                each.get("message_id"),
                each.get("text"),
                each.get("log"),
            ),
            each.get("began_at"),
        )
        for each in fields.get(EVENTS) or ()
    ]


def expiry_of(fields: Fields) -> datetime | None:
    """When Firestore may delete it, if nobody has until then: never while it has not finished."""
    finished_at = fields.get("finished_at")
    keep_s = fields.get("keep_s")
    if finished_at is None or keep_s is None or fields.get("due_at") is not None:
        return None  # where no worker has said how long results are kept, it waits for a purge
    return timestamp(finished_at + max(keep_s, 0.0) + _SLACK_S)


def dated(fields: Fields) -> dict[str, Any]:
    """The same, with the time from which Firestore may delete it."""
    return {**fields, EXPIRY: expiry_of(fields)}


def without_response(fields: Fields) -> dict[str, Any]:
    """The same, with no response any more."""
    parts = {kind: named for kind, named in (fields.get("parts") or {}).items() if kind != RESPONSE}
    return {**fields, RESPONSE: None, "parts": parts or None}


def part_paths(fields: Fields, kinds: Iterable[str] = BODY_FIELDS) -> list[str]:
    """Where the parts of its large bodies are."""
    parts = fields.get("parts") or {}
    return [path for kind in kinds if kind in parts for path in bodies.part_paths(parts[kind])]
