"""Dead letters as a whole: what a worker or the broker gives up is kept, mirrored, and can be tried again."""

import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from breaking import publish
from project import Project, wait_for

from pubsubctl import Client, JobState
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.publish import Outgoing
from pubsubctl.exchange import Request
from pubsubctl.job import Job
from pubsubctl.store.base import PUBLISH_GRACE_S
from pubsubctl.store.messages import Burial, DueKind
from pubsubctl.store.timeline import EventKind

DELIVERIES = 5


@pytest.fixture
def impatient(project: Project) -> Project:
    """A project whose broker gives a message up after few deliveries, and makes them at once."""
    wanted = Wanted(max_delivery_attempts=DELIVERIES, min_retry_delay=0.0, max_retry_delay=0.0)
    with Connection(project.settings) as connection:
        provisioner = Provisioner(connection, project.settings, wanted)
        list(provisioner.apply(provisioner.plan(), repair_drift=True))
    return project


def nack_until_given_up(project: Project) -> None:
    """A subscriber that is no worker of ours, and fails."""
    subscription = project.settings.subscription_path
    with Connection(project.settings) as connection:
        for _ in range(DELIVERIES):
            answer = connection.subscriber.pull(subscription=subscription, max_messages=1, timeout=20)
            connection.subscriber.modify_ack_deadline(
                subscription=subscription, ack_ids=[answer.received_messages[0].ack_id], ack_deadline_seconds=0
            )


def until(client: Client, job_id: str, state: JobState) -> Job:
    def found() -> bool:
        (job,) = client.store.get([job_id])
        return job is not None and job.state is state

    wait_for(found, what=f"job {job_id} is {state}")
    return client.get(job_id)


def retry(client: Client, job_id: str) -> None:
    (answer,) = client.store.retry([job_id])
    assert answer.state in (JobState.FAILED, JobState.CANCELLED)


def mirrors(project: Project, count: int) -> Counter[str]:
    """What came to the dead-letter subscription, by job; fails where there is less."""
    subscription = project.settings.dead_letter_subscription_path
    found: Counter[str] = Counter()
    with Connection(project.settings) as connection:
        while found.total() < count:
            answer = connection.subscriber.pull(subscription=subscription, max_messages=100, timeout=20)
            found.update(received.message.attributes["dead-letter-job"] for received in answer.received_messages)
    return found


@pytest.mark.on_every_broker
def test_a_job_that_the_broker_gave_up_fails_in_seconds_and_runs_when_it_is_tried_again(impatient):
    with impatient.client() as client:
        job = client.submit("POST", "/echo", json=1)
        nack_until_given_up(impatient)
        impatient.worker()
        assert until(client, job.id, JobState.FAILED).reason == "dead-lettered"
        retry(client, job.id)
        assert client.job(job.id).result(30).json() == 1
    assert impatient.runs == [(job.id, 1)]
    assert f"the message of job {job.id} is dead-lettered" in impatient.log()


@pytest.mark.on_every_broker
def test_what_a_worker_of_another_store_gives_back_for_ever_is_known_to_a_worker_of_ours(impatient):
    with impatient.client() as client:
        impatient.worker("--store", str(impatient.folder / "other.db"), ready=False)
        job = client.submit("GET", "/attempt")
        assert returned_to_the_dead_letter_topic(impatient) == [job.id]
        impatient.worker()
        assert until(client, job.id, JobState.FAILED).reason == "dead-lettered"
    assert impatient.runs == []
    assert "which is of another store" in impatient.log(0)


def returned_to_the_dead_letter_topic(project: Project) -> list[str]:
    """The next that comes there from the broker itself, by job."""
    with Connection(project.settings) as connection:
        subscription = project.settings.dead_letter_subscription_path
        answer = connection.subscriber.pull(subscription=subscription, max_messages=10, timeout=20)
        return [received.message.attributes["job-id"] for received in answer.received_messages]


@pytest.mark.on_every_broker
def test_what_the_broker_gave_up_before_any_worker_saw_it_can_be_tried_again(impatient):
    with impatient.client() as client:
        publish(impatient, Outgoing(b"body", {"job-id": "plain-1", "path": "/echo"}))
        nack_until_given_up(impatient)
        impatient.worker()
        until(client, "plain-1", JobState.FAILED)
        retry(client, "plain-1")
        assert client.job("plain-1").result(30).body == b"body"


@pytest.mark.on_every_broker
def test_a_malformed_message_runs_when_it_is_tried_again_with_a_route(project):
    with project.client() as client:
        worker = project.worker()
        job_id = f"msg-{publish(project, Outgoing(b'body', {'any': 'thing'}))[0]}"
        assert until(client, job_id, JobState.FAILED).reason == "malformed"
        assert mirrors(project, 1) == {job_id: 1}
        project.stop(worker)
        project.worker("--route", "POST /echo")
        retry(client, job_id)
        assert client.job(job_id).result(30).body == b"body"


