"""How attempts end, in words for people. Pure."""

from pubsubctl.job import Job, JobState, Reason

RELEASED = "given back: it had not begun, or was stopped for no fault of its own"
STOPPED = "stopped, since the job was cancelled"
CAME_BY_MESSAGE = "it came by its message alone, and is known since then"


def succeeded(status: int | None) -> str:
    """A success."""
    return f"succeeded with {status}" if status is not None else "succeeded"


def lost(given_up: str | None) -> str:
    """An attempt that ended without a record, and why its job was given up by that, if it was."""
    text = "its lease ran out, and nothing was recorded"
    return f"{text}; {failed(Reason.CRASHED, given_up)}" if given_up is not None else text


def failed(reason: str | None, error: str | None) -> str:
    """A failure."""
    return ": ".join(part for part in (f"failed ({reason})" if reason else "failed", error) if part)


def ended(job: Job) -> str | None:
    """How a finished job ended; of one that was cancelled there is nothing to say."""
    if job.state is JobState.SUCCEEDED:
        return succeeded(job.http_status)
    return failed(job.reason, job.error) if job.state is JobState.FAILED else None
