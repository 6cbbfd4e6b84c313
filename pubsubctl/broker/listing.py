"""What there is in a project: its topics, subscriptions and snapshots.

Each list is asked for page by page, as it is read. ``page_size`` is how many an answer has at most, 0 for as many as
the broker likes; the project is given in full.

Raises:
    BrokerUnreachable: no answer.
    BrokerError: the broker refused.
"""

from collections.abc import Iterator

from google.pubsub_v1 import types

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.refusals import translated
from pubsubctl.broker.resources import Document, document


def topics(connection: Connection, project: str, page_size: int = 0) -> Iterator[Document]:
    """The topics of a project."""
    request = types.ListTopicsRequest(project=project, page_size=page_size)
    with translated(connection, project):
        yield from map(document, connection.publisher.list_topics(request=request))


def subscriptions(connection: Connection, project: str, page_size: int = 0) -> Iterator[Document]:
    """The subscriptions of a project."""
    request = types.ListSubscriptionsRequest(project=project, page_size=page_size)
    with translated(connection, project):
        yield from map(document, connection.subscriber.list_subscriptions(request=request))


def snapshots(connection: Connection, project: str, page_size: int = 0) -> Iterator[Document]:
    """The snapshots of a project."""
    request = types.ListSnapshotsRequest(project=project, page_size=page_size)
    with translated(connection, project):
        yield from map(document, connection.subscriber.list_snapshots(request=request))


LISTS = {"topics": topics, "subscriptions": subscriptions, "snapshots": snapshots}
"""The same by the collection's name, as it stands in full names."""
