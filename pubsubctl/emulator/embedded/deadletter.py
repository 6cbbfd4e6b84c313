"""Dead letters (cloud.google.com/pubsub/docs/handling-failures): a message as its dead-letter topic gets it."""

from typing import Any

from pubsubctl.emulator.embedded.message import Message, publish_time
from pubsubctl.emulator.embedded.names import id_of, project_of
from pubsubctl.emulator.embedded.protocol import PubsubMessage

_PREFIX = "CloudPubSubDeadLetterSource"


def dead_letter(message: Message, subscription: str) -> Any:
    """The message to publish: the same data, attributes and ordering key, and where it comes from."""
    letter = PubsubMessage.FromString(message.body)
    letter.attributes[f"{_PREFIX}DeliveryCount"] = str(message.attempts)
    letter.attributes[f"{_PREFIX}Subscription"] = id_of(subscription)
    letter.attributes[f"{_PREFIX}SubscriptionProject"] = project_of(subscription)
    letter.attributes[f"{_PREFIX}TopicPublishTime"] = publish_time(letter)
    letter.ClearField("message_id")
    letter.ClearField("publish_time")
    return letter
