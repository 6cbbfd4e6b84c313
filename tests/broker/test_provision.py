"""Plans and their application, on a real broker."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import SOURCE_SUBSCRIPTION, returned_path
from pubsubctl.broker.provision import Action, Provisioner, Wanted
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.settings import Settings


class Rig:
    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.settings = settings
        self.connection = connection

    def provisioner(self, wanted: Wanted | None = None, compared: frozenset[str] | None = None) -> Provisioner:
        return Provisioner(self.connection, self.settings, wanted or Wanted(), compared)

    def apply(self, wanted: Wanted | None = None, *, repair_drift: bool = False) -> None:
        provisioner = self.provisioner(wanted)
        list(provisioner.apply(provisioner.plan(), repair_drift=repair_drift))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as connection:
            yield Rig(settings, connection)


def test_on_an_empty_project_everything_is_created_topics_first(rig):
    plan = rig.provisioner().plan()
    assert [(step.kind, step.action) for step in plan.steps] == [
        ("topic", Action.CREATE),
        ("topic", Action.CREATE),
        ("subscription", Action.CREATE),
        ("subscription", Action.CREATE),
        ("subscription", Action.CREATE),
    ]
    assert plan.changes


def test_a_plan_changes_nothing(rig):
    rig.provisioner().plan()
    assert rig.provisioner().plan().changes


def test_after_it_was_applied_there_is_nothing_to_do(rig):
    rig.apply()
    plan = rig.provisioner().plan()
    assert {step.action for step in plan.steps} == {Action.EXISTS}
    assert not plan.changes
    assert not plan.drift


def test_a_plan_may_be_applied_twice(rig):
    provisioner = rig.provisioner()
    plan = provisioner.plan()
    list(provisioner.apply(plan))
    list(provisioner.apply(plan))
    assert not rig.provisioner().plan().changes


def test_subscriptions_never_expire_and_keep_messages_as_long_as_can_be(rig):
    rig.apply()
    settings = rig.settings
    for path in (settings.subscription_path, settings.dead_letter_subscription_path, returned_path(settings)):
        made = rig.connection.subscriber.get_subscription(subscription=path)
        assert made.expiration_policy.ttl is None or not made.expiration_policy.ttl.total_seconds()
        assert made.message_retention_duration.total_seconds() >= 7 * 86400


def test_dead_letters_have_a_subscription_and_the_brokers_policy_is_only_a_backstop(rig):
    rig.apply()
    made = rig.connection.subscriber.get_subscription(subscription=rig.settings.subscription_path)
    assert made.dead_letter_policy.dead_letter_topic == rig.settings.dead_letter_topic_path
    assert made.dead_letter_policy.max_delivery_attempts == 100
    kept = rig.connection.subscriber.get_subscription(subscription=rig.settings.dead_letter_subscription_path)
    assert kept.topic == rig.settings.dead_letter_topic_path


def test_what_the_broker_gives_up_has_a_subscription_of_its_own_and_mirrors_do_not_come_there(rig):
    rig.apply()
    publish = partial(rig.connection.publisher.publish, topic=rig.settings.dead_letter_topic_path)
    publish(messages=[{"data": b"mirror", "attributes": {"dead-letter-job": "j"}}])
    publish(messages=[{"data": b"returned", "attributes": {SOURCE_SUBSCRIPTION: "pubsubctl-workers"}}])
    assert pulled(rig, returned_path(rig.settings)) == [b"returned"]
    assert sorted(pulled(rig, rig.settings.dead_letter_subscription_path)) == [b"mirror", b"returned"]


def pulled(rig, subscription: str) -> list[bytes]:
    answer = rig.connection.subscriber.pull(subscription=subscription, max_messages=10, timeout=20)
    return [received.message.data for received in answer.received_messages]


def test_a_subscription_of_that_name_on_another_topic_is_told_and_left(rig):
    other = rig.settings.topic_path
    rig.connection.publisher.create_topic(name=other)
    rig.connection.subscriber.create_subscription(name=returned_path(rig.settings), topic=other)
    rig.apply(repair_drift=True)
    (drift,) = rig.provisioner(compared=frozenset()).plan().drift
    assert (drift.name, drift.action) == (returned_path(rig.settings), Action.DIFFERS)
    assert drift.differences["topic"] == (other, rig.settings.dead_letter_topic_path)


def test_drift_is_shown_field_by_field_and_repaired_only_when_asked(rig):
    rig.apply()
    wanted = replace(Wanted(), ack_deadline=120, max_delivery_attempts=20)
    (drift,) = rig.provisioner(wanted).plan().drift
    assert drift.action is Action.UPDATE
    assert drift.differences["ack_deadline_seconds"] == ("60", "120")
    assert set(drift.differences) == {"ack_deadline_seconds", "dead_letter_policy"}
    rig.apply(wanted)
    assert rig.provisioner(wanted).plan().drift
    rig.apply(wanted, repair_drift=True)
    assert not rig.provisioner(wanted).plan().drift


def test_what_can_never_be_changed_is_told_and_left(rig):
    rig.apply()
    wanted = replace(Wanted(), enable_message_ordering=True)
    (drift,) = rig.provisioner(wanted).plan().drift
    assert drift.action is Action.DIFFERS
    rig.apply(wanted, repair_drift=True)
    made = rig.connection.subscriber.get_subscription(subscription=rig.settings.subscription_path)
    assert not made.enable_message_ordering


def test_only_what_is_compared_is_drift_and_the_rest_is_left_when_that_is_repaired(rig):
    rig.apply(Wanted(ack_deadline=120, max_delivery_attempts=7, min_retry_delay=2.0, max_retry_delay=300.0))
    assert not rig.provisioner(compared=frozenset()).plan().drift
    few = rig.provisioner(Wanted(max_delivery_attempts=9), frozenset({"max_delivery_attempts", "min_retry_delay"}))
    (drift,) = few.plan().drift
    assert drift.differences["retry_policy"] == ("2s to 300s", "1s to 300s")
    assert set(drift.differences) == {"dead_letter_policy", "retry_policy"}
    list(few.apply(few.plan(), repair_drift=True))
    made = rig.connection.subscriber.get_subscription(subscription=rig.settings.subscription_path)
    assert made.ack_deadline_seconds == 120
    assert made.retry_policy.maximum_backoff.total_seconds() == 300
    assert made.dead_letter_policy.max_delivery_attempts == 9


def test_what_jobs_rely_on_is_compared_in_any_case(rig):
    rig.apply()
    rig.connection.subscriber.delete_subscription(subscription=rig.settings.subscription_path)
    rig.connection.subscriber.create_subscription(
        request={
            "name": rig.settings.subscription_path,
            "topic": rig.settings.topic_path,
            "expiration_policy": {"ttl": {"seconds": 31 * 86400}},
        }
    )
    bare = rig.provisioner(compared=frozenset())
    (drift,) = bare.plan().drift
    assert drift.differences["expiration_policy"] == ("31 days", "never")
    assert set(drift.differences) == {"expiration_policy", "dead_letter_policy"}
    list(bare.apply(bare.plan(), repair_drift=True))
    assert not bare.plan().drift
    assert not rig.provisioner(compared=frozenset({"max_delivery_attempts"})).plan().drift


def test_a_policy_that_is_missing_comes_whole(rig):
    rig.apply()
    rig.connection.subscriber.update_subscription(
        subscription={"name": rig.settings.subscription_path}, update_mask={"paths": ["retry_policy"]}
    )
    some = rig.provisioner(Wanted(min_retry_delay=2.0), frozenset({"min_retry_delay"}))
    (drift,) = some.plan().drift
    assert drift.differences == {"retry_policy": ("none", "2s to 60s")}
