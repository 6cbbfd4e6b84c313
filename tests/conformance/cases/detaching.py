"""DetachSubscription: what a subscription without a topic is."""

from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit
from harness.sources import reference

DETACH = reference("Publisher.DetachSubscription")
DETACHED = reference("Subscription.detached")
UNIMPLEMENTED = Refused("UNIMPLEMENTED")
PRECONDITION = Refused("FAILED_PRECONDITION", "detached")


def detached(kit: Kit, **settings: Any) -> tuple[str, str]:
    """A topic, and a subscription that was detached from it with a message in its backlog."""
    topic, subscription = kit.pair(**settings)
    kit.publish(topic, "before")
    kit.call("DetachSubscription", subscription=subscription)
    return topic, subscription


def _told(kit: Kit) -> bool:
    return kit.get(detached(kit)[1]).detached


def _pull(kit: Kit) -> str:
    return kit.ok("Pull", subscription=detached(kit)[1], max_messages=1)


def _stream(kit: Kit) -> Any:
    return kit.stream(detached(kit)[1]).end()


def _open_stream(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    stream = kit.stream(subscription)
    stream.data()
    kit.call("DetachSubscription", subscription=subscription)
    return stream.end()


def _not_listed(kit: Kit) -> list[str]:
    topic, _ = detached(kit)
    return list(kit.call("ListTopicSubscriptions", topic=topic).subscriptions)


def _publish(kit: Kit) -> int:
    return len(kit.publish(detached(kit)[0], "after"))


def _deleted(kit: Kit) -> str:
    _, subscription = detached(kit)
    return kit.ok("DeleteSubscription", subscription=subscription)


def _others(kit: Kit) -> list[str]:
    topic, _ = detached(kit)
    other = kit.subscription(topic)
    kit.publish(topic, "after")
    return kit.backlog(other)


def _pushes(kit: Kit) -> int:
    """Requests to the endpoint, when there was time for a push to another."""
    endpoint, other = kit.endpoint(), kit.endpoint()
    topic, subscription = kit.pair(push_config={"push_endpoint": endpoint.url})
    kit.call("DetachSubscription", subscription=subscription)
    kit.subscription(topic, push_config={"push_endpoint": other.url})
    kit.publish(topic, "x")
    other.wait_for(1)
    return len(endpoint.requests)


def _created_detached(kit: Kit) -> str:
    subscription = kit.subscription(detached=True)
    return kit.ok("Pull", subscription=subscription, max_messages=1)


def _missing(kit: Kit) -> str:
    return kit.ok("DetachSubscription", subscription=kit.name("subscriptions"))


def _bad_name(kit: Kit) -> str:
    return kit.ok("DetachSubscription", subscription="zz")


CASES = [
    Case(
        "told",
        "Does GetSubscription tell that it is detached?",
        _told,
        documented=True,
        source=DETACHED,
        google=UNIMPLEMENTED,
    ),
    Case("pull", "Pull from a detached subscription", _pull, PRECONDITION, DETACH, google=UNIMPLEMENTED),
    Case("stream", "StreamingPull of a detached subscription", _stream, PRECONDITION, DETACH, google=UNIMPLEMENTED),
    Case(
        "open-stream",
        "How a stream ends whose subscription is detached",
        _open_stream,
        PRECONDITION,
        DETACHED,
        google=UNIMPLEMENTED,
    ),
    Case(
        "not-listed",
        "The subscriptions of a topic whose only one is detached",
        _not_listed,
        [],
        DETACH,
        google=UNIMPLEMENTED,
    ),
    Case(
        "publish",
        "Message ids of a publish to a topic whose only subscription is detached",
        _publish,
        1,
        DETACH,
        google=UNIMPLEMENTED,
    ),
    Case("others", "What another subscription of the topic gets", _others, ["after"], DETACH, google=UNIMPLEMENTED),
    Case(
        "pushes", "Requests to the endpoint of a detached push subscription", _pushes, 0, DETACH, google=UNIMPLEMENTED
    ),
    Case("deleted", "DeleteSubscription of a detached one", _deleted, "OK", DETACH, google=UNIMPLEMENTED),
    Case(
        "missing",
        "DetachSubscription of one that does not exist",
        _missing,
        Refused("NOT_FOUND"),
        DETACH,
        google=UNIMPLEMENTED,
    ),
    Case(
        "bad-name",
        "DetachSubscription of a name that is none",
        _bad_name,
        Refused("INVALID_ARGUMENT"),
        DETACH,
        google=UNIMPLEMENTED,
    ),
    Case("created", "Pull from a subscription created with detached set", _created_detached, PRECONDITION, DETACHED),
]
