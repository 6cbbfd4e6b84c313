"""Carries grants out: each policy is read, and written only where something is missing."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pubsubctl.broker import iam
from pubsubctl.broker.connection import Connection
from pubsubctl.cloud.grants import Grant, is_service_agent
from pubsubctl.cloud.plan import project_of
from pubsubctl.errors import AccessDenied, BrokerError

_KNOWN_S = 60.0
"""So long after an account was made policies may still say that there is none."""
_PAUSE_S = 2.0


class Granted(StrEnum):
    """What became of a grant."""

    EXISTS = "exists"
    MISSING = "grant"  # it was only planned
    DONE = "granted"
    LEFT = "left"  # whoever asked may not grant it


@dataclass(frozen=True)
class Outcome:
    """A grant, and what became of it.

    Attributes:
        why: why it is left.
    """

    grant: Grant
    what: Granted
    why: str = ""


def granted(connection: Connection, grants: Iterable[Grant], *, dry_run: bool, new: bool = False) -> Iterator[Outcome]:
    """Grant what is missing, one after the other; what may not be granted is left, and told.

    Args:
        connection: the broker.
        grants: what is wanted.
        dry_run: only look.
        new: whether an account among them has just been made, so that it may not be known everywhere.

    Raises:
        BrokerUnreachable: no answer.
    """
    for grant in grants:
        try:
            yield Outcome(grant, _granted(connection, grant, dry_run=dry_run, new=new))
        except AccessDenied as error:
            yield Outcome(grant, Granted.LEFT, str(error))


def _granted(connection: Connection, grant: Grant, *, dry_run: bool, new: bool) -> Granted:
    if dry_run:
        there = grant.member in iam.members(connection, grant.resource, grant.role)
        return Granted.EXISTS if there else Granted.MISSING
    deadline = time.monotonic() + (_KNOWN_S if new and not is_service_agent(grant.member) else 0.0)
    while True:
        try:
            return Granted.DONE if iam.bind(connection, grant.resource, grant.role, grant.member) else Granted.EXISTS
        except AccessDenied:
            raise
        except BrokerError as error:
            if "does not exist" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise AccessDenied(_unknown(grant), is_of_one_call=True) from error
        time.sleep(_PAUSE_S)


def _unknown(grant: Grant) -> str:
    email = grant.member.partition(":")[2]
    if not is_service_agent(grant.member):
        return f"{email} is not known everywhere yet; run `pubsubctl setup` again in a minute"
    return (
        f"{email} does not exist yet; run `gcloud beta services identity create --service=pubsub.googleapis.com "
        f"--project={project_of(grant.resource)}`, and `pubsubctl setup` again"
    )
