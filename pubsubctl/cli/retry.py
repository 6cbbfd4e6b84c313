"""``pubsubctl retry``: queue failed and cancelled jobs again."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import DryRunOption, FormatOption, JobsArgument, YesOption, with_settings
from pubsubctl.errors import UsageError
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.selecting import Selection
    from pubsubctl.settings import Settings

app = new()

_Failed = Annotated[bool, typer.Option("--failed", help="All failed jobs; with --batch, those of the batch.")]
_Batch = Annotated[
    str | None,
    typer.Option("--batch", metavar="BATCH", show_default=False, help="The failed and cancelled jobs of one submit."),
]
_Reason = Annotated[
    list[str] | None,
    typer.Option(
        "--reason", metavar="REASON,...", help="Of those, the ones that failed for this: status, timeout, ..."
    ),
]


@app.command(epilog="Example: pubsubctl retry --failed --reason timeout --dry-run")
@with_settings()
def retry(
    settings: "Settings",
    *,
    jobs: JobsArgument = None,
    failed: _Failed = False,
    batch: _Batch = None,
    reason: _Reason = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Queue failed or cancelled jobs again.

    They keep their ids and their history, and are allowed as many attempts more as at first.
    """
    from pubsubctl.cli import retrying
    from pubsubctl.store.opening import open_store

    if jobs and (failed or batch or reason):
        raise UsageError("name jobs, or say which with --failed, --batch and --reason; not both")
    if not (jobs or failed or batch):
        raise UsageError("say which jobs: their ids, --failed or --batch BATCH")
    selection = _selection(batch, reason or [], failed=failed)
    with open_store(settings.store_url, create=False) as store:
        if jobs:
            retrying.by_id(store, jobs, format, dry_run=dry_run)
        else:
            retrying.by_selection(store, selection, format, yes=yes or batch is not None, dry_run=dry_run)


def _selection(batch: str | None, reasons: list[str], *, failed: bool) -> "Selection":
    from pubsubctl.cli.reasons import of_reasons
    from pubsubctl.deadletters import RETRIABLE
    from pubsubctl.job import JobState, Reason
    from pubsubctl.selecting import Selection

    states = (JobState.FAILED,) if failed or reasons else RETRIABLE
    return of_reasons(Selection(states, batch_id=batch), reasons, frozenset(Reason))
