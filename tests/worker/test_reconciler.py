"""What the broker itself gives up is known to the store; between a real store and a real broker.

The embedded emulator runs in this process, with a clock that is moved, which Google's has not.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from project import wait_for

from pubsubctl import wire
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import returned_path
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.publish import Outgoing, Publisher
from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock
from pubsubctl.errors import StoreUnreachable
from pubsubctl.exchange import Request
from pubsubctl.job import Job, JobState, NewJob, Reason
from pubsubctl.settings import Settings
from pubsubctl.store.claims import Claim, Claimed, Outcome
from pubsubctl.store.messages import Published
from pubsubctl.store.opening import open_store
from pubsubctl.store.sql import SqlStore
from pubsubctl.store.sqlite import SqliteDatabase
from pubsubctl.store.timeline import EventKind
from pubsubctl.worker.reconciler import Reconciler

REQUEST = Request.of("POST", "/p", [("x-any", "thing")], b"body")
DELIVERIES = 5


class LeavingStore(SqlStore):
    """A store that is away while it is told to be."""

    away = False

    def group(self, *, again: bool = False) -> AbstractContextManager[None]:
        if self.away:
            raise StoreUnreachable("gone")
        return super().group(again=again)


class Rig:
    """A reconciler with what is around it, set up as ``setup`` does, but for fewer deliveries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovableClock()
        self.broker = EmbeddedBroker(folder / "broker", clock=self.clock).start()
        self.settings = Settings.load({"emulator_host": self.broker.address}, environ={}, start=folder)
        self.connection = Connection(self.settings)
        open_store(str(folder / "jobs.db")).close()
        self.store = LeavingStore(SqliteDatabase(folder / "jobs.db", time.time))
        self.setup()
        self.reconciler = Reconciler(self.store, self.connection, self.settings)

    def setup(self) -> None:
        wanted = Wanted(max_delivery_attempts=DELIVERIES, min_retry_delay=0.0, max_retry_delay=0.0)
        provisioner = Provisioner(self.connection, self.settings, wanted)
        list(provisioner.apply(provisioner.plan()))

    def submit(self, job_id: str, request: Request = REQUEST, store_id: str | None = None) -> str:
        """A job with its message, whose id is returned."""
        self.store.add([NewJob(job_id, request, self.settings.topic_path)])
        envelope = wire.Envelope(job_id, request, None, store_id or self.store.store_id)
        (message_id,) = self.publish(Outgoing(*wire.encode(envelope)))
        self.store.published([Published(job_id, message_id)])
        return message_id

    def publish(self, message: Outgoing, topic: str | None = None) -> list[str]:
        return Publisher(self.connection, topic or self.settings.topic_path).publish([message])

    def nack_until_given_up(self) -> None:
        """One message, as somebody would whose every delivery fails."""
        for _ in range(DELIVERIES):
            (received,) = self.pulled(self.settings.subscription_path)
            self.connection.subscriber.modify_ack_deadline(
                subscription=self.settings.subscription_path, ack_ids=[received.ack_id], ack_deadline_seconds=0
            )

    def pulled(self, subscription: str, timeout_s: float = 20.0, most: int = 1):
        answer = self.connection.subscriber.pull(subscription=subscription, max_messages=most, timeout=timeout_s)
        return answer.received_messages

    def job(self, job_id: str) -> Job | None:
        return self.store.get([job_id])[0]

    def in_state(self, job_id: str, state: JobState) -> Callable[[], bool]:
        return lambda: (job := self.job(job_id)) is not None and job.state is state

    def kinds(self, job_id: str) -> list[EventKind]:
        return [event.kind for event in self.store.history(job_id)]

    def until_returned(self, job_id: str) -> None:
        wait_for(lambda: EventKind.RETURNED in self.kinds(job_id), what="the store knows of the message")

    def until_tried_again(self) -> None:
        wait_for(lambda: self.reconciler._pause_s >= 2, what="it has tried some more times")

    def left_over(self) -> int:
        """How many messages were not acknowledged, once the reconciler has ended."""
        self.reconciler.close()
        found: set[str] = set()
        for _ in range(3):  # the broker may not have heard yet that nobody waits for the answer of the last pull
            self.clock.advance(601)
            found |= {each.message.message_id for each in self.pulled(returned_path(self.settings), 1.0, most=10)}
        return len(found)

    def stop_broker(self) -> Callable[[], None]:
        """Returns what brings it back, at the same address."""
        port = int(self.broker.address.rpartition(":")[2])
        self.broker.stop()

        def start() -> None:
            self.broker = EmbeddedBroker(self.folder / "broker", port=port, clock=self.clock).start()

        return start

    def close(self) -> None:
        self.reconciler.close()
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
    """What was logged since the last call, without what is the broker's or the store's wording."""
    caplog.set_level(logging.INFO, logger="pubsubctl.worker")

    def take() -> list[str]:
        lines = [record.getMessage().partition(":")[0].partition(",")[0] for record in caplog.records]
        caplog.clear()
        return lines

    return take


