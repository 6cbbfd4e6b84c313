"""The tables of flags: each sets a field that the API has, and none stands in another's way."""

import pytest
from google.pubsub_v1 import types

from pubsubctl.broker.naming import Kind
from pubsubctl.broker.resources import built
from pubsubctl.cli import snapshotflags, subscriptionflags, topicflags
from pubsubctl.cli.flags import Flag, change

TABLES = {
    "topics create": (topicflags.CREATE, types.Topic),
    "topics update": (topicflags.UPDATE, types.Topic),
    "subscriptions create": (subscriptionflags.CREATE, types.Subscription),
    "subscriptions update": (subscriptionflags.UPDATE, types.Subscription),
    "subscriptions modify-push-config": (subscriptionflags.MODIFY_PUSH_CONFIG, types.Subscription),
    "snapshots create": (snapshotflags.CREATE, types.CreateSnapshotRequest),
    "snapshots update": (snapshotflags.UPDATE, types.Snapshot),
}
VALUES = {
    "message_encoding": "json",
    "topic_encryption_key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "max_delivery_attempts": "5",
    "expiration_period": "never",
    "ack_deadline": "10",
    "message_retention_duration": "10m",
    "min_retry_delay": "1s",
    "max_retry_delay": "2s",
}


def typed(name: str, flag: Flag) -> object:
    if flag.kind is bool:
        return True
    value = VALUES.get(name, "some-name=1" if "KEY=" in (flag.metavar or "") else "some-name")
    return [value] if flag.kind == list[str] else value


@pytest.mark.parametrize("command", TABLES)
def test_every_flag_sets_a_field_that_there_is(command):
    flags, kind = TABLES[command]
    for name, flag in flags.items():
        given = {name: typed(name, flag)}
        needed = flag.needs
        while needed and needed not in given:
            given[needed] = typed(needed, flags[needed])
            needed = flags[needed].needs
        asked = change(flags, given, "my-project")
        assert set(asked.fields) <= set(kind.pb().DESCRIPTOR.fields_by_name), name
        built(kind, asked.applied({}))


@pytest.mark.parametrize("command", TABLES)
def test_what_flags_need_and_exclude_are_flags_of_the_same_command(command):
    flags, _ = TABLES[command]
    for flag in flags.values():
        assert {*filter(None, [flag.needs]), *flag.excludes} <= flags.keys()


def test_a_name_is_completed_with_its_own_project_or_else_the_usual_one():
    flags = {"topic": Flag("topic", "", refers_to=Kind.TOPIC)}
    assert change(flags, {"topic": "abc"}, "mine").values == {"topic": "projects/mine/topics/abc"}
    other = change(flags, {"topic": "abc", "topic_project": "other"}, "mine")
    assert other.values == {"topic": "projects/other/topics/abc"}


def test_what_was_not_given_is_not_asked_for():
    assert change(subscriptionflags.UPDATE, dict.fromkeys(subscriptionflags.UPDATE), "mine").fields == []
    assert change(subscriptionflags.UPDATE, {"update_labels": []}, "mine").fields == []
