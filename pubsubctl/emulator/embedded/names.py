"""The rules for resource names of google.pubsub.v1 (cloud.google.com/pubsub/docs/pubsub-basics#resource_names)."""

import re
import uuid

from pubsubctl.emulator.embedded.status import invalid

DELETED_TOPIC = "_deleted-topic_"

_PROJECT = r"projects/[^/\s]+"
_ID = r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}"
_NAMES = {
    collection: re.compile(rf"{_PROJECT}/{collection}/{_ID}")
    for collection in ("topics", "subscriptions", "snapshots", "schemas")
}
_PROJECT_NAME = re.compile(_PROJECT)


def check(collection: str, name: str) -> str:
    """Return ``name`` if it may name a member of ``collection``.

    Raises:
        Refusal: INVALID_ARGUMENT, with the name.
    """
    if not _NAMES[collection].fullmatch(name):
        raise invalid(f"Invalid [{collection}] name: (name={name})")
    return name


def generated(collection: str, project: str) -> str:
    """A name for a member of ``collection`` that came without one."""
    return f"projects/{project}/{collection}/{collection[:-1]}-{uuid.uuid4().hex}"


def check_project(name: str) -> str:
    """Return ``name`` if it is ``projects/{project}``.

    Raises:
        Refusal: INVALID_ARGUMENT, with the name.
    """
    if not _PROJECT_NAME.fullmatch(name):
        raise invalid(f"Invalid [projects] name: (name={name})")
    return name


def project_of(name: str) -> str:
    """The project id in a resource name."""
    return name.split("/", 2)[1]


def id_of(name: str) -> str:
    """The last part of a resource name."""
    return name.rsplit("/", 1)[1]
