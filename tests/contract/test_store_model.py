import tempfile
from collections import Counter
from pathlib import Path

import pytest
from backends import BACKENDS
from given import LEASE_S, MAX_CRASHES, a_claim, a_job, an_outcome, due
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from model import Model

from pubsubctl.errors import StoreError
from pubsubctl.job import JobState
from pubsubctl.store.answers import Added, Cancelled, Retried
from pubsubctl.store.claims import Claimed, Lease, WorkerInfo
from pubsubctl.store.messages import Published, Returned, Unpublished
from pubsubctl.store.timeline import EventKind

IDS = st.sampled_from(["a", "b", "c"])
MESSAGES = st.sampled_from(["m1", "m2"])
LATE = st.sampled_from([0, 0, 0, 1])  # by how many attempts a write comes late
ENDS = {EventKind.ENDED, EventKind.LOST, EventKind.RELEASED, EventKind.CANCELLED}
WORKER = WorkerInfo("w", "host", 1, "app", "s", 1)


class StoreMachine(RuleBasedStateMachine):
    """A store and the model are told the same, and must answer the same."""

    backend_name = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.backend = BACKENDS[self.backend_name](Path(self.folder.name))
        self.store = self.backend.open()
        self.model = Model()

    def teardown(self) -> None:
        self.backend.close()
        self.folder.cleanup()

    def attempt(self, job_id: str, late: int) -> int:
        job = self.model.jobs.get(job_id)
        return job.attempt - late if job else 1

    @rule(job_id=IDS, delay_s=st.sampled_from([0.0, 0.0, 10.0]))
    def add(self, job_id, delay_s):
        if self.model.add(job_id, delay_s):
            self.store.add([a_job(job_id, delay_s=delay_s, idempotency_key=job_id)])
        else:
            with pytest.raises(StoreError):
                self.store.add([a_job(job_id)])

    @rule(job_id=IDS, late=LATE)
    def published(self, job_id, late):
        attempt = self.attempt(job_id, late)
        self.model.published(job_id, attempt)
        self.store.published([Published(job_id, "m1", attempt)])

    @rule(job_id=IDS, late=LATE, dead=st.booleans())
    def unpublished(self, job_id, late, dead):
        attempt = self.attempt(job_id, late)
        self.model.unpublished(job_id, attempt, dead=dead)
        self.store.unpublished([Unpublished(job_id, "refused", attempt, dead_letter=dead)])

    @rule(job_id=IDS, delay_s=st.sampled_from([0.0, 10.0]))
    def add_under_its_key(self, job_id, delay_s):
        known = self.model.jobs.get(job_id)
        if known is None or not known.keyed:
            return
        again = self.model.add_again(job_id, delay_s)
        answer = Added(job_id, existed=not again, attempt=known.attempt)
        assert self.store.add([a_job("other", idempotency_key=job_id, delay_s=delay_s)]) == [answer]

    @rule(claims=st.lists(st.tuples(IDS, MESSAGES), min_size=1, max_size=4))
    def claim(self, claims):
        expected = [self.model.claim(job_id, message) for job_id, message in claims]
        answers = self.store.claim([a_claim(job_id, message_id=message) for job_id, message in claims])
        assert [each.attempt if isinstance(each, Claimed) else each.refusal for each in answers] == expected

    @rule(job_id=IDS, late=LATE)
    def release(self, job_id, late):
        attempt = self.attempt(job_id, late)
        self.model.release(job_id, attempt)
        self.store.release([Lease(job_id, attempt)])

    @rule(job_id=IDS, late=LATE)
    def heartbeat(self, job_id, late):
        attempt = self.attempt(job_id, late)
        lost = [] if self.model.heartbeat(job_id, attempt) else [Lease(job_id, attempt)]
        assert self.store.heartbeat(WORKER, [Lease(job_id, attempt)], lease_s=LEASE_S) == lost

    @rule(
        job_id=IDS,
        late=LATE,
        state=st.sampled_from([JobState.SUCCEEDED, JobState.FAILED, JobState.RETRYING, JobState.RETRYING]),
        retry_in_s=st.sampled_from([0.0, 10.0]),
        dead=st.booleans(),
        held=st.booleans(),
    )
    def record(self, job_id, late, state, retry_in_s, *, dead, held):
        attempt = self.attempt(job_id, late)
        expected = self.model.record(job_id, attempt, state, retry_in_s, dead=dead, held=held)
        outcome = an_outcome(job_id, attempt, state=state, retry_in_s=retry_in_s, dead_letter=dead, held=held)
        assert self.store.record([outcome]) == [expected]

    @rule(job_id=IDS)
    def cancel(self, job_id):
        assert self.store.cancel([job_id]) == [Cancelled(job_id, self.model.cancel(job_id))]

    @rule(job_id=IDS)
    def retry(self, job_id):
        assert self.store.retry([job_id]) == [Retried(job_id, self.model.retry(job_id))]

    @rule(job_id=IDS, message=MESSAGES)
    def returned(self, job_id, message):
        self.model.returned(job_id, message)
        self.store.returned([Returned(job_id, message, "delivered too often")])

    @rule(job_id=IDS)
    def delete(self, job_id):
        assert self.store.delete([job_id]).count == self.model.delete(job_id)

    @rule()
    def sweep(self):
        assert set(due(self.store)) == self.model.sweep()

    @rule(job_id=IDS, of_its_last_end=st.booleans())
    def mirrored(self, job_id, of_its_last_end):
        (job,) = self.store.get([job_id])
        self.model.mirrored(job_id, of_its_last_end=of_its_last_end)
        self.store.mirrored({job_id: job.finished_at if job and of_its_last_end else 1.0})

    @rule(seconds=st.sampled_from([1.0, 10.0, LEASE_S, 61.0, 100_000.0]))
    def advance(self, seconds):
        self.model.now += seconds
        self.backend.advance(seconds)

    @precondition(lambda self: self.model.now > 0)
    @rule(older_than_s=st.sampled_from([0.0, 10.0]))
    def purge(self, older_than_s):
        assert self.store.purge(older_than_s=older_than_s).count == self.model.purge(older_than_s)

    @invariant()
    def both_know_the_same(self):
        jobs = self.store.find().jobs
        expected = {
            job_id: (job.state, job.attempt, job.failures, job.allowed, job.crashes, job.message or None)
            for job_id, job in self.model.jobs.items()
        }
        known = {
            job.id: (job.state, job.attempt, job.failures, job.max_attempts, job.crashes, job.message_id)
            for job in jobs
        }
        assert known == expected
        counts = self.store.counts()
        assert counts == dict.fromkeys(JobState, 0) | Counter(job.state for job in jobs)
        seen = self.store.activity(within_s=1e9, steps=2)
        assert [sum(each) for each in (seen.succeeded, seen.failed, seen.cancelled)] == [
            counts[state] for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        ]
        forgiven = {job_id: job.forgiven_crashes for job_id, job in self.model.jobs.items()}
        assert all(job.crashes - forgiven[job.id] <= MAX_CRASHES for job in jobs)

    @invariant()
    def a_finished_job_and_no_other_may_have_a_response(self):
        for job in self.store.find().jobs:
            assert (self.store.response(job.id) is not None) == (job.result_bytes is not None)
            assert job.finished or job.result_bytes is None

    @invariant()
    def every_attempt_is_told_once_and_every_one_but_that_which_runs_has_ended(self):
        for job in self.store.find().jobs:
            told = self.store.history(job.id)
            begun = [event.attempt for event in told if event.kind is EventKind.BEGAN]
            assert begun == list(range(1, job.attempt + 1))
            ended = {event.attempt for event in told if event.kind in ENDS and event.attempt}
            assert ended == set(begun) - ({job.attempt} if job.state is JobState.RUNNING else set())


@pytest.mark.parametrize("name", BACKENDS)
def test_a_store_answers_as_the_model_does(name):
    machine = type("Machine", (StoreMachine,), {"backend_name": name})
    examples = BACKENDS[name].examples
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None))
