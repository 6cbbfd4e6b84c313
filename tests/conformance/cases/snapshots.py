"""Snapshots: what they are, what they keep, and what seeking to one does."""

import datetime as dt
from typing import Any

from harness.case import Case
from harness.expected import Between, Refused
from harness.kit import Kit, mask
from harness.sources import REPLAY, REPORTED, reference

from cases.retention import HOUR, acked, now, sought

CREATE = reference("Subscriber.CreateSnapshot")
SEEK = reference("Subscriber.Seek")
EXPIRES = reference("Snapshot.expire_time")
UPDATE = reference("Subscriber.UpdateSnapshot")
UNIMPLEMENTED = Refused("UNIMPLEMENTED")
DAY_S = 86_400


def snapshot(kit: Kit, subscription: str, **settings: Any) -> Any:
    """A new snapshot."""
    return kit.call("CreateSnapshot", name=kit.name("snapshots"), subscription=subscription, **settings)


def _described(kit: Kit) -> bool:
    topic, subscription = kit.pair()
    made = snapshot(kit, subscription)
    got = kit.call("GetSnapshot", snapshot=made.name)
    return got == made and got.topic == topic


def _labels(kit: Kit) -> dict[str, str]:
    made = snapshot(kit, kit.subscription(), labels={"k": "v"})
    return dict(kit.call("GetSnapshot", snapshot=made.name).labels)


def _expires(kit: Kit) -> float:
    made = snapshot(kit, kit.subscription())
    return (made.expire_time - now()).total_seconds() / DAY_S


def _without_name(kit: Kit) -> bool:
    made = kit.call("CreateSnapshot", subscription=kit.subscription())
    return made.name.startswith(f"projects/{kit.project}/snapshots/")


def _duplicate(kit: Kit) -> str:
    subscription = kit.subscription()
    return kit.ok("CreateSnapshot", name=snapshot(kit, subscription).name, subscription=subscription)


def _missing_subscription(kit: Kit) -> str:
    return kit.ok("CreateSnapshot", name=kit.name("snapshots"), subscription=kit.name("subscriptions"))


def _missing(rpc: str) -> Case:
    def run(kit: Kit) -> str:
        return kit.ok(rpc, snapshot=kit.name("snapshots"))

    what = f"{rpc} of a snapshot that does not exist"
    return Case(f"missing-{rpc}", what, run, Refused("NOT_FOUND"), reference(f"Subscriber.{rpc}"))


def _deleted(kit: Kit) -> str:
    name = snapshot(kit, kit.subscription()).name
    kit.call("DeleteSnapshot", snapshot=name)
    return kit.ok("GetSnapshot", snapshot=name)


def _restored(kit: Kit) -> list[str]:
    """a was acknowledged before, b after; c was published after."""
    topic, subscription = kit.pair()
    kit.publish(topic, "a")
    acked(kit, subscription, 1)
    kit.publish(topic, "b")
    name = snapshot(kit, subscription).name
    kit.publish(topic, "c")
    acked(kit, subscription, 2)
    return sought(kit, subscription, snapshot=name)


def _acks_what_was_acked(kit: Kit) -> list[str]:
    """Seeking elsewhere brought it back; seeking to the snapshot acknowledges it again."""
    topic, subscription = kit.pair(retain_acked_messages=True)
    kit.publish(topic, "a", "b")
    acked(kit, subscription, 2)
    name = snapshot(kit, subscription).name
    kit.call("Seek", subscription=subscription, time=now() - HOUR)
    return sought(kit, subscription, snapshot=name)


def _twice(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    kit.publish(topic, "a")
    name = snapshot(kit, subscription).name
    acked(kit, subscription, 1)
    first = sought(kit, subscription, snapshot=name)
    return first, sought(kit, subscription, snapshot=name)


def _out(kit: Kit) -> list[str]:
    """What is out when the snapshot is made is not acknowledged."""
    topic, subscription = kit.pair()
    kit.publish(topic, "a")
    received = kit.pull(subscription)
    name = snapshot(kit, subscription).name
    kit.ack(subscription, *received)
    return sought(kit, subscription, snapshot=name)


def _other_subscription(kit: Kit) -> list[str]:
    """The acknowledgment state of one subscription, copied to another: a done, b not."""
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "a")
    acked(kit, first, 1)
    kit.publish(topic, "b")
    name = snapshot(kit, first).name
    return sought(kit, second, snapshot=name)


def _later_subscription(kit: Kit) -> list[str]:
    topic, first = kit.pair()
    kit.publish(topic, "a")
    name = snapshot(kit, first).name
    acked(kit, first, 1)
    return sought(kit, kit.subscription(topic), snapshot=name)


def _subscription_deleted(kit: Kit) -> list[str]:
    """A snapshot outlives the subscription it was made of, and keeps its backlog."""
    topic, first = kit.pair()
    second = kit.subscription(topic)
    kit.publish(topic, "a")
    name = snapshot(kit, first).name
    kit.call("DeleteSubscription", subscription=first)
    acked(kit, second, 1)
    return sought(kit, second, snapshot=name)


def _other_topic(kit: Kit) -> str:
    name = snapshot(kit, kit.subscription()).name
    return kit.ok("Seek", subscription=kit.subscription(), snapshot=name)


def _deleted_seek(kit: Kit) -> str:
    subscription = kit.subscription()
    name = snapshot(kit, subscription).name
    kit.call("DeleteSnapshot", snapshot=name)
    return kit.ok("Seek", subscription=subscription, snapshot=name)


