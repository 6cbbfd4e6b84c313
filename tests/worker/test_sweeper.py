"""What is due is published again, each job for itself; between a real store and a real broker.

The embedded emulator runs in this process, and is given faults, which Google's takes none of.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from project import wait_for

from pubsubctl import wire
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Publisher
from pubsubctl.emulator.embedded import EmbeddedBroker, Faults
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.exchange import Request
from pubsubctl.job import Job, JobState, NewJob, Reason
from pubsubctl.settings import Settings
from pubsubctl.store.base import LEASE_GRACE_S, LOST_MESSAGE_S, PUBLISH_GRACE_S, Store
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome
from pubsubctl.store.messages import Burial, DueKind
from pubsubctl.store.opening import open_store
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.sweeper import Sweeper

REFUSED = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "refused")
RESULT_TTL_S = 1000.0
# Legal in a plain message of 99 attributes; as a job it needs job-id, method and store-id too.
TOO_MANY = Request.of("GET", "/p", [(f"x-{number}", "v") for number in range(98)])


class FailingPublishes(Faults):
    """Each publish takes the next of ``answers``: a refusal, or None to be carried out; it takes a while."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.answers: deque[Refusal | None] = deque()

    async def before_rpc(self, method: str) -> None:
        if method == "Publish" and self.delay_s:
            await asyncio.sleep(self.delay_s)
        if method == "Publish" and self.answers and (refusal := self.answers.popleft()):
            raise refusal


class Rig:
    """A sweeper with what is around it. ``now`` is the time of the store and of the sweeper."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.folder = folder
        self.faults = FailingPublishes()
        self.broker = EmbeddedBroker(folder / "broker", faults=self.faults).start()
        settings = Settings.load({"emulator_host": self.broker.address}, environ={}, start=folder)
        self.topic, self.dead_letter_topic = settings.topic_path, settings.dead_letter_topic_path
        self.store = open_store(str(folder / "jobs.db"), clock=lambda: self.now)
        self.connection = Connection(settings)
        self.sweeper = self.new_sweeper()
        self.create_topic(self.topic)

    def new_sweeper(
        self, max_crashes: int = 10, store: Store | None = None, shared: Mapping[str, Presence] | None = None
    ) -> Sweeper:
        return Sweeper(
            store or self.store,
            Publisher(self.connection, self.topic, timeout_s=3.0),
            Publisher(self.connection, self.dead_letter_topic, timeout_s=3.0),
            topic=self.topic,
            result_ttl_s=RESULT_TTL_S,
            max_crashes=max_crashes,
            shared=shared,
            clock=lambda: self.now,
        )

    def create_topic(self, topic: str) -> None:
        """With a subscription of the same name, so that what is published can be pulled."""
        self.connection.publisher.create_topic(name=topic)
        self.connection.subscriber.create_subscription(name=topic.replace("/topics/", "/subscriptions/"), topic=topic)

    def pulled(self, topic: str, count: int) -> list[dict[str, str]]:
        """The attributes of that many messages; fails where the broker has fewer."""
        found: list[dict[str, str]] = []
        while len(found) < count:
            subscription = topic.replace("/topics/", "/subscriptions/")
            answer = self.connection.subscriber.pull(subscription=subscription, max_messages=100, timeout=20)
            found.extend(dict(received.message.attributes) for received in answer.received_messages)
        return found

    def add(self, *job_ids: str, body: bytes = b"") -> None:
        """Jobs that are due after ``PUBLISH_GRACE_S``, since nobody has published them."""
        self.store.add([NewJob(job_id, Request.of("POST", "/p", body=body), self.topic) for job_id in job_ids])

    def bury(self, *job_ids: str) -> None:
        """Dead letters that are due at once."""
        self.store.bury([Burial(job_id, "m", self.topic, "malformed", (("a", "b"),), b"") for job_id in job_ids])

    def claimed(self, job_id: str, request: Request) -> Claimed:
        """A job that a plain message brought."""
        claim = Claim(job_id, "message-1", "w", 30.0, 5, 10, 0.0, RESULT_TTL_S, request, self.topic)
        (answer,) = self.store.claim([claim])
        assert isinstance(answer, Claimed)
        return answer

    def ended(self, job_id: str) -> None:
        self.add(job_id)
        attempt = self.claimed(job_id, Request.of("POST", "/p")).attempt
        assert self.store.record([Outcome(job_id, attempt, JobState.SUCCEEDED)]) == [True]

    def job(self, job_id: str) -> Job:
        (job,) = self.store.get([job_id])
        assert job is not None
        return job

    def is_there(self, job_id: str) -> bool:
        return self.store.get([job_id]) != [None]

    def stop_broker(self) -> Callable[[], None]:
        """Returns what brings it back, at the same address."""
        port = int(self.broker.address.rpartition(":")[2])
        self.broker.stop()

        def start() -> None:
            self.broker = EmbeddedBroker(self.folder / "broker", port=port).start()

        return start

    def close(self) -> None:
        self.connection.close()
        self.store.close()
        self.broker.stop()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The words before the colon of what was logged since the last call."""
    caplog.set_level(logging.WARNING, logger="pubsubctl.worker")

    def take() -> list[str]:
        lines = [record.getMessage().partition(":")[0] for record in caplog.records]
        caplog.clear()
        return lines

    return take