def test_a_job_whose_message_the_broker_gives_up_has_failed_at_once(rig, caplog):
    rig.reconciler.start()
    rig.submit("a")
    rig.nack_until_given_up()
    wait_for(rig.in_state("a", JobState.FAILED), what="the job has failed")
    job = rig.job("a")
    assert (job.reason, job.attempt, job.failures) == ("dead-lettered", 0, 0)
    assert job.error == "the broker gave its message up after 5 deliveries; see what does not acknowledge it"
    assert rig.left_over() == 0
    (line,) = caplog.records
    assert (line.job_id, line.attempt) == ("a", 0)


def test_its_dead_letter_is_not_mirrored_since_the_broker_has_published_it(rig):
    rig.reconciler.start()
    rig.submit("a")
    rig.nack_until_given_up()
    wait_for(rig.in_state("a", JobState.FAILED), what="the job has failed")
    assert rig.store.sweep(rig.settings.topic_path, limit=10, max_crashes=10) == []
    (letter,) = rig.pulled(rig.settings.dead_letter_subscription_path)
    assert letter.message.attributes["job-id"] == "a"


def test_a_job_that_runs_goes_on(rig):
    rig.reconciler.start()
    message_id = rig.submit("a")
    (claimed,) = rig.store.claim(
        [Claim("a", message_id, "w", 30.0, 5, 10, 0.0, 1000.0, REQUEST, rig.settings.topic_path)]
    )
    assert isinstance(claimed, Claimed)
    rig.nack_until_given_up()
    rig.until_returned("a")
    assert rig.job("a").state is JobState.RUNNING
    assert rig.store.record([Outcome("a", claimed.attempt, JobState.SUCCEEDED)]) == [True]


def test_a_job_that_waits_for_the_sweeper_goes_on(rig):
    rig.reconciler.start()
    message_id = rig.submit("a")
    claim = Claim("a", message_id, "w", 30.0, 5, 10, 0.0, 1000.0, REQUEST, rig.settings.topic_path)
    rig.store.claim([claim])
    rig.store.record([Outcome("a", 1, JobState.RETRYING, Reason.STATUS, retry_in_s=100.0)])
    rig.nack_until_given_up()
    rig.until_returned("a")
    assert rig.job("a").state is JobState.RETRYING


def test_a_job_that_has_ended_stays_as_it_is(rig):
    rig.reconciler.start()
    rig.submit("a")
    rig.store.cancel(["a"])
    rig.nack_until_given_up()
    rig.until_returned("a")
    assert rig.job("a").state is JobState.CANCELLED


def test_a_message_that_no_worker_ever_had_is_kept_as_a_dead_letter_of_its_own(rig, told):
    rig.reconciler.start()
    rig.publish(Outgoing(b"body", {"job-id": "plain-1", "path": "/p", "x": "y"}))
    rig.nack_until_given_up()
    wait_for(rig.in_state("plain-1", JobState.FAILED), what="the message is kept")
    job = rig.job("plain-1")
    assert (job.reason, job.method) == ("dead-lettered", "")
    assert rig.store.request("plain-1") == Request("", "", (("job-id", "plain-1"), ("path", "/p"), ("x", "y")), b"body")
    assert rig.store.sweep(rig.settings.topic_path, limit=10, max_crashes=10) == []
    assert rig.left_over() == 0
    assert told() == ["a message is dead-lettered"]


def test_a_message_that_is_no_job_is_kept_as_it_was(rig):
    rig.reconciler.start()
    rig.publish(Outgoing(b"\xff", {"any": "thing"}))
    rig.nack_until_given_up()
    wait_for(lambda: rig.store.counts()[JobState.FAILED] == 1, what="the message is kept")
    (job,) = rig.store.find().jobs
    assert job.reason == "malformed"
    assert rig.store.request(job.id) == Request("", "", (("any", "thing"),), b"\xff")
    assert rig.left_over() == 0


