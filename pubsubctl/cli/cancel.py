"""``pubsubctl cancel``: end jobs before they end by themselves."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, with_settings
from pubsubctl.errors import JobNotFound
from pubsubctl.render.output import Format, document, line

if TYPE_CHECKING:
    from pubsubctl.settings import Settings
    from pubsubctl.store.base import Cancelled

app = new()

_Jobs = Annotated[list[str], typer.Argument(metavar="JOB...", help="The ids of the jobs.")]


@app.command(epilog="Example: pubsubctl cancel 0193d0c5a1f2b3c4d5e6f7a8b9c0")
@with_settings()
def cancel(
    settings: "Settings",
    jobs: _Jobs,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Cancel jobs: those that wait never run, those that run are stopped."""
    from pubsubctl.store.opening import open_store

    with open_store(settings.store_url, create=False) as store:
        found = store.cancel(jobs)
    known = [one for one in found if one.state is not None]
    if format is Format.JSON:
        document([_content(one) for one in known])
    for one in known if format is not Format.JSON else ():
        document(_content(one), format) if format is Format.JSONL else line(_line(one))
    unknown = [one.job_id for one in found if one.state is None]
    if unknown:
        raise JobNotFound(f"no job {' or '.join(map(repr, unknown))} in {settings.store_url}")


def _is_cancelled(found: "Cancelled") -> bool:
    from pubsubctl.job import FINISHED

    return found.state not in FINISHED


def _content(found: "Cancelled") -> dict[str, object]:
    return {"id": found.job_id, "cancelled": _is_cancelled(found), "state_before": found.state}


def _line(found: "Cancelled") -> str:
    if _is_cancelled(found):
        return f"{found.job_id} cancelled (it was {found.state})"
    return f"{found.job_id} had ended already: {found.state}"
