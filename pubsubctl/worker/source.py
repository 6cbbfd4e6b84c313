"""The subscription that a worker pulls from, as the broker has it."""

from dataclasses import dataclass, replace

from pubsubctl import names
from pubsubctl.broker import admin
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.refusals import translated
from pubsubctl.errors import InvalidSetting, ResourceNotFound
from pubsubctl.settings import Settings

_LOOK_UP_S = 10.0
_NACK_PAUSE_S = 1.0
_DELETED_TOPIC = "_deleted-topic_"


@dataclass(frozen=True)
class Source:
    """Where its jobs come from.

    Attributes:
        subscription: its full name.
        topic: the full name of its topic; None where that was deleted.
        nack_pause_s: how long what is not for us is kept before a nack: not at all where it backs off itself.
        most_deliveries: after how many deliveries the broker itself gives a message up; None where it never does.
        ordered: whether the broker keeps the messages of an ordering key in order.
    """

    subscription: str
    topic: str | None
    nack_pause_s: float
    ordered: bool
    most_deliveries: int | None = None

    def settled(self, settings: Settings) -> Settings:
        """The settings with this topic, since what is to run again must come back by this subscription.

        A default is no demand; another topic that somebody has named is an error, or its retries would be nobody's.

        Raises:
            InvalidSetting: another topic was named.
        """
        if self.topic is None or self.topic == settings.topic_path:
            return settings
        if origin := settings.sources.get("topic"):
            raise InvalidSetting(
                f"the subscription {self.subscription} is of the topic {self.topic}, not of {settings.topic!r} "
                f"(from {origin}); leave the topic out, or name one of its subscriptions with --subscription"
            )
        return replace(settings, topic=self.topic)


def look_up(settings: Settings, connection: Connection) -> Source:
    """Ask the broker for it.

    Raises:
        BrokerUnreachable: no answer.
        ResourceNotFound: there is no such subscription.
    """
    path, place = settings.subscription_path, connection.place
    try:
        with translated(connection):
            found = admin.get_subscription(connection, path, timeout_s=_LOOK_UP_S)
    except ResourceNotFound as error:
        raise ResourceNotFound(f"there is no subscription {path} at {place}; `pubsubctl setup` creates it") from error
    topic = None if names.short(found.topic) == _DELETED_TOPIC else found.topic
    pause_s = 0.0 if "retry_policy" in found else _NACK_PAUSE_S
    most = found.dead_letter_policy.max_delivery_attempts or None
    return Source(path, topic, pause_s, ordered=found.enable_message_ordering, most_deliveries=most)
