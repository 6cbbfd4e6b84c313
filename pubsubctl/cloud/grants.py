"""Which roles jobs need, each on a single topic or subscription, and on nothing else. Pure.

Workers need no role on the project, and nobody needs an admin's at run time.
https://cloud.google.com/pubsub/docs/access-control
"""

from dataclasses import dataclass

from pubsubctl.broker.deadletter import returned_path
from pubsubctl.cloud.parts import Part
from pubsubctl.settings import Settings

PUBLISHER = "roles/pubsub.publisher"
SUBSCRIBER = "roles/pubsub.subscriber"
VIEWER = "roles/pubsub.viewer"


@dataclass(frozen=True)
class Grant:
    """A role for one member on one resource.

    Attributes:
        resource: its full name.
        why: what it is needed for.
    """

    resource: str
    role: str
    member: str
    why: str


_AGENTS = "@gcp-sa-pubsub.iam.gserviceaccount.com"


def service_agent(project_number: str) -> str:
    """The member that Pub/Sub itself acts as, for the subscriptions of a project."""
    return f"serviceAccount:service-{project_number}{_AGENTS}"


def is_service_agent(member: str) -> bool:
    """Whether Pub/Sub itself acts as this member, for whatever project."""
    return member.endswith(_AGENTS)


def of_service_agent(settings: Settings, project_number: str) -> list[Grant]:
    """What Pub/Sub needs to move to the dead letters what it gives up; without that it delivers it for ever."""
    member = service_agent(project_number)
    return [
        Grant(settings.dead_letter_topic_path, PUBLISHER, member, "Pub/Sub itself moves dead letters there"),
        Grant(settings.subscription_path, SUBSCRIBER, member, "Pub/Sub itself acks what it has moved"),
    ]


def of_account(settings: Settings, email: str, parts: frozenset[Part]) -> list[Grant]:
    """What the service account of submitters, of workers, or of both needs."""
    member, found = f"serviceAccount:{email}", []
    if Part.WORKER in parts:
        found += [
            Grant(settings.subscription_path, SUBSCRIBER, member, "pulls jobs"),
            Grant(settings.subscription_path, VIEWER, member, "reads how the subscription is set up"),
            Grant(returned_path(settings), SUBSCRIBER, member, "pulls what Pub/Sub gave up"),
            Grant(settings.dead_letter_topic_path, PUBLISHER, member, "mirrors dead letters"),
            Grant(settings.dead_letter_topic_path, VIEWER, member, "warns where nobody keeps dead letters"),
        ]
    why = "publishes retries" if Part.SUBMITTER not in parts else "publishes jobs"
    return [Grant(settings.topic_path, PUBLISHER, member, why), *found]