def test_a_message_of_another_store_is_told_once_and_left_a_while_for_a_worker_of_that_store(rig, told):
    rig.reconciler.start()
    for number in range(2):
        rig.submit(f"a{number}", store_id="other")
        rig.nack_until_given_up()
    rig.submit("ours")
    rig.nack_until_given_up()
    wait_for(rig.in_state("ours", JobState.FAILED), what="our own has failed")
    assert [rig.job(f"a{number}").state for number in range(2)] == [JobState.QUEUED] * 2
    assert rig.left_over() == 2
    lines = told()
    assert len(lines) == 2
    assert lines[0].startswith("the broker has given up message ")
    assert lines[1] == "the message of job ours is dead-lettered"


def test_a_message_of_another_store_is_not_left_for_ever(rig):
    rig.clock.advance(-1000)  # what is published now was published long ago
    rig.submit("theirs", store_id="other")
    rig.nack_until_given_up()
    rig.submit("ours")
    rig.nack_until_given_up()
    rig.reconciler.start()
    wait_for(rig.in_state("ours", JobState.FAILED), what="our own has failed")
    assert rig.left_over() == 0


def test_mirrors_and_what_other_subscriptions_gave_up_are_passed_over(rig):
    """Not every broker applies filters, and a topic may have subscribers that are no workers."""
    rig.connection.subscriber.delete_subscription(subscription=returned_path(rig.settings))
    rig.connection.subscriber.create_subscription(
        name=returned_path(rig.settings), topic=rig.settings.dead_letter_topic_path
    )
    rig.reconciler.start()
    rig.submit("a")
    attributes = wire.attributes(wire.Envelope("a", REQUEST, None, rig.store.store_id))
    rig.publish(Outgoing(b"body", attributes), rig.settings.dead_letter_topic_path)
    elsewhere = {"CloudPubSubDeadLetterSourceSubscription": "analytics"}
    rig.publish(Outgoing(b"body", attributes | elsewhere), rig.settings.dead_letter_topic_path)
    rig.nack_until_given_up()
    wait_for(rig.in_state("a", JobState.FAILED), what="what came after them is known")
    assert rig.kinds("a").count(EventKind.RETURNED) == 1
    assert rig.left_over() == 0


def test_without_its_subscription_it_goes_on_and_tells_so_once(rig, told):
    rig.connection.subscriber.delete_subscription(subscription=returned_path(rig.settings))
    rig.reconciler.start()
    missing = f"there is no subscription {returned_path(rig.settings)}"
    said: list[str] = []
    wait_for(lambda: said.extend(told()) or said == [missing], what="it tells that it is missing")
    rig.setup()
    rig.submit("a")
    rig.nack_until_given_up()
    wait_for(rig.in_state("a", JobState.FAILED), what="it is found")
    assert told() == ["the message of job a is dead-lettered"]


def test_with_the_broker_away_it_waits_and_tells_once(rig, told):
    rig.reconciler.start()
    rig.submit("a")
    start_broker = rig.stop_broker()
    said: list[str] = []
    wait_for(lambda: bool(said.extend(told()) or said), what="it tells that the broker is away")
    rig.until_tried_again()
    assert [*said, *told()] == ["the broker is away"]
    start_broker()
    wait_for(lambda: told() == ["the broker is back"], what="it tells that it is back")
    rig.nack_until_given_up()
    wait_for(rig.in_state("a", JobState.FAILED), what="the job has failed")


def test_with_the_store_away_what_was_pulled_is_kept_and_told_once(rig, told):
    rig.store.away = True
    rig.reconciler.start()
    rig.publish(Outgoing(b"", {"job-id": "plain-1", "path": "/p"}))
    rig.nack_until_given_up()
    said: list[str] = []
    wait_for(lambda: bool(said.extend(told()) or said), what="it tells that the store is away")
    rig.until_tried_again()
    assert [*said, *told()] == ["what the broker has given up cannot be noted; it is kept and tried again"]
    rig.store.away = False
    wait_for(rig.in_state("plain-1", JobState.FAILED), what="the message is kept")
    wait_for(lambda: "what the broker has given up is noted again" in told(), what="it tells that it is back")
    assert rig.left_over() == 0


def test_it_ends_at_once_while_it_waits(rig):
    rig.reconciler.start()
    wait_for(lambda: rig.reconciler._poll._call is not None, what="it waits")
    began = time.monotonic()
    rig.reconciler.close()
    assert not rig.reconciler._thread.is_alive()
    assert time.monotonic() - began < 5


def test_a_dead_letter_topic_that_nobody_listens_to_is_told_at_the_start(rig, told):
    rig.connection.subscriber.delete_subscription(subscription=rig.settings.dead_letter_subscription_path)
    rig.reconciler.start()
    topic = rig.settings.dead_letter_topic_path
    said: list[str] = []
    wait_for(lambda: bool(said.extend(told()) or said), what="it warns")
    assert said == [f"no subscription keeps what comes to the dead-letter topic {topic}"]
