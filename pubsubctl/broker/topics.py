"""Topics: the calls of google.pubsub.v1.Publisher about single ones, but for publishing."""

from collections.abc import Iterator

from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from pubsubctl.broker.change import Change
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.resources import Document, built, document, settings, target
from pubsubctl.broker.subject import about


class Topics:
    """The topics of one broker, by their full names. Each call raises as ``about`` says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, path: str, change: Change) -> Document:
        """Make a topic and return it."""
        with about(self._connection, path, new=True):
            wanted = built(types.Topic, {"name": path, **change.applied({})})
            return document(self._connection.publisher.create_topic(request=wanted))

    def get(self, path: str) -> Document:
        """A topic as it is."""
        with about(self._connection, path):
            return document(self._connection.publisher.get_topic(topic=path))

    def update(self, path: str, change: Change) -> tuple[Document, bool]:
        """Change a topic; what it is then, and whether there was anything to change."""
        with about(self._connection, path):
            found = self._connection.publisher.get_topic(topic=path)
            wanted = target(types.Topic, path, settings(found), change)
            if wanted is None:
                return document(found), False
            mask = FieldMask(paths=change.fields)
            return document(self._connection.publisher.update_topic(topic=wanted, update_mask=mask)), True

    def delete(self, path: str) -> Document:
        """Delete a topic and return its name."""
        with about(self._connection, path):
            self._connection.publisher.delete_topic(topic=path)
        return {"name": path}

    def subscriptions(self, path: str, page_size: int = 0) -> Iterator[str]:
        """The full names of the subscriptions that are attached to a topic."""
        request = types.ListTopicSubscriptionsRequest(topic=path, page_size=page_size)
        with about(self._connection, path):
            yield from self._connection.publisher.list_topic_subscriptions(request=request)

    def snapshots(self, path: str, page_size: int = 0) -> Iterator[str]:
        """The full names of the snapshots of a topic's subscriptions."""
        request = types.ListTopicSnapshotsRequest(topic=path, page_size=page_size)
        with about(self._connection, path):
            yield from self._connection.publisher.list_topic_snapshots(request=request)
