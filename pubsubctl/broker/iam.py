"""Who may do what with a topic or a subscription: what the broker says of ourselves, and whom a policy names.

https://cloud.google.com/pubsub/docs/access-control
"""

from collections.abc import Sequence
from typing import Any

from google.api_core import exceptions
from google.iam.v1 import iam_policy_pb2, policy_pb2

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.refusals import translated

_TRIES = 5


def missing(connection: Connection, resource: str, permissions: Sequence[str]) -> list[str]:
    """Which of these permissions whoever asks does not have on a resource.

    Raises:
        BrokerUnreachable: no answer.
        BrokerError: the broker refused to tell.
    """
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=permissions)
    with translated(connection):
        granted = set(_client(connection, resource).test_iam_permissions(request=request).permissions)
    return [each for each in permissions if each not in granted]


def members(connection: Connection, resource: str, role: str) -> set[str]:
    """Whom the policy of a resource gives a role, whatever the circumstances; what its project gives is not among them.

    Raises:
        BrokerUnreachable: no answer.
        BrokerError: the broker refused to tell.
    """
    with translated(connection):
        policy = _policy(connection, resource)
    plain = (binding for binding in policy.bindings if binding.role == role and not binding.HasField("condition"))
    return {member for binding in plain for member in binding.members}


def bind(connection: Connection, resource: str, role: str, member: str) -> bool:
    """Give a member a role on one resource, and leave all else of its policy as it is.

    Returns:
        Whether the policy had to be changed.

    Raises:
        BrokerUnreachable: no answer.
        BrokerError: the broker refused.
    """
    for tries_left in reversed(range(_TRIES)):
        with translated(connection):
            policy = _policy(connection, resource)
            if any(
                binding.role == role and member in binding.members and not binding.HasField("condition")
                for binding in policy.bindings
            ):
                return False
            policy.bindings.add(role=role, members=[member])
            request = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy)
            try:
                _client(connection, resource).set_iam_policy(request=request, retry=None)
            except exceptions.Aborted:  # somebody else has changed it since
                if not tries_left:
                    raise
            else:
                return True
    raise AssertionError("unreachable")


def _policy(connection: Connection, resource: str) -> policy_pb2.Policy:
    # Version 3, or conditions that somebody has set were lost with what is written back.
    options = {"requested_policy_version": 3}
    request = iam_policy_pb2.GetIamPolicyRequest(resource=resource, options=options)
    policy: policy_pb2.Policy = _client(connection, resource).get_iam_policy(request=request)
    policy.version = 3
    return policy


def _client(connection: Connection, resource: str) -> Any:
    return connection.publisher if "/topics/" in resource else connection.subscriber
