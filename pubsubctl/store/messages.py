"""A message of a job: published or not, sent back by the broker, of no job at all, or due to be published."""

from dataclasses import dataclass
from enum import StrEnum

from pubsubctl.exchange import Request
from pubsubctl.job import Job, Reason


@dataclass(frozen=True, slots=True)
class Published:
    """A message that the broker has taken for a job.

    Attributes:
        attempt: the job's attempt number when its message was made. A job that has been claimed since is left alone.
    """

    job_id: str
    message_id: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A job that surely has no message: the broker refused it, or no message can carry it.

    Attributes:
        error: why, one line for people.
        attempt: the job's attempt number when its message was to be made. A job claimed since is left alone.
        dead_letter: nobody waits for the answer of a submit, so its dead letter is to be mirrored.
    """

    job_id: str
    error: str
    attempt: int = 0
    dead_letter: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """A message of a job that the broker itself has dead-lettered: it will never be delivered again.

    Attributes:
        message_id: the message that the job waited for, where it waited for one; else the one on the dead-letter topic.
        error: why, one line for people.
    """

    job_id: str
    message_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Burial:
    """A message that is no job, or not any more, kept as a failed job so that people find it.

    Its dead letter is due to be mirrored at once.

    Attributes:
        topic: where its dead letter is mirrored from, as of any job.
        headers: the message's attributes.
        body: its data.
        reason: ``MALFORMED``, ``FORGOTTEN`` or ``DEAD_LETTERED``.
    """

    job_id: str
    message_id: str
    topic: str
    error: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: Reason = Reason.MALFORMED


class DueKind(StrEnum):
    """What the sweeper has to do."""

    PUBLISH = "publish"
    DEAD_LETTER = "dead-letter"


@dataclass(frozen=True, slots=True)
class Due:
    """A job that the sweeper must act on, with its request."""

    kind: DueKind
    job: Job
    request: Request
