"""What there should be in the cloud, all of it: what ``setup`` makes, and what is printed for others to make. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.pubsub_v1 import types

from pubsubctl.cloud.grants import Grant


@dataclass(frozen=True)
class CloudPlan:
    """Topics, subscriptions and roles.

    Attributes:
        project: whose number Pub/Sub's own account has, and where a service account is made.
        topics: their full names.
        subscriptions: as they should be.
        grants: roles; of Pub/Sub's own account with ``NUMBER`` for the number of the project.
        account: the e-mail address of a service account that is to be made first.
        key_file: where a key of it goes.
    """

    project: str
    topics: Sequence[str]
    subscriptions: Sequence[types.Subscription]
    grants: Sequence[Grant]
    account: str | None = None
    key_file: str | None = None


NUMBER = "$PROJECT_NUMBER"
"""What stands for the number of a project, which only the project tells."""


def project_of(name: str) -> str:
    """The project of a full name."""
    return name.split("/")[1]
