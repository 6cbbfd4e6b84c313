from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.exchange import Request
from pubsubctl.job import FINISHED, TRANSITIONS, JobState
from pubsubctl.store.claims import Claim, Claimed, Refusal
from pubsubctl.store.deciding import Standing, decide

TIMES = st.one_of(st.none(), st.floats(0, 100))
STANDINGS = st.builds(
    Standing,
    state=st.sampled_from(JobState),
    attempt=st.integers(0, 5),
    failures=st.integers(0, 5),
    crashes=st.integers(0, 5),
    forgiven_crashes=st.integers(0, 2),
    max_attempts=st.one_of(st.none(), st.integers(1, 5)),
    message_id=st.sampled_from(["m1", "m2", None]),
    spent_message_ids=st.sampled_from(["m0", "m0 m2", None]),
    not_before=TIMES,
    lease_until=TIMES,
)
CLAIMS = st.builds(
    Claim,
    job_id=st.just("job-1"),
    message_id=st.sampled_from(["m1", "m2"]),
    worker_id=st.just("w"),
    lease_s=st.floats(1, 100),
    max_attempts=st.integers(1, 5),
    max_crashes=st.integers(1, 6),
    age_s=st.just(0.0),
    max_age_s=st.just(0.0),
    request=st.just(Request("GET", "/")),
    topic=st.just("t"),
)
NOW = st.floats(0, 100)


@given(STANDINGS, CLAIMS, NOW)
def test_a_state_is_left_only_for_one_that_may_follow(standing, claim, now):
    before = replace(standing)
    decide(standing, claim, now)
    assert standing.state is before.state or standing.state in TRANSITIONS[before.state]


@given(STANDINGS, CLAIMS, NOW)
def test_an_attempt_begins_exactly_when_a_claim_is_granted(standing, claim, now):
    before = replace(standing)
    answer = decide(standing, claim, now)
    assert standing.attempt == before.attempt + isinstance(answer, Claimed)
    if isinstance(answer, Claimed):
        assert (standing.state, standing.lease_until) == (JobState.RUNNING, now + claim.lease_s)
        assert (answer.attempt, answer.crashes) == (standing.attempt, standing.crashes - standing.forgiven_crashes)


@given(STANDINGS, CLAIMS, NOW)
def test_a_refusal_changes_nothing_but_for_the_last_crash(standing, claim, now):
    before = replace(standing)
    answer = decide(standing, claim, now)
    if not isinstance(answer, Claimed) and answer.refusal is not Refusal.CRASHED:
        assert standing == before
        assert answer.wait_s >= 0


@given(STANDINGS, CLAIMS, CLAIMS, NOW)
def test_the_claim_after_one_that_was_granted_is_refused(standing, claim, other, now):
    if isinstance(decide(standing, claim, now), Claimed):
        again = decide(standing, other, now)
        assert not isinstance(again, Claimed)
        held = Refusal.HELD if other.message_id == claim.message_id else Refusal.BUSY
        assert again.refusal is (
            Refusal.SPENT if other.message_id in (standing.spent_message_ids or "").split() else held
        )


@given(STANDINGS, CLAIMS, NOW)
def test_what_has_finished_is_never_granted(standing, claim, now):
    if standing.state in FINISHED:
        answer = decide(standing, claim, now)
        assert not isinstance(answer, Claimed)
        assert answer.refusal in {Refusal.DONE, Refusal.CANCELLED}


@given(STANDINGS, CLAIMS, NOW)
def test_crashes_are_counted_one_for_each_lease_that_ran_out(standing, claim, now):
    before = replace(standing)
    decide(standing, claim, now)
    spent = claim.message_id in (before.spent_message_ids or "").split()
    ran_out = before.state is JobState.RUNNING and (before.lease_until or 0.0) <= now and not spent
    assert standing.crashes == before.crashes + ran_out
    assert (standing.state is JobState.FAILED) == (
        before.state is JobState.FAILED
        or (ran_out and standing.crashes - standing.forgiven_crashes >= claim.max_crashes)
    )
