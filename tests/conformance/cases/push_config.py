"""The push configuration: what changes of it do."""

import base64
from typing import Any

from harness.case import Case
from harness.expected import Refused
from harness.kit import Kit, mask, texts
from harness.sources import UNDOCUMENTED, reference

from cases.pushing import pushed

CONFIG = reference("PushConfig")
MODIFY = reference("Subscriber.ModifyPushConfig")


def _backlog_pushed(kit: Kit) -> str:
    """A pull subscription with a backlog that becomes a push subscription."""
    endpoint = kit.endpoint()
    topic, subscription = kit.pair()
    kit.publish(topic, "x")
    kit.call("ModifyPushConfig", subscription=subscription, push_config={"push_endpoint": endpoint.url})
    return base64.b64decode(endpoint.wait_for(1)[0].json["message"]["data"]).decode()


def _updated(kit: Kit) -> int:
    endpoint = kit.endpoint()
    topic, subscription = kit.pair()
    named = {"name": subscription, "push_config": {"push_endpoint": endpoint.url}}
    kit.call("UpdateSubscription", subscription=named, update_mask=mask("push_config"))
    kit.publish(topic, "x")
    return len(endpoint.wait_for(1))


def _to_pull(kit: Kit) -> Any:
    endpoint = kit.endpoint()
    topic, subscription = pushed(kit, endpoint)
    kit.publish(topic, "first")
    endpoint.wait_for(1)
    kit.call("ModifyPushConfig", subscription=subscription, push_config={})
    kit.publish(topic, "second")
    return texts(kit.pull(subscription)), len(endpoint.requests)


def _other_endpoint(kit: Kit) -> Any:
    first, second = kit.endpoint(), kit.endpoint()
    topic, subscription = pushed(kit, first)
    kit.call("ModifyPushConfig", subscription=subscription, push_config={"push_endpoint": second.url})
    kit.publish(topic, "x")
    return len(second.wait_for(1)), len(first.requests)


def _deleted(kit: Kit) -> int:
    """Requests to the endpoint of a deleted subscription, when there was time for a push to another."""
    endpoint, other = kit.endpoint(), kit.endpoint()
    topic, subscription = pushed(kit, endpoint)
    kit.call("DeleteSubscription", subscription=subscription)
    kit.subscription(topic, push_config={"push_endpoint": other.url})
    kit.publish(topic, "x")
    other.wait_for(1)
    return len(endpoint.requests)


def _missing(kit: Kit) -> str:
    return kit.ok("ModifyPushConfig", subscription=kit.name("subscriptions"), push_config={})


def _bad_endpoint(kit: Kit) -> str:
    kit.subscription(push_config={"push_endpoint": "no url"})
    return "OK"


def _unreachable(kit: Kit) -> Any:
    """A publish is not held up by an endpoint that is not there, and its message can be pulled later."""
    topic = kit.topic()
    subscription = kit.subscription(topic, push_config={"push_endpoint": "http://127.0.0.1:1/x"})
    ids = kit.publish(topic, "x")
    kit.call("ModifyPushConfig", subscription=subscription, push_config={})
    return len(ids), texts(kit.pull(subscription, timeout_s=9))


CASES = [
    Case("backlog", "A backlog when its subscription is made to push", _backlog_pushed, "x", MODIFY),
    Case("updated", "Requests after UpdateSubscription of push_config", _updated, 1, CONFIG),
    Case("to-pull", "Made to pull after one push: what is pulled, and requests", _to_pull, (["second"], 1), MODIFY),
    Case(
        "other-endpoint",
        "The endpoint changed: requests to the new one, and to the old",
        _other_endpoint,
        (1, 0),
        MODIFY,
    ),
    Case(
        "deleted",
        "Requests after the subscription was deleted",
        _deleted,
        0,
        reference("Subscriber.DeleteSubscription"),
    ),
    Case("missing", "ModifyPushConfig of one that does not exist", _missing, Refused("NOT_FOUND"), MODIFY),
    Case(
        "bad-endpoint",
        "CreateSubscription with an endpoint that is no URL",
        _bad_endpoint,
        Refused("INVALID_ARGUMENT", "push_endpoint"),
        reference("PushConfig.push_endpoint"),
    ),
    Case(
        "unreachable",
        "An endpoint that is not there: message ids, and what is pulled later",
        _unreachable,
        (1, ["x"]),
        UNDOCUMENTED,
    ),
]
