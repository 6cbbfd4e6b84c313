"""Names of topics, subscriptions, snapshots and schemas as people write them. Pure."""

import re
from enum import StrEnum

from pubsubctl import names
from pubsubctl.errors import InvalidName

_URL = re.compile(r"https?://[^/]+/v1/(?=projects/)")


class Kind(StrEnum):
    """What a name can be the name of."""

    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    SNAPSHOT = "snapshot"
    SCHEMA = "schema"

    @property
    def collection(self) -> str:
        """The part of a full name that says so."""
        return f"{self}s"


def path(kind: Kind, name: str, project: str) -> str:
    """The full name, such as ``projects/my-project/topics/my-topic``.

    Args:
        kind: what it names.
        name: its id; or its full name, alone or as the URL of the REST API.
        project: the project of an id.

    Raises:
        InvalidName: it names nothing, or something of another kind.
    """
    bare = _URL.sub("", name)
    collection = bare.split("/")[2:3]
    if collection and collection[0] in {other.collection for other in Kind if other is not kind}:
        raise InvalidName(f"{name!r} is a {collection[0].removesuffix('s')}; a {kind} is asked for here")
    return names.resource_path(project, kind.collection, bare)


def project_path(project: str) -> str:
    """The full name of a project, given by its id or its full name.

    Raises:
        InvalidName: it cannot be one.
    """
    return f"projects/{names.check_project(project.removeprefix('projects/'))}"