def _topic_deleted(kit: Kit) -> str:
    topic = kit.topic(name=kit.name("topics", "deleted"))
    name = snapshot(kit, kit.subscription(topic)).name
    kit.call("DeleteTopic", topic=topic)
    return kit.call("GetSnapshot", snapshot=name).topic.rsplit("/", 1)[-1]


def _updated(kit: Kit) -> dict[str, str]:
    name = snapshot(kit, kit.subscription(), labels={"a": "1"}).name
    kit.call("UpdateSnapshot", snapshot={"name": name, "labels": {"b": "2"}}, update_mask=mask("labels"))
    return dict(kit.call("GetSnapshot", snapshot=name).labels)


def _extended(kit: Kit) -> bool:
    made = snapshot(kit, kit.subscription())
    sooner = made.expire_time - dt.timedelta(days=1)
    kit.call("UpdateSnapshot", snapshot={"name": made.name, "expire_time": sooner}, update_mask=mask("expire_time"))
    return kit.call("GetSnapshot", snapshot=made.name).expire_time == sooner


def _update_refused(id_: str, what: str, *paths: str) -> Case:
    def run(kit: Kit) -> str:
        name = snapshot(kit, kit.subscription()).name
        return kit.ok("UpdateSnapshot", snapshot={"name": name}, update_mask=mask(*paths))

    documented = Refused("INVALID_ARGUMENT", "update_mask")
    return Case(id_, f"UpdateSnapshot {what}", run, documented, UPDATE, google=UNIMPLEMENTED)


def _update_missing(kit: Kit) -> str:
    named = {"name": kit.name("snapshots"), "labels": {"a": "b"}}
    return kit.ok("UpdateSnapshot", snapshot=named, update_mask=mask("labels"))


def _replayed_on_a_stream(kit: Kit) -> list[str]:
    topic, subscription = kit.pair()
    kit.publish(topic, "a")
    name = snapshot(kit, subscription).name
    acked(kit, subscription, 1)
    kit.call("Seek", subscription=subscription, snapshot=name)
    return kit.stream(subscription).data()


CASES = [
    Case(
        "described",
        "GetSnapshot: as CreateSnapshot answered, and with its topic?",
        _described,
        documented=True,
        source=CREATE,
    ),
    Case(
        "labels", "GetSnapshot of one created with labels", _labels, {"k": "v"}, reference("Snapshot.labels"), google={}
    ),
    Case("expires", "Days until a snapshot of an empty backlog expires", _expires, Between(6.9, 7.01), EXPIRES),
    Case(
        "without-name",
        "CreateSnapshot without a name: is it given one in the project?",
        _without_name,
        documented=True,
        source=CREATE,
        google=Refused("INVALID_ARGUMENT", "[snapshots]"),
    ),
    Case("duplicate", "CreateSnapshot with a name that is taken", _duplicate, Refused("ALREADY_EXISTS"), CREATE),
    Case(
        "missing-subscription",
        "CreateSnapshot of a subscription that does not exist",
        _missing_subscription,
        Refused("NOT_FOUND"),
        CREATE,
    ),
    _missing("GetSnapshot"),
    _missing("DeleteSnapshot"),
    Case(
        "deleted",
        "GetSnapshot after DeleteSnapshot",
        _deleted,
        Refused("NOT_FOUND"),
        reference("Subscriber.DeleteSnapshot"),
    ),
    Case(
        "restored",
        "a acknowledged before the snapshot, b after; c published after; sought to it",
        _restored,
        ["b", "c"],
        CREATE,
    ),
    Case(
        "acked-again",
        "a and b acknowledged before, brought back, then sought to the snapshot",
        _acks_what_was_acked,
        [],
        REPLAY,
    ),
    Case("twice", "Sought to the same snapshot twice, the message out", _twice, (["a"], ["a"]), REPLAY),
    Case("out", "A message out when the snapshot is made, then acknowledged; sought to it", _out, ["a"], CREATE),
    Case(
        "other-subscription",
        "a acknowledged, b not; another subscription sought to the snapshot",
        _other_subscription,
        ["b"],
        REPLAY,
    ),
    Case(
        "later-subscription", "A later subscription sought to a snapshot", _later_subscription, ["a"], REPLAY, google=[]
    ),
    Case(
        "subscription-deleted",
        "Another subscription sought to a snapshot whose own was deleted",
        _subscription_deleted,
        ["a"],
        CREATE,
    ),
    Case("stream", "Sought to a snapshot, and received on a stream", _replayed_on_a_stream, ["a"], REPLAY),
    Case("other-topic", "Seek to a snapshot of another topic", _other_topic, Refused("FAILED_PRECONDITION"), SEEK),
    Case("deleted-seek", "Seek to a deleted snapshot", _deleted_seek, Refused("NOT_FOUND"), SEEK),
    Case(
        "topic-deleted",
        "The topic that a snapshot names when that was deleted",
        _topic_deleted,
        "_deleted-topic_",
        REPORTED,
        google="deleted",
    ),
    Case("updated", "UpdateSnapshot of labels", _updated, {"b": "2"}, UPDATE, google=UNIMPLEMENTED),
    Case(
        "expires-sooner",
        "UpdateSnapshot of expire_time to a day sooner: is it then?",
        _extended,
        documented=True,
        source=UPDATE,
        google=UNIMPLEMENTED,
    ),
    _update_refused("update-topic", "of topic, which cannot be changed", "topic"),
    _update_refused("update-unknown", "of nope, which is no field of a snapshot", "nope"),
    _update_refused("update-nothing", "with an empty mask"),
    Case(
        "update-missing",
        "UpdateSnapshot of one that does not exist",
        _update_missing,
        Refused("NOT_FOUND"),
        UPDATE,
        google=UNIMPLEMENTED,
    ),
]
