"""``pubsubctl snapshots``: with the flags of ``gcloud pubsub snapshots``."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.broker.naming import Kind, project_path
from pubsubctl.cli import snapshotflags
from pubsubctl.cli.app import new
from pubsubctl.cli.confirming import confirm
from pubsubctl.cli.flags import with_change
from pubsubctl.cli.options import FormatOption
from pubsubctl.cli.resources import (
    LimitOption,
    PageSizeOption,
    YesOption,
    check_asked,
    connected,
    first,
    on_broker,
    one_path,
    paths,
    report,
)
from pubsubctl.render import inventory, resources
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.broker.change import Change
    from pubsubctl.settings import Settings

app = new()

_Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its id, or its full name.")]
_Snapshots = Annotated[list[str], typer.Argument(metavar="SNAPSHOT...", help="Ids, or full names.")]


@app.callback()
def snapshots() -> None:
    """Keep backlogs of subscriptions under a name.

    `pubsubctl subscriptions seek` goes back to them.
    """


@app.command(epilog="Example: pubsubctl snapshots create before-release --subscription order-workers")
@on_broker
@with_change(snapshotflags.CREATE)
def create(
    settings: "Settings",
    snapshots: _Snapshots,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Create snapshots of a subscription.

    Each keeps what is not acknowledged, and what is published from now on; for a week at most.
    """
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.snapshots import Snapshots

    wanted = paths(Kind.SNAPSHOT, snapshots, settings)
    with connected(settings) as connection:
        tried = each(wanted, lambda path: Snapshots(connection).create(path, change))
    resources.done("created", Kind.SNAPSHOT, tried.done, format)
    report(tried)


@app.command("list", epilog="Example: pubsubctl snapshots list")
@on_broker
def list_(
    settings: "Settings",
    limit: LimitOption = None,
    page_size: PageSizeOption = 0,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List the snapshots of a project."""
    from pubsubctl.broker import listing

    project = project_path(settings.project)
    with connected(settings) as connection:
        inventory.snapshots(first(limit, listing.snapshots(connection, project, page_size)), project, format)


@app.command(epilog="Example: pubsubctl snapshots describe before-release")
@on_broker
def describe(
    settings: "Settings",
    snapshot: _Snapshot,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show a snapshot."""
    from pubsubctl.broker.snapshots import Snapshots

    path = one_path(Kind.SNAPSHOT, snapshot, settings)
    with connected(settings) as connection:
        resources.one(Snapshots(connection).get(path), format)


@app.command(epilog="Example: pubsubctl snapshots update before-release --update-labels keep=yes")
@on_broker
@with_change(snapshotflags.UPDATE)
def update(
    settings: "Settings",
    snapshot: _Snapshot,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Change the labels of a snapshot."""
    from pubsubctl.broker.snapshots import Snapshots

    path = one_path(Kind.SNAPSHOT, snapshot, settings)
    check_asked(change)
    with connected(settings) as connection:
        content, changed = Snapshots(connection).update(path, change)
    resources.updated(Kind.SNAPSHOT, content, format, changed=changed)


@app.command(epilog="Example: pubsubctl snapshots delete before-release --yes")
@on_broker
def delete(
    settings: "Settings",
    snapshots: _Snapshots,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Delete snapshots: what only they kept is lost."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.snapshots import Snapshots

    doomed = paths(Kind.SNAPSHOT, snapshots, settings)
    confirm("delete", doomed, "There is no way back to them then.", yes=yes)
    with connected(settings) as connection:
        tried = each(doomed, Snapshots(connection).delete)
    resources.done("deleted", Kind.SNAPSHOT, tried.done, format)
    report(tried)