def test_jobs_of_a_few_ordering_keys_take_a_call_each_key_in_their_order(rig):
    for number in range(15):
        key = "abc"[number % 3]
        rig.store.add([NewJob(f"j{number:02}", Request.of("GET", "/p"), rig.topic, ordering_key=key)])
    rig.now += PUBLISH_GRACE_S
    rig.faults.answers.extend([None] * 3)
    rig.faults.answers.append(REFUSED)
    assert rig.sweeper.sweep() == 15
    assert list(rig.faults.answers) == [REFUSED]
    order = [attributes["job-id"] for attributes in rig.pulled(rig.topic, 15)]
    assert [order[start : start + 5] for start in (0, 5, 10)] == [
        [f"j{number:02}" for number in range(first, 15, 3)] for first in range(3)
    ]


def test_what_is_due_is_published_and_noted(rig):
    rig.add("a", "b")
    assert rig.sweeper.sweep() == 0
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 2
    assert sorted(message["job-id"] for message in rig.pulled(rig.topic, 2)) == ["a", "b"]
    assert rig.job("a").message_id is not None
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 0


def test_a_job_that_no_message_can_carry_fails_with_its_reason_and_takes_no_other_with_it(rig, told):
    rig.create_topic(rig.dead_letter_topic)
    rig.add("other")
    attempt = rig.claimed("msg-1", TOO_MANY).attempt
    rig.store.record([Outcome("msg-1", attempt, JobState.RETRYING, Reason.STATUS, retry_in_s=1.0)])
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 2
    assert [message["job-id"] for message in rig.pulled(rig.topic, 1)] == ["other"]
    job = rig.job("msg-1")
    assert (job.state, job.reason, job.attempt) == (JobState.FAILED, "unpublished", 1)
    assert "102 attributes" in (job.error or "")
    assert told() == ["job msg-1 cannot be published again, and has failed"]
    assert rig.sweeper.sweep() == 1
    (letter,) = rig.pulled(rig.dead_letter_topic, 1)
    assert (letter["dead-letter-job"], letter["dead-letter-reason"]) == ("msg-1", "unpublished")
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 0


def test_a_body_that_leaves_no_room_for_our_attributes_fails_its_job_too(rig):
    rig.create_topic(rig.dead_letter_topic)
    attempt = rig.claimed("msg-1", Request.of("POST", "/p", (), bytes(wire.MAX_MESSAGE_BYTES - 10))).attempt
    rig.store.record([Outcome("msg-1", attempt, JobState.RETRYING, Reason.STATUS)])
    assert [rig.sweeper.sweep(), rig.sweeper.sweep(), rig.sweeper.sweep()] == [1, 1, 0]
    assert rig.job("msg-1").state is JobState.FAILED


def test_a_job_whose_own_message_may_still_come_is_left_to_it(rig, told):
    attempt = rig.claimed("msg-1", TOO_MANY).attempt
    rig.store.release([Lease("msg-1", attempt)])
    rig.now += LEASE_GRACE_S
    assert rig.sweeper.sweep() == 1
    assert (rig.job("msg-1").state, rig.job("msg-1").message_id) == (JobState.QUEUED, "message-1")
    rig.now += LOST_MESSAGE_S - 1
    assert rig.sweeper.sweep() == 0
    assert told() == []


