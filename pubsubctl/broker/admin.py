"""The calls about topics and subscriptions that ``setup`` and workers make, by way of ``Unary``.

Each raises GoogleAPICallError: the broker refused, or did not answer in time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.patience import PATIENCE_S
from pubsubctl.broker.unary import Unary

_PUBLISHER, _SUBSCRIBER = "google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"
_TOPIC, _SUBSCRIPTION = types.Topic.pb(), types.Subscription.pb()


def get_topic(connection: Connection, path: str) -> None:
    """Find out whether there is a topic of this full name."""
    request = types.GetTopicRequest.pb()(topic=path)
    _call(connection, f"{_PUBLISHER}/GetTopic", request, _TOPIC, by=("topic", path))


def create_topic(connection: Connection, path: str) -> None:
    """Make a topic."""
    _call(connection, f"{_PUBLISHER}/CreateTopic", _TOPIC(name=path), _TOPIC, by=("name", path))


def subscriptions_of(connection: Connection, topic: str) -> Iterator[str]:
    """The full names of a topic's subscriptions."""
    method, answer = f"{_PUBLISHER}/ListTopicSubscriptions", types.ListTopicSubscriptionsResponse.pb()
    request = types.ListTopicSubscriptionsRequest.pb()(topic=topic)
    while True:
        found = _call(connection, method, request, answer, by=("topic", topic))
        yield from found.subscriptions
        if not found.next_page_token:
            return
        request.page_token = found.next_page_token


def get_subscription(connection: Connection, path: str, *, timeout_s: float = PATIENCE_S) -> types.Subscription:
    """A subscription by its full name."""
    method, request = f"{_SUBSCRIBER}/GetSubscription", types.GetSubscriptionRequest.pb()(subscription=path)
    return _wrapped(_call(connection, method, request, _SUBSCRIPTION, by=("subscription", path), timeout_s=timeout_s))


def create_subscription(connection: Connection, wanted: types.Subscription) -> None:
    """Make a subscription."""
    request = types.Subscription.pb(wanted)
    _call(connection, f"{_SUBSCRIBER}/CreateSubscription", request, _SUBSCRIPTION, by=("name", wanted.name))


def update_subscription(connection: Connection, wanted: types.Subscription, fields: Sequence[str]) -> None:
    """Change fields of a subscription to what they are in ``wanted``."""
    request = types.UpdateSubscriptionRequest.pb()(
        subscription=types.Subscription.pb(wanted), update_mask=FieldMask(paths=fields)
    )
    method = f"{_SUBSCRIBER}/UpdateSubscription"
    _call(connection, method, request, _SUBSCRIPTION, by=("subscription.name", wanted.name))


def _call(
    connection: Connection,
    method: str,
    request: Any,
    response: Any,
    *,
    by: tuple[str, str],
    timeout_s: float = PATIENCE_S,
) -> Any:
    field, name = by
    return Unary(connection.channel, method, response, field=field, name=name)(request, timeout_s=timeout_s)


def _wrapped(found: Any) -> types.Subscription:
    subscription: types.Subscription = types.Subscription.wrap(found)
    return subscription
