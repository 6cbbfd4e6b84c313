"""What a worker asks of the broker before it begins, in bare protobuf; see ``Unary``."""

from collections.abc import Iterator
from typing import Any

from google.pubsub_v1 import types

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.unary import Unary


def subscription(connection: Connection, path: str, *, timeout_s: float) -> Any:
    """A subscription by its full name, as the ``Subscription`` of bare protobuf.

    Raises:
        GoogleAPICallError: the broker refused, or did not answer within ``timeout_s`` seconds.
    """
    method, answer = "google.pubsub.v1.Subscriber/GetSubscription", types.Subscription.pb()
    ask = Unary(connection.channel, method, answer, field="subscription", name=path)
    return ask(types.GetSubscriptionRequest.pb()(subscription=path), timeout_s=timeout_s)


def subscriptions_of(connection: Connection, topic: str) -> Iterator[str]:
    """The full names of a topic's subscriptions.

    Raises:
        GoogleAPICallError: the broker refused, or did not answer.
    """
    method, answer = "google.pubsub.v1.Publisher/ListTopicSubscriptions", types.ListTopicSubscriptionsResponse.pb()
    ask, request = (
        Unary(connection.channel, method, answer, field="topic", name=topic),
        types.ListTopicSubscriptionsRequest,
    )
    page = request.pb()(topic=topic)
    while True:
        found = ask(page)
        yield from found.subscriptions
        if not found.next_page_token:
            return
        page = request.pb()(topic=topic, page_token=found.next_page_token)
