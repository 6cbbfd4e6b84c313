"""``pubsubctl cancel``: end jobs before they end by themselves."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.errors import JobNotFound, UsageError
from pubsubctl.render.figures import plural
from pubsubctl.render.output import Format, document, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pubsubctl.job import Job
    from pubsubctl.settings import Settings
    from pubsubctl.store.answers import Cancelled
    from pubsubctl.store.base import Store

app = new()

_Jobs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[JOB|BATCH...]", show_default=False, help="The ids of jobs, or of batches."),
]
_Batches = Annotated[
    list[str] | None, typer.Option("--batch", metavar="BATCH", help="All jobs of one submit; repeatable.")
]


@app.command(epilog="Example: pubsubctl cancel 0193d0c5a1f2b3c4d5e6f7a8b9c0")
@with_settings()
def cancel(
    settings: "Settings",
    *,
    jobs: _Jobs = None,
    batch: _Batches = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Cancel jobs, one by one or a batch: those that wait never run, those that run are stopped."""
    from pubsubctl.store.opening import open_store

    if not (jobs or batch):
        raise UsageError("say which jobs: their ids, or --batch BATCH")
    with open_store(settings.store_url, create=False) as store:
        found = store.cancel(jobs or [])
        others = dict.fromkeys([*(one.job_id for one in found if one.state is None), *(batch or [])])
        batches: dict[str, tuple[int, int]] = {}
        try:
            for name in others:
                if any(store.counts(name).values()):
                    batches[name] = _cancel_batch(store, name)
        except typer.Exit:  # by Ctrl-C: what was cancelled before stays so
            _show(found, batches, format)
            raise
    _show(found, batches, format)
    unknown = [name for name in others if name not in batches]
    if unknown:
        names = " or ".join(map(repr, unknown))
        raise JobNotFound(f"no job or batch {names} in {settings.store_name}; `pubsubctl status` lists the latest jobs")


def _show(found: "Sequence[Cancelled]", batches: "Mapping[str, tuple[int, int]]", form: Format) -> None:
    known = [one for one in found if one.state is not None]
    if form is Format.TEXT:
        for text in [*map(_line, known), *(_batch_line(name, *counts) for name, counts in batches.items())]:
            line(text)
    else:
        content = [*map(_content, known), *(_batch_content(name, *counts) for name, counts in batches.items())]
        for one in [content] if form is Format.JSON else content:
            document(one, form)


def _cancel_batch(store: "Store", batch_id: str) -> tuple[int, int]:
    """How many jobs of a batch were cancelled, and how many had ended already."""
    from pubsubctl.cli.stepping import Steps
    from pubsubctl.job import FINISHED, JobState
    from pubsubctl.selecting import Selection

    def cancelled(jobs: "Sequence[Job]") -> "list[Cancelled]":
        return [one for one in store.cancel([job.id for job in jobs]) if _is_cancelled(one)]

    unfinished = [state for state in JobState if state not in FINISHED]
    total = sum(store.counts(batch_id)[state] for state in unfinished)
    selection = Selection(unfinished, batch_id=batch_id)
    steps = Steps(store, selection, cancelled, doing="cancelled", total=total, form=Format.TEXT)
    return steps.take(), sum(store.counts(batch_id).values()) - steps.count


def _is_cancelled(found: "Cancelled") -> bool:
    from pubsubctl.job import FINISHED

    return found.state not in FINISHED


def _content(found: "Cancelled") -> dict[str, object]:
    return {"id": found.job_id, "cancelled": _is_cancelled(found), "state_before": found.state}


def _batch_content(batch_id: str, cancelled: int, ended: int) -> dict[str, object]:
    return {"batch_id": batch_id, "cancelled_jobs": cancelled, "ended_jobs": ended}


def _batch_line(batch_id: str, cancelled: int, ended: int) -> str:
    told = f"{batch_id}: {plural(cancelled, 'job')} cancelled"
    return f"{told}, {ended:,} had ended already" if ended else told


def _line(found: "Cancelled") -> str:
    if _is_cancelled(found):
        return f"{found.job_id} cancelled (it was {found.state})"
    return f"{found.job_id} had ended already: {found.state}"
