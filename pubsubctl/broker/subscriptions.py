"""Subscriptions: the calls of google.pubsub.v1.Subscriber about single ones as a whole."""

from collections.abc import Iterator
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from pubsubctl.broker.change import Change, Settings
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.resources import Document, built, document, settings, target
from pubsubctl.broker.subject import about
from pubsubctl.errors import UsageError


class Subscriptions:
    """The subscriptions of one broker, by their full names. Each call raises as ``about`` says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, path: str, change: Change) -> Document:
        """Make a subscription, whose ``topic`` the change names, and return it."""
        with about(self._connection, path, *_topics(change), new=True):
            wanted = built(types.Subscription, {"name": path, **change.applied({})})
            return document(self._connection.subscriber.create_subscription(request=wanted))

    def get(self, path: str) -> Document:
        """A subscription as it is."""
        with about(self._connection, path):
            return document(self._connection.subscriber.get_subscription(subscription=path))

    def update(self, path: str, change: Change) -> tuple[Document, bool]:
        """Change a subscription; what it is then, and whether there was anything to change."""
        with about(self._connection, path, *_topics(change)):
            found = self._connection.subscriber.get_subscription(subscription=path)
            _check_dead_letters(path, change.applied(settings(found)))
            wanted = target(types.Subscription, path, settings(found), change)
            if wanted is None:
                return document(found), False
            mask = FieldMask(paths=change.fields)
            updated = self._connection.subscriber.update_subscription(subscription=wanted, update_mask=mask)
            return document(updated), True

    def modify_push_config(self, path: str, push_config: Settings) -> Document:
        """Replace the whole push configuration; an empty one makes it a pull subscription. Returns its name."""
        config = built(types.PushConfig, dict(push_config))
        with about(self._connection, path):
            self._connection.subscriber.modify_push_config(subscription=path, push_config=config)
        return {"name": path}

    def detach(self, path: str) -> Document:
        """Take a subscription off its topic: it keeps nothing and gets nothing any more. Returns its name."""
        with about(self._connection, path):
            self._connection.publisher.detach_subscription(request={"subscription": path})
        return {"name": path}

    def delete(self, path: str) -> Document:
        """Delete a subscription and return its name."""
        with about(self._connection, path):
            self._connection.subscriber.delete_subscription(subscription=path)
        return {"name": path}

    def seek_to_time(self, path: str, time: datetime) -> None:
        """Let all that was published before a time be acknowledged, and what was published after it and is kept not."""
        with about(self._connection, path):
            self._connection.subscriber.seek(request={"subscription": path, "time": time})

    def seek_to_snapshot(self, path: str, snapshot: str) -> None:
        """Let be acknowledged what was so when the snapshot was taken, which is given in full, and nothing else."""
        with about(self._connection, path, snapshot):
            self._connection.subscriber.seek(request={"subscription": path, "snapshot": snapshot})


def _check_dead_letters(path: str, becomes: Settings) -> None:
    """That dead letters, where they are counted, have somewhere to go."""
    policy = becomes.get("dead_letter_policy")
    if policy and "dead_letter_topic" not in policy:
        raise UsageError(f"{path} has no dead-letter topic for --max-delivery-attempts; add --dead-letter-topic")


def _topics(change: Change) -> Iterator[str]:
    """The topics that a change refers to."""
    if "topic" in change.values:
        yield change.values["topic"]
    policy = change.values.get("dead_letter_policy") or {}
    if "dead_letter_topic" in policy:
        yield policy["dead_letter_topic"]