def test_a_job_without_room_for_our_attributes_says_so_when_it_is_tried_again(project):
    attributes = {f"key-{number}": "v" for number in range(99)}
    with project.client() as client:
        project.worker()
        job_id = f"msg-{publish(project, Outgoing(b'body', attributes))[0]}"
        until(client, job_id, JobState.FAILED)
        retry(client, job_id)
        wait_for(lambda: client.get(job_id).reason == "unpublished", what="it has failed once more")
        assert "101 attributes" in (client.get(job_id).error or "")
    assert f"job {job_id} cannot be published again" in project.log()


@pytest.mark.on_every_broker
def test_a_job_that_fails_again_is_mirrored_again(project):
    project.worker("--max-attempts", "1")
    with project.client() as client:
        job = client.submit("GET", "/status/503")
        until(client, job.id, JobState.FAILED)
        assert mirrors(project, 1) == {job.id: 1}
        retry(client, job.id)
        wait_for(lambda: client.get(job.id).attempt == 2 and client.get(job.id).finished, what="it has failed again")
        assert mirrors(project, 1) == {job.id: 1}
    assert project.runs == [(job.id, 1), (job.id, 2)]


def test_a_cancelled_job_that_is_tried_again_runs_once(project):
    with project.client() as client:
        job = client.submit("GET", "/attempt")
        job.cancel()
        retry(client, job.id)
        project.worker()
        assert client.job(job.id).wait(30).state is JobState.SUCCEEDED
    assert project.runs == [(job.id, 1)]


@pytest.mark.on_every_broker
def test_without_a_dead_letter_topic_nothing_is_lost_and_the_mirror_comes_once_there_is_one(project):
    settings = project.settings
    with project.client() as client, Connection(settings) as connection:
        connection.subscriber.delete_subscription(subscription=settings.dead_letter_subscription_path)
        connection.publisher.delete_topic(topic=settings.dead_letter_topic_path)
        project.worker("--max-attempts", "1")
        jobs = [client.submit("GET", "/status/503").id for _ in range(3)]
        for job_id in jobs:
            assert until(client, job_id, JobState.FAILED).reason == "exhausted"
        assert client.submit("GET", "/attempt").wait(30).state is JobState.SUCCEEDED
        wait_for(lambda: "dead letters cannot be mirrored" in project.log(), what="the worker tells so")
        connection.publisher.create_topic(name=settings.dead_letter_topic_path)
        connection.subscriber.create_subscription(
            name=settings.dead_letter_subscription_path, topic=settings.dead_letter_topic_path
        )
        let_the_grace_pass(project)
        assert set(mirrors(project, 3)) == set(jobs)
        wait_for(lambda: "dead letters are mirrored again" in project.log(), what="the worker tells so")
    assert project.log().count("dead letters cannot be mirrored") == 1


def let_the_grace_pass(project: Project) -> None:
    """What a sweeper has taken and not published comes due again."""
    with closing(sqlite3.connect(project.state.jobs_db, timeout=20)) as database, database:
        database.execute("UPDATE jobs SET due_at = due_at - ? WHERE state = 'failed'", [PUBLISH_GRACE_S])


def test_what_comes_too_late_is_kept_and_runs_when_it_is_tried_again(project):
    """As a message would that waited longer than results are kept."""
    with project.client() as client:
        topic = project.settings.topic_path
        client.store.bury([Burial("late", "m", topic, "too late", (("job-id", "late"), ("path", "/echo")), b"body")])
        (due,) = client.store.sweep(topic, limit=1, max_crashes=1)
        assert (due.kind, due.request) == (
            DueKind.DEAD_LETTER,
            Request("", "", (("job-id", "late"), ("path", "/echo")), b"body"),
        )
        retry(client, "late")
        project.worker()
        assert client.job("late").result(30).body == b"body"


@pytest.mark.on_every_broker
def test_a_malformed_message_that_is_tried_again_in_vain_runs_nothing_and_ends(project):
    with project.client() as client:
        project.worker()
        job_id = f"msg-{publish(project, Outgoing(b'body', {'any': 'thing'}))[0]}"
        # One that is asked for again before it was mirrored is no dead letter at that time.
        wait_for(lambda: times_mirrored(client, job_id) == 1, what="it is mirrored")
        retry(client, job_id)
        wait_for(lambda: times_mirrored(client, job_id) == 2, what="it is mirrored again")
        job = client.get(job_id)
        assert (job.state, job.reason) == (JobState.FAILED, "malformed")
        assert mirrors(project, 2) == {job_id: 2}
    assert project.runs == []


def times_mirrored(client: Client, job_id: str) -> int:
    return [event.kind for event in client.store.history(job_id)].count(EventKind.MIRRORED)
