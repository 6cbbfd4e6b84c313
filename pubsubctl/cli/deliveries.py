"""The commands of ``pubsubctl subscriptions`` on single messages: pull, ack, nack, and more time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.broker.naming import Kind
from pubsubctl.cli.app import new
from pubsubctl.cli.lists import listed
from pubsubctl.cli.options import FormatOption
from pubsubctl.cli.readers import parsed, whole_seconds
from pubsubctl.cli.resources import at_least, connected, on_broker, one_path
from pubsubctl.errors import BrokerError, UsageError
from pubsubctl.render import messages as render
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.broker.connection import Connection
    from pubsubctl.settings import Settings

app = new()

_EXAMPLE = "Example: pubsubctl subscriptions {} order-workers --ack-ids RUFeQBJMJAxESVM --ack-deadline 60"

_Subscription = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Its id, or its full name.")]
_AckIds = Annotated[
    list[str], typer.Option("--ack-ids", metavar="ACK_ID,...", help="What `pull` shows as ack id of each message.")
]
_AckDeadline = Annotated[
    str, typer.Option(metavar="SECONDS", help="From now on, 0 to 600; 0 gives the messages back at once.")
]
_AutoAck = Annotated[bool, typer.Option("--auto-ack/--no-auto-ack", help="Acknowledge what is shown.")]
_Limit = Annotated[int, typer.Option("--limit", callback=at_least(1), metavar="N", help="Show at most so many.")]
_WaitTimeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the first message.")]


@app.command(epilog="Example: pubsubctl subscriptions pull order-workers --limit 10 --auto-ack")
@on_broker
def pull(
    settings: "Settings",
    subscription: _Subscription,
    *,
    auto_ack: _AutoAck = False,
    limit: _Limit = 1,
    wait_timeout: _WaitTimeout = "5s",
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show messages of a subscription.

    There may be more than are shown. Without --auto-ack they come again when the ack deadline is over.
    """
    from pubsubctl.broker import messages

    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    wait_s = parsed("wait_timeout", wait_timeout, whole_seconds(0, 3600))
    with connected(settings) as connection:
        received = messages.pull(connection, path, limit, wait_s=wait_s)
        if auto_ack and received:
            received = messages.auto_acknowledged(connection, path, received)
    render.show(received, format)


@app.command(epilog="Example: pubsubctl subscriptions ack order-workers --ack-ids RUFeQBJMJAxESVM")
@on_broker
def ack(
    settings: "Settings",
    subscription: _Subscription,
    ack_ids: _AckIds,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Acknowledge messages."""
    from pubsubctl.broker import messages

    _act(settings, subscription, _Deed("acknowledged", messages.acknowledge), ack_ids, format)


@app.command(epilog="Example: pubsubctl subscriptions nack order-workers --ack-ids RUFeQBJMJAxESVM")
@on_broker
def nack(
    settings: "Settings",
    subscription: _Subscription,
    ack_ids: _AckIds,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Give messages back, to be delivered again."""
    from pubsubctl.broker import messages

    _act(settings, subscription, _Deed("given back", messages.give_back), ack_ids, format)


@app.command(epilog=_EXAMPLE.format("modify-message-ack-deadline"))
@app.command("modify-ack-deadline", hidden=True, epilog=_EXAMPLE.format("modify-ack-deadline"))
@on_broker
def modify_message_ack_deadline(
    settings: "Settings",
    subscription: _Subscription,
    ack_ids: _AckIds,
    ack_deadline: _AckDeadline,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Take more time for messages, or less."""
    from pubsubctl.broker import messages

    seconds = parsed("ack_deadline", ack_deadline, whole_seconds(0, 600))
    modify = partial(messages.modify_ack_deadline, ack_deadline_s=seconds)
    _act(settings, subscription, _Deed(f"due in {seconds} s", modify), ack_ids, format)


@dataclass(frozen=True)
class _Deed:
    """What is done with deliveries, in words and as a call that says which could not be confirmed, and why."""

    said: str
    call: "Callable[[Connection, str, Sequence[str]], Mapping[str, str]]"


def _act(settings: "Settings", subscription: str, deed: _Deed, ack_ids: Sequence[str], form: Format) -> None:
    path = one_path(Kind.SUBSCRIPTION, subscription, settings)
    ids = list(dict.fromkeys(parsed("ack_ids", list(ack_ids), listed)))
    if not ids:
        raise UsageError("--ack-ids has no id; `pubsubctl subscriptions pull` shows them")
    with connected(settings) as connection:
        failed = deed.call(connection, path, ids)
    render.acted(path, deed.said, [one for one in ids if one not in failed], failed, form)
    if failed:
        raise BrokerError(f"{len(failed)} of {len(ids)} could not be {deed.said}")
