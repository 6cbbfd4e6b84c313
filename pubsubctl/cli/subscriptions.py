"""``pubsubctl subscriptions``: with the flags of ``gcloud pubsub subscriptions``."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.broker.naming import Kind, project_path
from pubsubctl.cli import deliveries, subscriptionflags
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

_Subscription = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Its id, or its full name.")]
_Subscriptions = Annotated[list[str], typer.Argument(metavar="SUBSCRIPTION...", help="Ids, or full names.")]
_Time = Annotated[
    str | None,
    typer.Option(metavar="TIME", show_default=False, help="Time to go to: 2026-03-01T12:00:00Z, -pt30m, -p1d, now."),
]
_Snapshot = Annotated[str | None, typer.Option(metavar="SNAPSHOT", show_default=False, help="Snapshot to go to.")]
_SnapshotProject = Annotated[
    str | None, typer.Option(metavar="PROJECT", show_default=False, help="Its project; --project unless given.")
]


@app.callback()
def subscriptions() -> None:
    """Create, list, change and delete subscriptions, and take messages from them."""


@app.command(epilog="Example: pubsubctl subscriptions create order-workers --topic orders")
@on_broker
@with_change(subscriptionflags.CREATE)
def create(
    settings: "Settings",
    subscriptions: _Subscriptions,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Create subscriptions to a topic."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.subscriptions import Subscriptions

    wanted = paths(Kind.SUBSCRIPTION, subscriptions, settings)
    with connected(settings) as connection:
        tried = each(wanted, lambda path: Subscriptions(connection).create(path, change))
    resources.done("created", Kind.SUBSCRIPTION, tried.done, format)
    report(tried)


@app.command("list", epilog="Example: pubsubctl subscriptions list --format json")
@on_broker
def list_(
    settings: "Settings",
    limit: LimitOption = None,
    page_size: PageSizeOption = 0,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List the subscriptions of a project."""
    from pubsubctl.broker import listing

    project = project_path(settings.project)
    with connected(settings) as connection:
        inventory.subscriptions(first(limit, listing.subscriptions(connection, project, page_size)), project, format)


@app.command(epilog="Example: pubsubctl subscriptions describe order-workers")
@on_broker
def describe(
    settings: "Settings",
    subscription: _Subscription,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show all settings of a subscription."""
    from pubsubctl.broker.subscriptions import Subscriptions

    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    with connected(settings) as connection:
        resources.one(Subscriptions(connection).get(path), format)


@app.command(epilog="Example: pubsubctl subscriptions update order-workers --ack-deadline 60")
@on_broker
@with_change(subscriptionflags.UPDATE)
def update(
    settings: "Settings",
    subscription: _Subscription,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Change a subscription.

    What no flag names stays as it is; but a new --push-endpoint forgets the other settings of pushing.
    """
    from pubsubctl.broker.subscriptions import Subscriptions

    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    check_asked(change)
    with connected(settings) as connection:
        content, changed = Subscriptions(connection).update(path, change)
    resources.updated(Kind.SUBSCRIPTION, content, format, changed=changed)


@app.command(epilog="Example: pubsubctl subscriptions modify-push-config workers --push-endpoint ''")
@on_broker
@with_change(subscriptionflags.MODIFY_PUSH_CONFIG)
def modify_push_config(
    settings: "Settings",
    subscription: _Subscription,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Set anew where messages are pushed to.

    An endpoint of '' makes it a pull subscription.
    """
    from pubsubctl.broker.subscriptions import Subscriptions

    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    with connected(settings) as connection:
        content = Subscriptions(connection).modify_push_config(path, change.values["push_config"])
    resources.updated(Kind.SUBSCRIPTION, content, format)


@app.command(epilog="Example: pubsubctl subscriptions delete order-workers --yes")
@on_broker
def delete(
    settings: "Settings",
    subscriptions: _Subscriptions,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Delete subscriptions and their backlogs."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.subscriptions import Subscriptions

    doomed = paths(Kind.SUBSCRIPTION, subscriptions, settings)
    confirm("delete", doomed, "What was not acknowledged is lost.", yes=yes)
    with connected(settings) as connection:
        tried = each(doomed, Subscriptions(connection).delete)
    resources.done("deleted", Kind.SUBSCRIPTION, tried.done, format)
    report(tried)


@app.command(epilog="Example: pubsubctl subscriptions seek order-workers --time now --yes")
@on_broker
def seek(
    settings: "Settings",
    subscription: _Subscription,
    *,
    time: _Time = None,
    snapshot: _Snapshot = None,
    snapshot_project: _SnapshotProject = None,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Go back, or forward, to a time or a snapshot.

    What was published before a time counts as acknowledged, what was published after it and is retained comes again.
    So `now` purges the backlog.
    """
    from pubsubctl.broker.subscriptions import Subscriptions
    from pubsubctl.cli.seeking import goal

    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    to = goal(time, snapshot, snapshot_project or settings.project)
    confirm("seek", [f"{path} to {to.said}"], "The backlog becomes what it was there.", yes=yes)
    with connected(settings) as connection:
        to.seek(Subscriptions(connection), path)
    resources.sought(path, to.document, format)


app.add_typer(deliveries.app)
