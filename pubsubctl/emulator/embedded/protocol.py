"""The message classes of google.pubsub.v1, built from its descriptors.

They live in a descriptor pool of their own: google-cloud-pubsub registers the same messages in the default
pool under other file names, and both may be loaded in one process. ``scripts/descriptors.py`` writes the file.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from pubsubctl.emulator.embedded.status import invalid

PACKAGE = "google.pubsub.v1"


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    content = Path(__file__).with_name("pubsub_v1.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _load()


def message_class(full_name: str) -> Any:
    """The class of one message, by its full name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full_name))


def parsed(kind: Any, content: bytes) -> Any:
    """The message of class ``kind`` that ``content`` is.

    Raises:
        Refusal: INVALID_ARGUMENT: it is none.
    """
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise invalid(f"The request is no valid {kind.DESCRIPTOR.full_name}: {error}") from error


Empty = message_class("google.protobuf.Empty")
FieldMask = message_class("google.protobuf.FieldMask")
Topic = message_class(f"{PACKAGE}.Topic")
Subscription = message_class(f"{PACKAGE}.Subscription")
PubsubMessage = message_class(f"{PACKAGE}.PubsubMessage")
PublishResponse = message_class(f"{PACKAGE}.PublishResponse")
ListTopicsResponse = message_class(f"{PACKAGE}.ListTopicsResponse")
ListSubscriptionsResponse = message_class(f"{PACKAGE}.ListSubscriptionsResponse")
StreamingPullRequest = message_class(f"{PACKAGE}.StreamingPullRequest")
ListTopicSubscriptionsResponse = message_class(f"{PACKAGE}.ListTopicSubscriptionsResponse")
Snapshot = message_class(f"{PACKAGE}.Snapshot")
SeekResponse = message_class(f"{PACKAGE}.SeekResponse")
ListSnapshotsResponse = message_class(f"{PACKAGE}.ListSnapshotsResponse")
ListTopicSnapshotsResponse = message_class(f"{PACKAGE}.ListTopicSnapshotsResponse")
DetachSubscriptionResponse = message_class(f"{PACKAGE}.DetachSubscriptionResponse")
StreamingPullResponse = message_class(f"{PACKAGE}.StreamingPullResponse")
