"""Where things are in the database: collections, documents, and which fields are read when. Pure."""

import hashlib
from dataclasses import fields

from pubsubctl.job import Job

SCHEMA_VERSION = 1

JOBS = "pubsubctl-jobs"
BODIES = "pubsubctl-bodies"
KEYS = "pubsubctl-keys"
WORKERS = "pubsubctl-workers"
META = "pubsubctl-meta"
IDENTITY = f"{META}/store"

EXPIRY = "expires_at"
"""The time of Firestore's TTL policy, on whatever ends with a job."""

JOB_FIELDS = tuple(field.name for field in fields(Job))
"""What a ``Job`` shows."""
EVENTS = "events"
"""A list of maps, as ``happening.event_row`` has them."""
STEP_FIELDS = (
    *JOB_FIELDS,
    # What a Job does not show; see store/schema.py.
    *("lease_until", "due_at", "published_at", "first_message_id", "forgiven_failures", "forgiven_crashes"),
    *("spent_message_ids", "claim_token", "has_payloads"),
    EVENTS,
    "parts",  # of bodies that have documents of their own: see bodies
    "keep_s",  # how long its worker keeps results
    *("hold", "hold_until"),  # the group that is about to change it: see grouping
    EXPIRY,
)
"""What a step of a job's life reads: all but its bodies."""
REQUEST, RESPONSE = "request", "response"
BODY_FIELDS = (REQUEST, RESPONSE)
CHANGED = "changed_at"
"""The server's time of the last change, which waiters look at."""


def job_path(job_id: str) -> str:
    """Where a job is. Ids are made in the order of time: their digest spreads them over Firestore's servers."""
    return f"{JOBS}/{_digest(job_id)[:4]}-{job_id}"


def key_path(idempotency_key: str) -> str:
    """Where it is noted whose an idempotency key is; a key may be any text, a document's name may not."""
    return f"{KEYS}/{_digest(idempotency_key)}"


def worker_path(worker_id: str) -> str:
    """Where a worker's last heartbeat is."""
    return f"{WORKERS}/{_digest(worker_id)[:4]}-{worker_id}"


def part_path(token: str, number: int) -> str:
    """Where a part of a body is."""
    return f"{BODIES}/{token}-{number}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
