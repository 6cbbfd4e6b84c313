import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.job import FINISHED, TRANSITIONS, Job, JobState, rfc3339

NAMES = [
    "id",
    "state",
    "reason",
    "method",
    "path",
    "batch_id",
    "attempt",
    "failures",
    "crashes",
    "max_attempts",
    "timeout_s",
    "worker",
    "created_at",
    "not_before",
    "started_at",
    "finished_at",
    "http_status",
    "error",
    "progress",
    "result_bytes",
    "idempotency_key",
    "ordering_key",
]


def a_job(state: JobState = JobState.QUEUED, **changes: object) -> Job:
    return Job("job-1", state, "GET", "/", 0.0, **changes)


def test_every_state_has_its_transitions():
    assert TRANSITIONS.keys() == set(JobState)


def test_every_state_can_be_reached_from_queued():
    reached = {JobState.QUEUED}
    for _ in JobState:
        reached |= {after for state in reached for after in TRANSITIONS[state]}
    assert reached == set(JobState)


def test_no_state_follows_itself():
    assert all(state not in after for state, after in TRANSITIONS.items())


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_what_has_finished_can_at_most_be_queued_again(state):
    assert TRANSITIONS[state] <= {JobState.QUEUED}


@pytest.mark.parametrize("state", sorted(set(JobState) - FINISHED))
def test_what_has_not_finished_can_be_cancelled(state):
    assert JobState.CANCELLED in TRANSITIONS[state]


@pytest.mark.parametrize("state", JobState)
def test_a_job_is_finished_when_it_succeeded_failed_or_was_cancelled(state):
    assert a_job(state).finished == (state in {"succeeded", "failed", "cancelled"})


def test_the_document_has_the_documented_names_in_order():
    assert list(a_job().document()) == NAMES


def test_the_document_is_plain_json():
    job = a_job(JobState.RUNNING, started_at=1.5, progress_fraction=0.5, progress_note="half", worker="w", attempt=2)
    document = json.loads(json.dumps(job.document()))
    assert document["state"] == "running"
    assert document["created_at"] == "1970-01-01T00:00:00.000Z"
    assert document["started_at"] == "1970-01-01T00:00:01.500Z"
    assert document["finished_at"] is None
    assert document["progress"] == {"fraction": 0.5, "note": "half"}
    assert document["ordering_key"] is None


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_times_are_in_utc_to_the_millisecond_and_sort_as_text(one, other):
    first, second = rfc3339(min(one, other)), rfc3339(max(one, other))
    assert first is not None
    assert second is not None
    assert first <= second
    assert len(first) == len("2026-01-02T03:04:05.678Z")
    assert first.endswith("Z")


def test_no_time_is_no_text():
    assert rfc3339(None) is None