def test_dead_letters_that_cannot_be_mirrored_keep_no_job_from_being_published(rig, told):
    rig.add("a")
    rig.now += PUBLISH_GRACE_S
    rig.bury("dead")
    assert rig.sweeper.sweep() == 2
    assert [message["job-id"] for message in rig.pulled(rig.topic, 1)] == ["a"]
    assert told() == ["dead letters cannot be mirrored; they are kept and tried again"]
    rig.add("b")
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 2
    assert told() == []
    rig.create_topic(rig.dead_letter_topic)
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 1
    assert [letter["dead-letter-job"] for letter in rig.pulled(rig.dead_letter_topic, 1)] == ["dead"]
    assert told() == ["dead letters are mirrored again"]


def test_a_job_that_the_broker_refuses_fails_and_takes_no_other_with_it(rig, told):
    rig.create_topic(rig.dead_letter_topic)
    rig.add("a", "b", "c")
    rig.now += PUBLISH_GRACE_S
    rig.faults.answers.extend([REFUSED, REFUSED])  # all three together, then the first of them alone
    assert rig.sweeper.sweep() == 3
    assert [rig.job(job_id).state for job_id in "abc"] == [JobState.FAILED, JobState.QUEUED, JobState.QUEUED]
    assert sorted(message["job-id"] for message in rig.pulled(rig.topic, 2)) == ["b", "c"]
    assert told() == ["job a cannot be published again, and has failed"]
    assert (rig.job("a").reason, rig.job("b").message_id is not None) == ("unpublished", True)
    assert rig.sweeper.sweep() == 1
    assert [letter["dead-letter-job"] for letter in rig.pulled(rig.dead_letter_topic, 1)] == ["a"]


def test_a_line_about_a_job_names_it_for_the_log(rig, caplog):
    rig.add("a")
    rig.now += PUBLISH_GRACE_S
    rig.faults.answers.append(REFUSED)
    rig.sweeper.sweep()
    (line,) = caplog.records
    assert (line.job_id, line.attempt) == ("a", 0)


def test_a_dead_letter_that_the_broker_refuses_is_kept_and_takes_no_other_with_it(rig, told):
    rig.create_topic(rig.dead_letter_topic)
    rig.bury("a", "b")
    rig.faults.answers.extend([REFUSED, REFUSED])
    assert rig.sweeper.sweep() == 2
    assert [letter["dead-letter-job"] for letter in rig.pulled(rig.dead_letter_topic, 1)] == ["b"]
    assert told() == ["dead letters cannot be mirrored; they are kept and tried again"]
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 1
    assert [letter["dead-letter-job"] for letter in rig.pulled(rig.dead_letter_topic, 1)] == ["a"]
    assert told() == ["dead letters are mirrored again"]


def test_jobs_are_kept_where_the_broker_refuses_whatever_they_are(rig, told):
    rig.add("a", "b")
    rig.now += PUBLISH_GRACE_S
    rig.faults.answers.append(Refusal(grpc.StatusCode.PERMISSION_DENIED, "not you"))
    assert rig.sweeper.sweep() == 2
    assert [rig.job(job_id).state for job_id in "ab"] == [JobState.QUEUED] * 2
    assert told() == ["jobs that are due cannot be published; they are kept and tried again"]
    assert rig.sweeper.sweep() == 0
    assert told() == []
    rig.now += PUBLISH_GRACE_S
    assert rig.sweeper.sweep() == 2
    assert told() == ["jobs that are due are published again"]


def test_large_requests_are_taken_few_at_a_time(rig):
    rig.add(*(f"job-{number:02}" for number in range(24)), body=bytes(4_000_000))
    rig.now += PUBLISH_GRACE_S
    taken = [rig.sweeper.sweep() for _ in range(3)]
    assert taken == [16, 4, 4]


def test_a_job_that_crashed_as_often_as_it_may_is_given_up(rig):
    once = rig.new_sweeper(max_crashes=1)
    rig.add("a")
    rig.claimed("a", Request.of("POST", "/p"))
    rig.now += 30 + LEASE_GRACE_S
    assert once.sweep() == 1
    assert (rig.job("a").state, rig.job("a").reason, rig.job("a").crashes) == (JobState.FAILED, "crashed", 1)


