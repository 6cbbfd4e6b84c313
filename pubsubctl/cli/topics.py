"""``pubsubctl topics``: with the flags of ``gcloud pubsub topics``."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.broker.naming import Kind, project_path
from pubsubctl.cli import topicflags
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

_Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="Its id, or its full name.")]
_Topics = Annotated[list[str], typer.Argument(metavar="TOPIC...", help="Ids, or full names.")]
_Subscriptions = Annotated[list[str], typer.Argument(metavar="SUBSCRIPTION...", help="Ids, or full names.")]
_Message = Annotated[str | None, typer.Option(metavar="TEXT", show_default=False, help="The data.")]
_MessageFile = Annotated[
    str | None, typer.Option(metavar="FILE", show_default=False, help="File that has the data; - is stdin.")
]
_Attributes = Annotated[
    list[str] | None, typer.Option("--attribute", metavar="KEY=VALUE,...", show_default=False, help="Attributes.")
]
_OrderingKey = Annotated[str, typer.Option(metavar="KEY", show_default=False, help="Ordering key.")]


@app.callback()
def topics() -> None:
    """Create, list, change and delete topics, and publish to them."""


@app.command(epilog="Example: pubsubctl topics create orders --message-retention-duration 7d")
@on_broker
@with_change(topicflags.CREATE)
def create(
    settings: "Settings",
    topics: _Topics,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Create topics."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.topics import Topics

    wanted = paths(Kind.TOPIC, topics, settings)
    with connected(settings) as connection:
        tried = each(wanted, lambda path: Topics(connection).create(path, change))
    resources.done("created", Kind.TOPIC, tried.done, format)
    report(tried)


@app.command("list", epilog="Example: pubsubctl topics list --format json")
@on_broker
def list_(
    settings: "Settings",
    limit: LimitOption = None,
    page_size: PageSizeOption = 0,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List the topics of a project."""
    from pubsubctl.broker import listing

    project = project_path(settings.project)
    with connected(settings) as connection:
        inventory.topics(first(limit, listing.topics(connection, project, page_size)), project, format)


@app.command(epilog="Example: pubsubctl topics describe orders")
@on_broker
def describe(
    settings: "Settings",
    topic: _Topic,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show all settings of a topic."""
    from pubsubctl.broker.topics import Topics

    path = one_path(Kind.TOPIC, topic, settings)
    with connected(settings) as connection:
        resources.one(Topics(connection).get(path), format)


@app.command(epilog="Example: pubsubctl topics update orders --update-labels team=shop")
@on_broker
@with_change(topicflags.UPDATE)
def update(
    settings: "Settings",
    topic: _Topic,
    change: "Change",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Change a topic.

    What no flag names stays as it is.
    """
    from pubsubctl.broker.topics import Topics

    path = one_path(Kind.TOPIC, topic, settings)
    check_asked(change)
    with connected(settings) as connection:
        content, changed = Topics(connection).update(path, change)
    resources.updated(Kind.TOPIC, content, format, changed=changed)


@app.command(epilog="Example: pubsubctl topics delete orders --yes")
@on_broker
def delete(
    settings: "Settings",
    topics: _Topics,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Delete topics. Their subscriptions stay, and get nothing more."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.topics import Topics

    doomed = paths(Kind.TOPIC, topics, settings)
    confirm("delete", doomed, "Subscriptions stay, and get nothing more.", yes=yes)
    with connected(settings) as connection:
        tried = each(doomed, Topics(connection).delete)
    resources.done("deleted", Kind.TOPIC, tried.done, format)
    report(tried)


@app.command(epilog="Example: pubsubctl topics publish orders --message hello --attribute a=1,b=2")
@on_broker
def publish(
    settings: "Settings",
    topic: _Topic,
    *,
    message: _Message = None,
    message_file: _MessageFile = None,
    attributes: _Attributes = None,
    ordering_key: _OrderingKey = "",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Publish a message, and print its id."""
    from pubsubctl.broker.messages import publish
    from pubsubctl.cli.publishing import outgoing
    from pubsubctl.render.messages import published

    path = one_path(Kind.TOPIC, topic, settings)
    sent = outgoing(message, message_file, attributes or [], ordering_key)
    with connected(settings) as connection:
        published(publish(connection, path, sent), format)


@app.command(epilog="Example: pubsubctl topics list-subscriptions orders")
@on_broker
def list_subscriptions(
    settings: "Settings",
    topic: _Topic,
    limit: LimitOption = None,
    page_size: PageSizeOption = 0,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List the subscriptions to a topic."""
    from pubsubctl.broker.topics import Topics

    path = one_path(Kind.TOPIC, topic, settings)
    with connected(settings) as connection:
        found = first(limit, Topics(connection).subscriptions(path, page_size))
        resources.names(found, format, f"no subscription is attached to {path}")


@app.command(epilog="Example: pubsubctl topics list-snapshots orders")
@on_broker
def list_snapshots(
    settings: "Settings",
    topic: _Topic,
    limit: LimitOption = None,
    page_size: PageSizeOption = 0,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List the snapshots of a topic."""
    from pubsubctl.broker.topics import Topics

    path = one_path(Kind.TOPIC, topic, settings)
    with connected(settings) as connection:
        found = first(limit, Topics(connection).snapshots(path, page_size))
        resources.names(found, format, f"{path} has no snapshots")


@app.command(epilog="Example: pubsubctl topics detach-subscription order-workers --yes")
@on_broker
def detach_subscription(
    settings: "Settings",
    subscriptions: _Subscriptions,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Take subscriptions off their topic, for ever. Their backlogs are lost."""
    from pubsubctl.broker.resources import each
    from pubsubctl.broker.subscriptions import Subscriptions

    doomed = paths(Kind.SUBSCRIPTION, subscriptions, settings)
    confirm("detach", doomed, "Backlogs are lost, and nothing attaches again.", yes=yes)
    with connected(settings) as connection:
        tried = each(doomed, Subscriptions(connection).detach)
    resources.done("detached", Kind.SUBSCRIPTION, tried.done, format)
    report(tried)
