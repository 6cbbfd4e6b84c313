"""``pubsubctl purge``: delete jobs that ended long ago, and give their space back."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import DryRunOption, FormatOption, YesOption, parsed, with_settings
from pubsubctl.errors import UsageError
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pubsubctl.job import JobState
    from pubsubctl.settings import Settings

app = new()

_OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than",
        metavar="DURATION",
        show_default=False,
        help="Ended at least so long ago; `result_ttl` (7 days) unless given.",
    ),
]
_States = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="STATE,...", help="Only these: succeeded, failed, cancelled; repeatable."),
]
_Vacuum = Annotated[
    bool, typer.Option("--vacuum", help="Then write a SQLite file anew, without the space that is free in it.")
]


@app.command(epilog="Example: pubsubctl purge --older-than 30d --state succeeded --dry-run")
@with_settings()
def purge(
    settings: "Settings",
    *,
    older_than: _OlderThan = None,
    state: _States = None,
    vacuum: _Vacuum = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Delete jobs that ended long ago, with their requests, results and history.

    Workers go on meanwhile, and do the same by themselves when `result_ttl` is over.
    """
    from pubsubctl.claimcheck import ClaimCheck
    from pubsubctl.cli.retention import Retention
    from pubsubctl.store.opening import open_store

    age_s = parsed("older_than", older_than) if older_than else settings.result_ttl
    states = _states(state or ())
    with open_store(settings.store_url, create=False) as store:
        bodies = ClaimCheck(settings.payload_terms(store.store_id))
        Retention(store, age_s, states, bodies=bodies, vacuum=vacuum).apply(format, yes=yes, dry_run=dry_run)


def _states(texts: "Sequence[str]") -> "list[JobState]":
    """Those that ``--state`` names; all finished ones where it names none."""
    from pubsubctl.job import FINISHED, JobState

    known = [state for state in JobState if state in FINISHED]
    names = [name for text in texts for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UsageError(f"--state must be one of {', '.join(known)}, not {name!r}: only what has ended is purged")
    return [state for state in known if state in names] if names else known
