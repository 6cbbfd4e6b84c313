"""google-cloud-pubsub's subscriber where delivery is exactly once: each ack is answered."""

from collections.abc import Iterator

import pytest
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.cloud.pubsub_v1.subscriber.message import Message
from pubsub_project import Project
from subscribing import Subscription, subscribed

pytestmark = pytest.mark.usefixtures("environment")

RESULT_S = 20
SUCCESS = AcknowledgeStatus.SUCCESS


@pytest.fixture
def pair(project: Project) -> tuple[str, str]:
    """A topic, and its subscription with exactly-once delivery."""
    return project.pair(enable_exactly_once_delivery=True)


@pytest.fixture
def running(pair: tuple[str, str]) -> Iterator[Subscription]:
    """A subscriber that leaves what to do with messages to the test."""
    with subscribed(pair[1], lambda _: None) as made:
        yield made


def test_an_ack_is_confirmed(project: Project, pair: tuple[str, str], running: Subscription) -> None:
    project.publish(pair[0], *[b"%d" % n for n in range(50)])
    messages = running.received.wait_for(50)
    assert {message.ack_with_response().result(RESULT_S) for message in messages} == {SUCCESS}
    running.stop()
    assert project.is_empty(pair[1])


def test_a_stale_ack_is_known_to_have_failed(project: Project, pair: tuple[str, str], running: Subscription) -> None:
    project.publish(pair[0], b"x")
    stale = running.received.wait_for(1)[0]
    assert stale.nack_with_response().result(RESULT_S) is SUCCESS
    fresh = running.received.wait_for(2)[1]
    with pytest.raises(AcknowledgeError) as caught:
        stale.ack_with_response().result(RESULT_S)
    assert caught.value.error_code is AcknowledgeStatus.INVALID_ACK_ID
    assert fresh.ack_with_response().result(RESULT_S) is SUCCESS


def test_an_ack_for_the_second_time_fails(project: Project, pair: tuple[str, str], running: Subscription) -> None:
    project.publish(pair[0], b"x")
    (message,) = running.received.wait_for(1)
    assert message.ack_with_response().result(RESULT_S) is SUCCESS
    with pytest.raises(AcknowledgeError) as caught:
        message.ack_with_response().result(RESULT_S)
    assert caught.value.error_code is AcknowledgeStatus.INVALID_ACK_ID


def test_a_lease_is_extended_and_given_up(project: Project, pair: tuple[str, str], running: Subscription) -> None:
    project.publish(pair[0], b"x")
    message = running.received.wait_for(1)[0]
    assert message.modify_ack_deadline_with_response(60).result(RESULT_S) is SUCCESS
    assert message.modify_ack_deadline_with_response(0).result(RESULT_S) is SUCCESS
    again = running.received.wait_for(2)[1]
    assert (again.message_id, again.ack_id != message.ack_id) == (message.message_id, True)
    assert again.ack_with_response().result(RESULT_S) is SUCCESS


def test_a_subscriber_hears_of_exactly_once_delivery_being_switched_on(project: Project) -> None:
    topic, subscription = project.pair()
    results = []

    def act(message: Message) -> None:
        results.append(message.ack_with_response().result(RESULT_S))

    with subscribed(subscription, act) as running:
        project.publish(topic, b"before")
        running.received.wait_for(1)
        project.subscriber.update_subscription(
            request={
                "subscription": {"name": subscription, "enable_exactly_once_delivery": True},
                "update_mask": {"paths": ["enable_exactly_once_delivery"]},
            }
        )
        project.publish(topic, b"after")
        running.received.wait_for(2)
    assert results == [SUCCESS, SUCCESS]
    assert project.is_empty(subscription)
