"""The RPCs by name: their path, and the classes of their request and response."""

from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from grpc_health.v1 import health_pb2

_PUBLISHER = {
    "CreateTopic": types.Topic,
    "UpdateTopic": types.Topic,
    "Publish": types.PublishResponse,
    "GetTopic": types.Topic,
    "ListTopics": types.ListTopicsResponse,
    "ListTopicSubscriptions": types.ListTopicSubscriptionsResponse,
    "ListTopicSnapshots": types.ListTopicSnapshotsResponse,
    "DeleteTopic": Empty,
    "DetachSubscription": types.DetachSubscriptionResponse,
}
_SUBSCRIBER = {
    "CreateSubscription": types.Subscription,
    "GetSubscription": types.Subscription,
    "UpdateSubscription": types.Subscription,
    "ListSubscriptions": types.ListSubscriptionsResponse,
    "DeleteSubscription": Empty,
    "ModifyAckDeadline": Empty,
    "Acknowledge": Empty,
    "Pull": types.PullResponse,
    "ModifyPushConfig": Empty,
    "GetSnapshot": types.Snapshot,
    "ListSnapshots": types.ListSnapshotsResponse,
    "CreateSnapshot": types.Snapshot,
    "UpdateSnapshot": types.Snapshot,
    "DeleteSnapshot": Empty,
    "Seek": types.SeekResponse,
}
_SCHEMA_SERVICE = {
    "CreateSchema": types.Schema,
    "GetSchema": types.Schema,
    "ListSchemas": types.ListSchemasResponse,
    "ListSchemaRevisions": types.ListSchemaRevisionsResponse,
    "CommitSchema": types.Schema,
    "RollbackSchema": types.Schema,
    "DeleteSchemaRevision": types.Schema,
    "DeleteSchema": Empty,
    "ValidateSchema": types.ValidateSchemaResponse,
    "ValidateMessage": types.ValidateMessageResponse,
}
_OTHERS = {
    "GetIamPolicy": ("google.iam.v1.IAMPolicy", iam_policy_pb2.GetIamPolicyRequest, policy_pb2.Policy),
    "SetIamPolicy": ("google.iam.v1.IAMPolicy", iam_policy_pb2.SetIamPolicyRequest, policy_pb2.Policy),
    "TestIamPermissions": (
        "google.iam.v1.IAMPolicy",
        iam_policy_pb2.TestIamPermissionsRequest,
        iam_policy_pb2.TestIamPermissionsResponse,
    ),
    "Check": ("grpc.health.v1.Health", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse),
}


def _request_class(rpc: str) -> Any:
    """The two that create what they are given have no request of their own."""
    own = {"CreateTopic": types.Topic, "CreateSubscription": types.Subscription}
    return own.get(rpc) or getattr(types, f"{rpc}Request")


def _services() -> dict[str, tuple[str, Any, Any]]:
    services = {"Publisher": _PUBLISHER, "Subscriber": _SUBSCRIBER, "SchemaService": _SCHEMA_SERVICE}
    return {
        rpc: (f"google.pubsub.v1.{service}", _request_class(rpc), response)
        for service, rpcs in services.items()
        for rpc, response in rpcs.items()
    }


RPCS: dict[str, tuple[str, Any, Any]] = {**_services(), **_OTHERS}


def serializer(kind: Any) -> Any:
    """How a message of this class becomes bytes; proto-plus and protobuf name it differently."""
    return getattr(kind, "serialize", None) or kind.SerializeToString


def deserializer(kind: Any) -> Any:
    """How bytes become a message of this class."""
    return getattr(kind, "deserialize", None) or kind.FromString
