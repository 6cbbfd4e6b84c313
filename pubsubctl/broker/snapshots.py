"""Snapshots: the calls of google.pubsub.v1.Subscriber about single ones."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from pubsubctl.broker.change import Change
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.resources import Document, built, document, settings, target
from pubsubctl.broker.subject import about


class Snapshots:
    """The snapshots of one broker, by their full names. Each call raises as ``about`` says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, path: str, change: Change) -> Document:
        """Keep what the ``subscription`` that the change names has not acknowledged."""
        with about(self._connection, path, change.values["subscription"], new=True):
            wanted = built(types.CreateSnapshotRequest, {"name": path, **change.applied({})})
            return document(self._connection.subscriber.create_snapshot(request=wanted))

    def get(self, path: str) -> Document:
        """A snapshot as it is."""
        with about(self._connection, path):
            return document(self._connection.subscriber.get_snapshot(snapshot=path))

    def update(self, path: str, change: Change) -> tuple[Document, bool]:
        """Change a snapshot's labels; what it is then, and whether there was anything to change."""
        with about(self._connection, path):
            found = self._connection.subscriber.get_snapshot(snapshot=path)
            wanted = target(types.Snapshot, path, settings(found), change)
            if wanted is None:
                return document(found), False
            request = types.UpdateSnapshotRequest(snapshot=wanted, update_mask=FieldMask(paths=change.fields))
            return document(self._connection.subscriber.update_snapshot(request=request)), True

    def delete(self, path: str) -> Document:
        """Delete a snapshot and return its name."""
        with about(self._connection, path):
            self._connection.subscriber.delete_snapshot(snapshot=path)
        return {"name": path}
