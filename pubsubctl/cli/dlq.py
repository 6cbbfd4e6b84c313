"""``pubsubctl dlq``: dead letters, the jobs that were given up on."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.filters import with_filters
from pubsubctl.cli.options import DryRunOption, FormatOption, JobsArgument, YesOption, with_settings
from pubsubctl.errors import UsageError
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.selecting import Selection
    from pubsubctl.settings import Settings

app = new()

_Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
_All = Annotated[bool, typer.Option("--all", help="Every dead letter there is.")]


@app.callback()
def dlq() -> None:
    """Dead letters: jobs that were given up on. They are kept in the store, with the reason."""


@app.command("list", epilog="Example: pubsubctl dlq list --reason timeout --newer-than 1d")
@with_settings()
@with_filters
def list_(
    settings: "Settings",
    chosen: "Selection",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List dead letters, the newest first."""
    from pubsubctl.cli.letters import Listing
    from pubsubctl.store.opening import open_store

    with open_store(settings.store_url, create=False) as store:
        Listing(store, chosen).show(format)


@app.command(epilog="Example: pubsubctl dlq show 0193d0c5a1f2b3c4d5e6f7a8b9c0")
@with_settings()
def show(
    settings: "Settings",
    job: _Job,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show a dead letter in full.

    Why it was given up, what was asked, the last of its log, and how to replay it.
    """
    from pubsubctl.cli.letters import letter
    from pubsubctl.render import deadletters
    from pubsubctl.store.opening import open_store

    with open_store(settings.store_url, create=False) as store:
        deadletters.show(letter(store, job), format)


@app.command(epilog="Example: pubsubctl dlq replay --path '/thumbnail*' --older-than 1h --dry-run")
@with_settings()
@with_filters
def replay(
    settings: "Settings",
    *,
    jobs: JobsArgument = None,
    every: _All = False,
    chosen: "Selection",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Queue dead letters again.

    They keep their ids and their history, and are allowed as many attempts more as at first.
    """
    from pubsubctl.cli import retrying
    from pubsubctl.store.opening import open_store

    _check(jobs, chosen, every=every)
    with open_store(settings.store_url, create=False) as store:
        if jobs:
            refused = retrying.refusal_of_dead_letter
            retrying.by_id(store, jobs, format, dry_run=dry_run, refused=refused)
        else:
            retrying.by_selection(store, chosen, format, yes=yes, dry_run=dry_run)


@app.command(epilog="Example: pubsubctl dlq purge --reason malformed --older-than 7d")
@with_settings()
@with_filters
def purge(
    settings: "Settings",
    *,
    jobs: JobsArgument = None,
    every: _All = False,
    chosen: "Selection",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Delete dead letters for good.

    Their requests and their history go with them; what is on the dead-letter topic stays there.
    """
    from pubsubctl.claimcheck import ClaimCheck
    from pubsubctl.cli import purging
    from pubsubctl.store.opening import open_store

    _check(jobs, chosen, every=every)
    with open_store(settings.store_url, create=False) as store:
        bodies = ClaimCheck(settings.payload_terms(store.store_id))
        if jobs:
            purging.by_id(store, bodies, jobs, format, yes=yes, dry_run=dry_run)
        else:
            purging.by_selection(store, bodies, chosen, format, yes=yes, dry_run=dry_run)


def _check(jobs: list[str] | None, chosen: "Selection", *, every: bool) -> None:
    """Exactly one way to say which.

    Raises:
        UsageError: there are several, or none.
    """
    ways = [bool(jobs), not chosen.everything, every]
    if sum(ways) > 1:
        raise UsageError("name jobs, or choose them by --reason, --path and so on, or take --all: one of these")
    if not any(ways):
        raise UsageError("say which dead letters: their ids, --reason, --path and so on, or --all")
