"""Who may run a job: ``claim``, as ``deciding`` has it."""

from collections.abc import Sequence
from typing import Any

from pubsubctl.job import JobState, Reason
from pubsubctl.store import words
from pubsubctl.store.base import LEASE_GRACE_S
from pubsubctl.store.claims import Claim, Claimed, Refusal, Refused
from pubsubctl.store.deciding import CRASHED_ERROR, Standing, decide, refused_event, sent_at
from pubsubctl.store.firestore import bodies
from pubsubctl.store.firestore.adding import insert, is_unread
from pubsubctl.store.firestore.jobs import attempt_of, dated, is_held, noted
from pubsubctl.store.firestore.layout import REQUEST, job_path
from pubsubctl.store.firestore.values import Fields
from pubsubctl.store.firestore.view import View
from pubsubctl.store.newcomers import unknown_row
from pubsubctl.store.timeline import EventKind

_HELD_S = 0.1
"""Until asking again makes sense for a job that another group is about to change."""


def claim(view: View, claims: Sequence[Claim]) -> list[Claimed | Refused]:
    """See ``Store.claim``."""
    view.load(job_path(each.job_id) for each in claims)
    standings: dict[str, Standing] = {}
    return [_claim(view, each, standings) for each in claims]


def _claim(view: View, claim: Claim, standings: dict[str, Standing]) -> Claimed | Refused:
    path = job_path(claim.job_id)
    if view.impatient and path in view.read_only() and is_held(view.get(path), view.token, view.moment()):
        return Refused(claim.job_id, Refusal.HELD, _HELD_S)
    unknown = view.get(path) is None
    if unknown:
        if claim.age_s > claim.max_age_s:
            return Refused(claim.job_id, Refusal.FORGOTTEN)
        insert(view, [(unknown_row(claim, view.now), claim.request)])
    fields = view.get(path)
    assert fields is not None
    standing = standings.setdefault(claim.job_id, _standing(fields))
    if unknown:
        standing.created_at = 0.0  # it is known since now, and its message may be older
    answer = decide(standing, claim, view.now)
    view.put(path, _after(fields, claim, standing, answer, view.now, held=is_held(fields, view.token, view.moment())))
    return answer


def _standing(fields: Fields) -> Standing:
    return Standing(
        attempt_of(fields).state,
        fields["attempt"],
        fields["failures"],
        fields["crashes"],
        fields.get("max_attempts"),
        fields.get("timeout_s"),
        fields.get("message_id"),
        fields.get("not_before"),
        fields.get("lease_until"),
        fields["created_at"],
        fields.get("forgiven_failures") or 0,
        fields.get("forgiven_crashes") or 0,
        fields.get("spent_message_ids"),
        fields.get("worker"),
        fields.get("claim_token"),
        is_unread(fields),
    )


def _after(
    fields: Fields, claim: Claim, standing: Standing, answer: Claimed | Refused, now: float, *, held: bool
) -> Fields:
    if standing.crashes > fields["crashes"]:
        text = words.lost(None if isinstance(answer, Claimed) else CRASHED_ERROR)
        fields = noted(fields, [attempt_of(fields).ending(claim.job_id, EventKind.LOST, now, text)])
    if isinstance(answer, Claimed):
        return _granted(fields, claim, standing, now)
    # Another group is about to change it: to be told of a refusal now would make that lose its race.
    refused = fields if held else noted(fields, [refused_event(claim, standing, answer, now)])
    return given_up(refused, standing.crashes, now, due_at=now) if answer.refusal is Refusal.CRASHED else refused


def _granted(fields: Fields, claim: Claim, standing: Standing, now: float) -> Fields:
    lease_until = now + claim.lease_s
    return {
        **fields,
        **(_read(claim) if is_unread(fields) else {}),
        **dict.fromkeys(("reason", "error", "http_status", "not_before", "progress_fraction", "progress_note")),
        "state": str(JobState.RUNNING),
        "attempt": standing.attempt,
        "crashes": standing.crashes,
        "max_attempts": standing.max_attempts,
        "worker": claim.worker_id,
        "message_id": claim.message_id,
        "claim_token": claim.token,
        "lease_until": lease_until,
        "due_at": lease_until + LEASE_GRACE_S,
        "started_at": now,
        # The message was taken, so it was published, whether or not its submitter has come to say so.
        "published_at": fields["published_at"] if fields.get("published_at") else sent_at(claim, standing, now),
        "keep_s": claim.max_age_s,
    }


def _read(claim: Claim) -> dict[str, Any]:
    """What was buried unread can be read now."""
    return {
        "method": claim.request.method,
        "path": claim.request.path,
        "batch_id": claim.batch_id,
        "ordering_key": claim.ordering_key,
        REQUEST: bodies.of_request(claim.request),
    }


def given_up(fields: Fields, crashes: int, now: float, *, due_at: float) -> Fields:
    """A job that crashed too often; ``due_at`` is when its dead letter is to be mirrored."""
    failed = {
        **fields,
        "state": str(JobState.FAILED),
        "reason": str(Reason.CRASHED),
        "lease_until": None,
        "crashes": crashes,
        "error": CRASHED_ERROR,
        "finished_at": now,
        "due_at": due_at,
    }
    return dated(failed)