def test_with_the_broker_back_what_was_taken_is_published_at_once_and_only_then_is_it_told(rig, told):
    rig.add("a")
    rig.now += PUBLISH_GRACE_S
    start_broker = rig.stop_broker()
    assert [rig.sweeper.sweep(), rig.sweeper.sweep()] == [0, 0]
    assert told() == ["the broker is away, what is due is kept and tried again"]
    start_broker()
    wait_for(lambda: rig.sweeper.sweep() == 1, what="what was taken is published")
    assert [message["job-id"] for message in rig.pulled(rig.topic, 1)] == ["a"]
    assert told() == ["the broker is back"]
    assert rig.sweeper.sweep() == 0


def test_what_was_taken_too_long_ago_is_left_to_whoever_takes_it_next(rig):
    rig.add("a")
    rig.now += PUBLISH_GRACE_S
    start_broker = rig.stop_broker()
    assert rig.sweeper.sweep() == 0
    rig.now += PUBLISH_GRACE_S
    (taken,) = rig.store.sweep(rig.topic, limit=10, max_crashes=10)
    assert (taken.kind, taken.job.id) == (DueKind.PUBLISH, "a")
    start_broker()
    assert rig.sweeper.sweep() == 0
    assert rig.job("a").message_id is None


def test_a_broker_that_was_missed_for_what_another_has_taken_since_is_missed_no_more(rig):
    broker = Presence("the broker is back")
    sweeper = rig.new_sweeper(shared={"broker": broker})
    rig.add("a")
    rig.now += PUBLISH_GRACE_S
    rig.stop_broker()
    broker.missed_by("puller", "no broker answers")
    assert sweeper.sweep() == 0
    rig.now += PUBLISH_GRACE_S
    assert len(rig.store.sweep(rig.topic, limit=10, max_crashes=10)) == 1
    assert sweeper.sweep() == 0
    assert broker.trouble == "no broker answers"
    broker.found_by("puller")
    assert broker.trouble is None, "or the worker would never be ready again"


def test_several_sweepers_share_what_is_due_and_nothing_is_published_twice(rig):
    jobs = [f"job-{number:03}" for number in range(600)]
    rig.add(*jobs)
    rig.now += PUBLISH_GRACE_S
    stores = [open_store(str(rig.folder / "jobs.db"), clock=lambda: rig.now) for _ in range(3)]
    sweepers = [rig.new_sweeper(store=store) for store in stores]
    for sweeper in sweepers:
        sweeper.start()
    wait_for(lambda: all(job.message_id for job in rig.store.get(jobs)), what="all are published")
    for sweeper, store in zip(sweepers, stores, strict=True):
        sweeper.close()
        store.close()
    assert sorted(message["job-id"] for message in rig.pulled(rig.topic, 600)) == jobs
    subscription = rig.topic.replace("/topics/", "/subscriptions/")
    assert not rig.connection.subscriber.pull(subscription=subscription, max_messages=1, timeout=2).received_messages


def test_closing_does_not_wait_for_a_long_backlog(rig):
    rig.add(*(f"job-{number:04}" for number in range(1600)))
    rig.now += PUBLISH_GRACE_S
    rig.faults.delay_s = 0.2
    rig.sweeper.start()
    wait_for(lambda: rig.job("job-0000").message_id is not None, what="it has begun")
    rig.sweeper.close()
    assert not rig.sweeper._thread.is_alive()
    assert rig.job("job-1599").message_id is None


def test_old_results_are_purged_and_young_ones_are_not(rig):
    rig.ended("old")
    rig.now += RESULT_TTL_S
    rig.ended("young")
    rig.now += 1
    rig.sweeper.start()
    wait_for(lambda: not rig.is_there("old"), what="the old result is purged")
    rig.sweeper.close()
    assert rig.is_there("young")


def test_it_purges_again_and_again(rig):
    rig.sweeper.start()
    for number in range(2):
        rig.ended(f"job-{number}")
        rig.now += RESULT_TTL_S + 1
        wait_for(lambda: not rig.is_there(f"job-{number}"), what="the result is purged")  # noqa: B023 - called here
    rig.sweeper.close()


def test_closing_mirrors_what_was_given_up_last(rig):
    rig.create_topic(rig.dead_letter_topic)
    rig.sweeper.start()
    rig.bury("dead")
    rig.sweeper.close()
    assert [letter["dead-letter-job"] for letter in rig.pulled(rig.dead_letter_topic, 1)] == ["dead"]
