"""The client between a real store and a real broker: what is taken, what is not, what is in doubt."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from failing import FailingPublishes

from pubsubctl import Client, Settings
from pubsubctl.broker.connection import Connection
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.errors import (
    BrokerError,
    BrokerUnreachable,
    InvalidRequest,
    JobNotFound,
    NoResult,
    ResourceNotFound,
    ResultNotReady,
    WaitTimeout,
)
from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job, JobState, Reason
from pubsubctl.store.claims import Claim, Claimed, Outcome
from pubsubctl.store.timeline import EventKind
from pubsubctl.submitted import SubmittedJob

REFUSED = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "refused")
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE, "away")
INTERNAL = Refusal(grpc.StatusCode.INTERNAL, "broken")


class Rig:
    """A client, and the broker that it publishes to."""

    def __init__(self, folder: Path) -> None:
        self.faults = FailingPublishes()
        self.broker = EmbeddedBroker(folder / "broker", faults=self.faults)
        self.broker.start()
        self.settings = Settings.load({"emulator_host": self.broker.address}, environ={}, start=folder)
        self.client = Client(self.settings)

    def setup(self) -> None:
        with Connection(self.settings) as connection:
            connection.publisher.create_topic(name=self.settings.topic_path)
            connection.subscriber.create_subscription(
                name=self.settings.subscription_path, topic=self.settings.topic_path
            )

    def pulled(self, count: int) -> list[str]:
        """The jobs of that many messages; fails where the broker has fewer."""
        found: list[str] = []
        with Connection(self.settings) as connection:
            while len(found) < count:
                answer = connection.subscriber.pull(
                    subscription=self.settings.subscription_path, max_messages=100, timeout=20
                )
                found.extend(received.message.attributes["job-id"] for received in answer.received_messages)
        return sorted(found)

    def jobs(self) -> list[Job]:
        """All jobs in the order of their submission."""
        return sorted(self.client.store.find(limit=1000).jobs, key=lambda job: job.path)

    def close(self) -> None:
        self.client.close()
        self.broker.stop()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def large(number: int) -> dict[str, str]:
    """A request so large that only two of them go into a call."""
    return {"method": "POST", "path": f"/{number}", "data": "x" * 3_500_000}


def submitted(rig: Rig, count: int) -> list[SubmittedJob]:
    """Submitted at once, in calls of two."""
    return list(rig.client.submit_many(large(number) for number in range(count)))


def test_results_come_with_their_jobs_as_these_end_and_none_where_there_is_none(rig):
    rig.setup()
    jobs = list(rig.client.submit_many({"path": f"/{number}"} for number in range(3)))
    answered, refused, cancelled = jobs
    rig.client.store.cancel([cancelled.id])
    results = rig.client.results(jobs, 20)
    assert next(results) == (cancelled, None)
    claims = [Claim(job.id, "m", "w", 60.0, 5, 10, 0.0, 3600.0, Request.of("GET", "/"), "t") for job in jobs[:2]]
    attempts = [each.attempt for each in rig.client.store.claim(claims) if isinstance(each, Claimed)]
    rig.client.store.record(
        [
            Outcome(answered.id, attempts[0], JobState.SUCCEEDED, response=Response(200, body=b"done")),
            Outcome(refused.id, attempts[1], JobState.FAILED, Reason.STATUS, response=Response(400, body=b"no")),
        ]
    )
    found = {job.id: response.body for job, response in results if response is not None}
    assert found == {answered.id: b"done", refused.id: b"no"}
    assert [job.state for job in jobs] == [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]


def test_many_large_results_are_not_read_all_at_once(rig, monkeypatch):
    rig.setup()
    jobs = list(rig.client.submit_many({"path": f"/{number}"} for number in range(5)))
    claims = [Claim(job.id, "m", "w", 60.0, 5, 10, 0.0, 3600.0, Request.of("GET", "/"), "t") for job in jobs]
    body = b"x" * 3_500_000
    rig.client.store.record(
        [
            Outcome(each.job_id, each.attempt, JobState.SUCCEEDED, response=Response(200, body=body))
            for each in rig.client.store.claim(claims)
            if isinstance(each, Claimed)
        ]
    )
    asked: list[int] = []
    responses = rig.client.store.responses
    monkeypatch.setattr(rig.client.store, "responses", lambda ids: asked.append(len(ids)) or responses(ids))
    found = list(rig.client.results(jobs, 20))
    assert all(response is not None and response.body == body for _, response in found)
    assert asked == [2, 2, 1]


def test_a_job_that_never_was_is_missed_at_once(rig):
    with pytest.raises(JobNotFound):
        rig.client.job("nope").wait(0.3)
    with pytest.raises(JobNotFound):
        rig.client.job("nope").result(0)


def test_results_that_do_not_come_in_time_are_said_to_go_on(rig):
    rig.setup()
    with pytest.raises(WaitTimeout):
        list(rig.client.results([rig.client.submit("GET", "/")], 0.05))


def test_of_several_calls_only_what_the_refused_one_and_those_after_it_carried_is_failed(rig):
    rig.setup()
    rig.faults.answers.extend([None, REFUSED])
    with pytest.raises(BrokerError, match="refused"):
        submitted(rig, 3)
    jobs = rig.jobs()
    assert [job.state for job in jobs] == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
    assert [job.message_id is not None for job in jobs] == [True, True, False]
    assert (jobs[2].reason, "refused" in (jobs[2].error or "")) == ("unpublished", True)
    assert rig.pulled(2) == sorted(job.id for job in jobs[:2])


def test_jobs_of_a_few_ordering_keys_take_a_call_each_key_in_their_order(rig):
    rig.setup()
    rig.faults.answers.extend([None] * 3)  # as many calls, and the next one would be refused
    rig.faults.answers.append(REFUSED)
    submitted = list(rig.client.submit_many({"path": f"/{n}", "ordering_key": "abc"[n % 3]} for n in range(60)))
    jobs = [job.refresh() for job in submitted]
    assert [job.path for job in jobs] == [f"/{n}" for n in range(60)]
    for first in range(3):
        numbers = [int(job.message_id or 0) for job in jobs[first::3]]
        assert numbers == sorted(numbers)
    assert list(rig.faults.answers) == [REFUSED]


def test_what_is_in_doubt_is_left_to_the_sweeper(rig):
    rig.setup()
    rig.faults.answers.extend([None, INTERNAL])
    with pytest.raises(BrokerUnreachable, match="the job is in the store, and a worker publishes it"):
        submitted(rig, 3)
    jobs = rig.jobs()
    assert [job.state for job in jobs] == [JobState.QUEUED] * 3
    assert [job.message_id is not None for job in jobs] == [True, True, False]


def test_a_refusal_after_a_try_without_an_answer_leaves_the_job_in_doubt(rig):
    rig.setup()
    rig.faults.answers.extend([UNAVAILABLE, REFUSED])
    with pytest.raises(BrokerUnreachable, match="refused; an earlier try had no answer"):
        rig.client.submit("GET", "/a")
    assert [job.state for job in rig.jobs()] == [JobState.QUEUED]


def test_a_key_is_not_used_up_by_a_submit_that_was_refused(rig):
    with pytest.raises(ResourceNotFound, match="pubsubctl setup"):
        rig.client.submit("POST", "/a", json=1, idempotency_key="key")
    (failed,) = rig.jobs()
    assert failed.state is JobState.FAILED
    rig.setup()
    job = rig.client.submit("POST", "/a", json=1, idempotency_key="key")
    assert (job.id, job.existed, job.state) == (failed.id, False, JobState.QUEUED)
    assert rig.pulled(1) == [failed.id]
    assert rig.client.submit("POST", "/a", json=1, idempotency_key="key").existed
    assert job.refresh().message_id is not None, "it was noted with the next that was added"


def test_a_key_refused_twice_may_be_used_a_third_time(rig):
    for _ in range(2):
        with pytest.raises(ResourceNotFound):
            rig.client.submit("GET", "/a", idempotency_key="key")
    rig.setup()
    assert not rig.client.submit("GET", "/a", idempotency_key="key").existed
    with pytest.raises(InvalidRequest, match="has another request"):
        rig.client.submit("GET", "/b", idempotency_key="key")


def test_a_job_that_has_not_ended_has_no_result_yet(rig):
    rig.setup()
    job = rig.client.submit("GET", "/a")
    with pytest.raises(ResultNotReady, match=rf"job {job.id} has no result yet \(queued\)"):
        rig.client.result(job.id)
    job.cancel()
    with pytest.raises(NoResult, match=r"ended without a response \(cancelled\)"):
        job.result()


def test_a_job_that_has_ended_has_its_result(rig):
    rig.setup()
    job = rig.client.submit("GET", "/a")
    request = rig.client.store.request(job.id)
    assert request is not None
    claim = Claim(job.id, "m", "w", 60.0, 5, 10, 0.0, 60.0, request, rig.settings.topic_path)
    (claimed,) = rig.client.store.claim([claim])
    assert isinstance(claimed, Claimed)
    response = Response(200, (), b"done")
    rig.client.store.record([Outcome(job.id, 1, JobState.SUCCEEDED, response=response)])
    assert rig.client.result(job.id) == response


def test_a_failed_job_is_retried_and_waited_for_anew(rig):
    with pytest.raises(ResourceNotFound):
        rig.client.submit("GET", "/a")
    (failed,) = rig.jobs()
    job = rig.client.job(failed.id)
    assert job.wait(5).state is JobState.FAILED
    rig.setup()
    assert job.retry()
    assert job.state is JobState.QUEUED, "what was known of it before is forgotten"
    assert not job.retry()
    assert [event.kind for event in job.history()].count(EventKind.RETRIED) == 1


def test_a_job_that_somebody_else_retries_is_queued_to_all_who_ask(rig):
    with pytest.raises(ResourceNotFound):
        rig.client.submit("GET", "/a")
    (failed,) = rig.jobs()
    job = rig.client.job(failed.id)
    assert job.wait(5).state is JobState.FAILED
    assert job.done()
    assert rig.client.retry(failed.id)
    assert not job.done()
    assert job.state is JobState.QUEUED


def test_who_waits_too_long_for_one_job_hears_of_one(rig):
    rig.setup()
    one, two = rig.client.submit("GET", "/a"), rig.client.submit("GET", "/b")
    with pytest.raises(WaitTimeout, match=r"^the job has not ended yet; it goes on$"):
        one.wait(0.01)
    with pytest.raises(WaitTimeout, match=r"^2 jobs have not ended yet; they go on$"):
        list(rig.client.wait([one, two], 0.01))


def test_asking_for_what_is_not_there_is_an_error(rig):
    for ask in (rig.client.retry, rig.client.history):
        with pytest.raises(JobNotFound, match="no job 'nope'"):
            ask("nope")
    gone = rig.client.job("nope")
    for ask in (gone.retry, gone.history, gone.cancel, gone.done):
        with pytest.raises(JobNotFound, match="no job 'nope'"):
            ask()


def test_a_cancelled_job_may_be_retried_and_one_that_succeeded_not(rig):
    rig.setup()
    job, other = rig.client.submit("GET", "/a"), rig.client.submit("GET", "/b")
    assert job.cancel()
    assert rig.client.retry(job.id)
    request = rig.client.store.request(other.id)
    assert request is not None
    rig.client.store.claim([Claim(other.id, "m", "w", 60.0, 5, 10, 0.0, 60.0, request, rig.settings.topic_path)])
    rig.client.store.record([Outcome(other.id, 1, JobState.SUCCEEDED, response=Response(200))])
    assert not rig.client.retry(other.id)
    assert [event.kind for event in other.history()][-1] is EventKind.ENDED


def test_a_key_in_a_header_is_a_key_and_stays_there(rig):
    rig.setup()
    job = rig.client.submit("GET", "/a", headers={"Idempotency-Key": '"key"'})
    assert rig.client.submit("GET", "/a", idempotency_key="key").id == job.id
    assert rig.client.submit("GET", "/a", headers={"Idempotency-Key": "key"}, idempotency_key="key").id == job.id
    request = rig.client.store.request(job.id)
    assert request is not None
    assert request.header("idempotency-key") == '"key"'
    with pytest.raises(InvalidRequest, match="not that of the header"):
        rig.client.submit("GET", "/a", headers={"Idempotency-Key": "one"}, idempotency_key="two")
    with pytest.raises(InvalidRequest, match=f"belongs to job {job.id}, .* the path is not the same"):
        rig.client.submit("GET", "/b", headers={"Idempotency-Key": "key"})


def test_a_key_is_the_same_for_a_request_that_came_another_way(rig):
    rig.setup()
    first = rig.client.submit("GET", "/a", headers={"traceparent": "00-1"}, idempotency_key="key")
    again = rig.client.submit("GET", "/a", headers={"traceparent": "00-2"}, idempotency_key="key")
    assert (again.id, again.existed) == (first.id, True)


def test_threads_that_begin_together_share_one_connection_and_its_clients(rig):
    together = threading.Barrier(8)
    found: list[tuple[int, int, int]] = []

    def use() -> None:
        together.wait(20)
        connection = rig.client.connection
        found.append((id(connection), id(connection.publisher), id(connection.subscriber)))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_closing_twice_does_no_harm(rig):
    rig.setup()
    rig.client.submit("GET", "/a")
    rig.client.close()
    rig.client.close()
    unused = Client(rig.settings)
    unused.close()
    unused.close()


def test_what_comes_slowly_is_not_kept_until_there_is_a_bulk_of_it(rig):
    rig.setup()
    kept: list[int] = []

    def coming() -> Iterator[dict[str, str]]:
        for number in range(3):
            kept.append(number - rig.client.store.counts()[JobState.QUEUED])
            time.sleep(0.15)  # as somebody who types
            yield {"path": f"/{number}"}

    assert len(list(rig.client.submit_many(coming()))) == 3
    assert kept == [0, 0, 0]
