"""What a database has to be told besides its documents: composite indexes, exemptions, the TTL policy. Pure.

``firestore.indexes.json`` beside this file is ``document()``, in the form that ``firebase deploy --only
firestore:indexes`` takes; ``pubsubctl setup`` prints the same as commands of gcloud. Google's emulator asks for none of
it: so the tests hold every query that they see against ``composites``.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from pubsubctl.job import JobState, Reason
from pubsubctl.store.firestore import queries
from pubsubctl.store.firestore.layout import BODIES, BODY_FIELDS, EVENTS, EXPIRY, JOBS, WORKERS
from pubsubctl.store.firestore.query import Index, Query
from pubsubctl.store.firestore.service import Place

EXPIRING = (JOBS, BODIES, WORKERS)
"""Collections whose documents say when they may go."""
# Large, or lists of maps: each entry of an index is written with the document, and none of these is ever asked for.
_NOT_INDEXED = (*((JOBS, name) for name in (*BODY_FIELDS, EVENTS, "parts", "error", "path")), (BODIES, "data"))


def every_query() -> Iterator[Query]:
    """One of each kind that the store asks."""
    kinds = product(((), (JobState.QUEUED,)), (None, "batch"), ((), (Reason.STATUS,)), (None, 0.0))
    for states, batch_id, reasons, earliest in kinds:
        yield queries.page(queries.Wanted(states, batch_id, reasons, earliest), None, 1)
    for states in ((), (JobState.QUEUED,)):
        yield queries.page(queries.Wanted(states, worker="worker"), None, 1)
    yield from (queries.newest(1), queries.next_batch(None), queries.next_batch("batch"))
    yield from (queries.in_batch("batch"), queries.in_batch("batch", JobState.QUEUED))
    yield from (queries.latest(JobState.FAILED, 0.0, 1.0, 1), queries.ended(JobState.FAILED, 0.0, 1.0))
    yield from (queries.in_state(JobState.QUEUED, batch_id) for batch_id in (None, "batch"))
    yield from (queries.due("topic", 0.0, 1), queries.unfinished("topic"), queries.later("topic", 0.0))
    yield from (queries.purgeable([JobState.FAILED], 0.0, 1), queries.workers(0.0), queries.last_changed())


def composites() -> list[Index]:
    """The composite indexes that these need, each once."""
    return sorted({index for query in every_query() if (index := query.index()) is not None})


def document() -> dict[str, Any]:
    """All of it, as ``firestore.indexes.json`` holds it."""
    return {
        "indexes": [
            {
                "collectionGroup": collection,
                "queryScope": "COLLECTION",
                "fields": [
                    {"fieldPath": name, "order": "DESCENDING" if last else "ASCENDING"} for name, last in fields
                ],
            }
            for collection, fields in composites()
        ],
        "fieldOverrides": [
            *({"collectionGroup": group, "fieldPath": name, "indexes": []} for group, name in _NOT_INDEXED),
            *({"collectionGroup": group, "fieldPath": EXPIRY, "ttl": True, "indexes": []} for group in EXPIRING),
        ],
    }


def commands(place: Place) -> list[str]:
    """All of it, as commands of gcloud; each returns at once with ``--async``, and does no harm when it is repeated."""
    there = f"--project={place.project} --database='{place.database}' --async"
    indexes = [
        f"gcloud firestore indexes composite create --collection-group={collection} {_fields(fields)} {there}"
        for collection, fields in composites()
    ]
    plain = [
        f"gcloud firestore indexes fields update {name} --collection-group={group} --disable-indexes {there}"
        for group, name in _NOT_INDEXED
    ]
    expiring = [
        f"gcloud firestore fields ttls update {EXPIRY} --collection-group={group} --enable-ttl {there}"
        for group in EXPIRING
    ]
    return indexes + plain + expiring


def _fields(fields: tuple[tuple[str, bool], ...]) -> str:
    return " ".join(
        f"--field-config=field-path={name},order={'descending' if last else 'ascending'}" for name, last in fields
    )
