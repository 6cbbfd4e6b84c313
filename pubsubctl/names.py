"""Project, topic, subscription and job names, and what makes them valid. Pure.

The rules are those of the Pub/Sub reference: a resource id has 3 to 255 characters, begins with a letter, holds
letters, digits and ``-_.~+%``, and does not begin with ``goog``.
"""

import os
import re
import threading
import time

from pubsubctl.errors import InvalidName

_RESOURCE_ID = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-.:_]{0,126}")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


_COUNTER_BITS = 16
_last_number = 0
_numbering = threading.Lock()


def new_job_id() -> str:
    """An id of 28 hexadecimal digits: milliseconds since the epoch, a counter, 48 random bits.

    So ids sort by age, and those that a process makes are in the order that it made them.
    """
    global _last_number  # noqa: PLW0603 - the order is one of the whole process
    with _numbering:
        _last_number = number = max(time.time_ns() // 1_000_000 << _COUNTER_BITS, _last_number + 1)
    return f"{number:016x}{os.urandom(6).hex()}"


def new_batch_id() -> str:
    """An id for the jobs of one submit; it cannot be mistaken for a job's."""
    return f"batch-{new_job_id()[:24]}"


def check_job_id(job_id: str) -> str:
    """``job_id`` itself.

    Raises:
        InvalidName: it is not 1 to 64 characters of ``A-Z a-z 0-9 _ -``.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidName(f"{job_id!r} is no job id: 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'")
    return job_id


def check_project(project: str) -> str:
    """``project`` itself.

    Raises:
        InvalidName: it cannot be a project's id.
    """
    if not _PROJECT.fullmatch(project):
        raise InvalidName(f"{project!r} is no project id; it looks like 'my-project-123'")
    return project


def topic_path(project: str, topic: str) -> str:
    """The full name of a topic given by its id, or by its full name already.

    Raises:
        InvalidName: it breaks the rules for names.
    """
    return resource_path(project, "topics", topic)


def subscription_path(project: str, subscription: str) -> str:
    """The full name of a subscription given by its id, or by its full name already.

    Raises:
        InvalidName: it breaks the rules for names.
    """
    return resource_path(project, "subscriptions", subscription)


def short(path: str) -> str:
    """The id at the end of a full name."""
    return path.rsplit("/", 1)[-1]


def resource_path(project: str, collection: str, name: str) -> str:
    """The full name of a resource in ``collection``, given by its id or its full name.

    Raises:
        InvalidName: it cannot be one.
    """
    kind = collection.removesuffix("s")
    match = re.fullmatch(rf"projects/([^/]+)/{collection}/([^/]+)", name)
    owner, resource = match.groups() if match else (project, name)
    check_project(owner)
    if not _RESOURCE_ID.fullmatch(resource) or resource.startswith("goog"):
        raise InvalidName(
            f"{name!r} is no {kind} name: 3 to 255 letters, digits and '-_.~+%', "
            f"a letter first, not beginning with 'goog' (or projects/PROJECT/{collection}/NAME)"
        )
    return f"projects/{owner}/{collection}/{resource}"


_PASSWORD = re.compile(r"(?<=://)([^:@/?#]*):[^@/?#]*@|(?<=[?&])password=[^&#]*")


def shown_url(url: str) -> str:
    """A URL as it may be shown: without the password that it may have."""
    return _PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] is not None else "password=***", url)
