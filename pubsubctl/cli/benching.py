"""The work of ``bench``: what was typed is made a plan, which is carried out and shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from pubsubctl.bench.budget import Asked
from pubsubctl.bench.run import NOOP, Plan
from pubsubctl.bench.run import run as measure
from pubsubctl.cli import sources
from pubsubctl.cli.codes import Code
from pubsubctl.cli.confirming import confirm
from pubsubctl.cli.options import parsed
from pubsubctl.errors import UsageError
from pubsubctl.exchange import METHODS
from pubsubctl.render import bench as render
from pubsubctl.render.output import Format, note
from pubsubctl.sandbox import interrupts
from pubsubctl.settings import Settings
from pubsubctl.submission import Submission
from pubsubctl.worker import application


@dataclass(frozen=True)
class Wanted:
    """What the arguments and options of ``bench`` say, as they were typed.

    Attributes:
        words: APP, METHOD and PATH, those that were given.
    """

    words: Sequence[str]
    json: str | None
    data: str | None
    headers: Sequence[str]
    form: Sequence[str]
    jobs: int | None
    singles: int | None
    max_time: str | None


def run(settings: Settings, wanted: Wanted, *, yes: bool, form: Format) -> None:
    """Measure, and show what was found.

    Raises:
        typer.Exit: Ctrl-C was pressed.
        PubsubctlError: it cannot be measured; the text says why.
    """
    plan = _plan(settings, wanted)
    if settings.broker == "cloud":
        _confirm(plan, yes=yes)
    interrupts.install()
    try:
        report = measure(plan, note)
    except KeyboardInterrupt:
        note("pubsubctl: interrupted; everything was taken down")
        raise typer.Exit(Code.INTERRUPTED) from None
    render.show(report, form)


def _plan(settings: Settings, wanted: Wanted) -> Plan:
    app, target = split(wanted.words)
    max_time_s = None if wanted.max_time is None else parsed("max_time", wanted.max_time)
    if max_time_s == 0:
        raise UsageError(f"--max-time must be longer than nothing, not {wanted.max_time!r}")
    return Plan(
        app=app or (application.target(settings.app) if target else NOOP),
        submission=_submission(wanted, target or ["/"]),
        asked=Asked(wanted.jobs, wanted.singles, max_time_s),
        settings=settings,
        # Only one that is named here and now: that of the file or the environment is where the user's own jobs live.
        store=settings.store if settings.sources.get("store") == "--store" else None,
        home=Path.cwd(),
    )


def split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """APP, and what ``submit`` takes: METHOD and PATH, or PATH alone, or nothing where there are no words.

    Raises:
        UsageError: there is no PATH, or too much.
    """
    if not words:
        return None, []
    if len(words) > 3:  # noqa: PLR2004 - APP METHOD PATH
        raise UsageError(f"one APP, one METHOD and one PATH, not {' '.join(words)!r}; quote what has spaces")
    *before, path = words
    if path.upper() in METHODS and before:
        raise UsageError(
            f"the method comes before the path: `pubsubctl bench {' '.join([*before[:-1], path, before[-1]])}`"
        )
    if not before and not path.startswith("/"):
        raise UsageError(f"name a path too, such as `pubsubctl bench {path} POST /predict`")
    named = len(before) == 2 or (len(before) == 1 and before[0].upper() in METHODS)  # noqa: PLR2004 - APP METHOD
    request = [*before[-1:], path] if named else [path]
    app = before[:-1] if named else before
    return (app[0] if app else None), request


def _submission(wanted: Wanted, target: Sequence[str]) -> Submission:
    asked = sources.Asked(target, sources.Terms(), wanted.json, wanted.data, headers=wanted.headers, form=wanted.form)
    coming = sources.source(asked)
    found = [one for one in coming if one is not None]
    if coming.stopped_by is not None:
        raise coming.stopped_by
    if found[0].idempotency_key is not None:
        raise UsageError("an idempotency key would make all of them one job; leave that header out")
    return found[0].whole()  # it is sent again and again


def _confirm(plan: Plan, *, yes: bool) -> None:
    request = plan.submission.request
    told = [
        f"project {plan.settings.project}: 2 topics and 3 subscriptions named pubsubctl-bench-..., deleted in the end",
        f"at most {plan.asked.most_messages:,} messages, each with a body of {len(request.body):,} bytes",
    ]
    confirm("measure", told, "This is Cloud Pub/Sub, where messages may be billed.", yes=yes)
