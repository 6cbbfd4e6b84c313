"""Messages of one topic and one subscription, by the calls of pubsubctl's broker modules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pubsubctl.broker import messages
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing, Publisher
from smoking.checking import Limit
from smoking.inventory import Box

NUMBER = "number"
"""The attribute that tells the messages of a check apart."""
_WAIT_S = 3.0


@dataclass(frozen=True)
class Received:
    """One delivery.

    Attributes:
        number: which of those that were published.
    """

    number: int
    message_id: str
    ack_id: str
    attributes: Mapping[str, str]


class Mailbox:
    """What a check publishes, takes and acknowledges. Its calls raise errors of pubsubctl's."""

    def __init__(self, connection: Connection, box: Box) -> None:
        self.connection = connection
        self.box = box

    def publish(self, count: int, *, ordering_key: str = "") -> list[str]:
        """Publish so many messages, numbered from 0, one after another; their ids."""
        content = [Outgoing(b"smoke", {NUMBER: str(number)}, ordering_key) for number in range(count)]
        return Publisher(self.connection, self.box.topic).publish(content)

    def look(self, most: int = 100) -> list[Received]:
        """Take what is there: nothing, where nothing comes for 3 s."""
        return [_received(each) for each in messages.pull(self.connection, self.box.subscription, most, wait_s=_WAIT_S)]

    def take(self, limit: Limit, awaited: str, *, most: int = 100) -> list[Received]:
        """Take at least one."""
        while not (found := self.look(most)):
            limit.go_on(awaited)
        return found

    def ack(self, ack_ids: Sequence[str]) -> Mapping[str, str]:
        """Acknowledge; by ack id, why not."""
        return messages.acknowledge(self.connection, self.box.subscription, ack_ids)

    def nack(self, ack_ids: Sequence[str]) -> None:
        """Give back, to be delivered again at once."""
        messages.give_back(self.connection, self.box.subscription, ack_ids)


def _received(document: Mapping[str, Any]) -> Received:
    message = document["message"]
    attributes = message.get("attributes", {})
    return Received(
        int(attributes[NUMBER]),
        message["messageId"],
        document["ackId"],
        attributes,
    )
