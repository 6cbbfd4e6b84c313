"""Jobs and their times as pages tell them. Pure."""

from datetime import UTC, datetime

from markupsafe import Markup

from pubsubctl.job import Job, JobState, rfc3339
from pubsubctl.render.figures import percent, seconds, took
from pubsubctl.render.output import clean
from pubsubctl.render.plain import why
from pubsubctl.render.secrets import redacted

_LONGEST = 200
_CUT = "\N{HORIZONTAL ELLIPSIS}"
_KEPT = "\n\t"


def cut(text: object, most: int = _LONGEST) -> str:
    """Text from anywhere, on one line, no longer than so many characters."""
    said = clean(str(text)[: most + 1])  # a character for a character
    return said if len(said) <= most else said[: most - 1] + _CUT


def plain(text: str) -> str:
    """Text from anywhere, line by line, without what would change the order or the look of the rest."""
    lines = text.replace("\r\n", "\n")
    return "".join(one if one in _KEPT or one.isprintable() else clean(one) for one in lines)


def hidden(text: str | None) -> str:
    """The same, without the values of header fields that let somebody in."""
    return plain(redacted(text or ""))


def moment(at: float | None) -> Markup:
    """A point in time, for people and for programs."""
    if at is None:
        return Markup("")
    said = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}">{}</time>').format(rfc3339(at), said)


def ago(at: float | None, now: float) -> Markup:
    """How long ago something was, and when."""
    if at is None:
        return Markup("")
    said = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{} ago</time>').format(rfc3339(at), said, seconds(now - at))


def duration(job: Job, now: float) -> str:
    """How long the last attempt of a job ran, or has been running; nothing where that is not known."""
    if job.state is JobState.RUNNING and job.started_at is not None:
        return seconds(now - job.started_at)
    return took(job.ran_s) if job.ran_s is not None else ""


def outcome(job: Job, now: float) -> str:
    """What became of a job, or is becoming of it, in a line."""
    if job.state is JobState.SUCCEEDED:
        return f"status {job.http_status}" if job.http_status else ""
    if job.state is JobState.RUNNING:
        told = percent(job.progress_fraction) if job.progress_fraction is not None else ""
        return cut(redacted(f"{told} {job.progress_note or ''}".strip()))
    due = (job.not_before or now) - now
    if job.state is JobState.RETRYING:
        why_again = redacted(why(job))
        return cut(f"again in {seconds(due)}: {why_again}" if due > 0 else f"due again: {why_again}")
    if job.state is JobState.QUEUED:
        return f"not before {seconds(due)} from now" if due > 0 else ""
    return cut(redacted(why(job)))
