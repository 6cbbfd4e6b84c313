"""``pubsubctl setup``: create what is missing, show what differs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, parsed, with_settings
from pubsubctl.cloud.parts import Part
from pubsubctl.errors import BrokerError
from pubsubctl.render import setup as render
from pubsubctl.render.output import Format, commands, note

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()


class Language(StrEnum):
    """What a plan may be printed as."""

    GCLOUD = "gcloud"
    TERRAFORM = "terraform"


_Attempts = Annotated[
    int | None,
    typer.Option(
        min=5,
        max=100,
        metavar="N",
        show_default=False,
        help="Deliveries before the broker itself dead-letters; 100 unless given.",
    ),
]
_MinDelay = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION", show_default=False, help="Least wait before a nacked message comes again; 1s unless given."
    ),
]
_MaxDelay = Annotated[
    str | None, typer.Option(metavar="DURATION", show_default=False, help="Longest such wait; 60s unless given.")
]
_Retention = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION", show_default=False, help="How long a message waits that nobody takes; 31d unless given."
    ),
]
_Ordering = Annotated[bool, typer.Option("--enable-message-ordering", help="Keep the order of ordering keys.")]
_Once = Annotated[bool, typer.Option("--enable-exactly-once-delivery", help="Exactly-once delivery.")]
_Filter = Annotated[
    str | None, typer.Option(metavar="FILTER", show_default=False, help="Which messages the subscription takes.")
]
_Account = Annotated[
    str | None,
    typer.Option(
        "--service-account",
        metavar="NAME|EMAIL",
        show_default=False,
        help="Create it in the cloud, with the roles that jobs need.",
    ),
]
_For = Annotated[
    list[Part] | None,
    typer.Option("--for", metavar="submitter|worker", help="What that account does; both unless given; repeatable."),
]
_KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", show_default=False, help="Make a key of that account, in a new file."),
]
_Print = Annotated[
    Language | None,
    typer.Option("--print", metavar="gcloud|terraform", help="Print the plan so, and ask nobody."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
_ApplyDrift = Annotated[bool, typer.Option("--apply-drift", help="Repair what differs from what is asked for.")]


@app.command(
    epilog="Example: pubsubctl setup --subscription order-workers --ack-deadline 120",
)
@with_settings("dead_letter_topic", "dead_letter_subscription", "ack_deadline")
def setup(
    settings: "Settings",
    *,
    max_delivery_attempts: _Attempts = None,
    min_retry_delay: _MinDelay = None,
    max_retry_delay: _MaxDelay = None,
    message_retention_duration: _Retention = None,
    enable_message_ordering: _Ordering = False,
    enable_exactly_once_delivery: _Once = False,
    message_filter: _Filter = None,
    service_account: _Account = None,
    roles_for: _For = None,
    key_file: _KeyFile = None,
    printed: _Print = None,
    dry_run: _DryRun = False,
    apply_drift: _ApplyDrift = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Create the topics, subscriptions and store that jobs need. It may be run as often as you like.

    In the cloud Pub/Sub itself also gets the roles that it needs to move dead letters.

    Of a subscription that exists, what is asked for here is compared, and what jobs rely on; the rest is left as it is.
    """
    from pubsubctl.cli.provisioning import asked_account, print_plan, provision, unasked

    options: dict[str, Any] = {
        "max_delivery_attempts": max_delivery_attempts,
        "min_retry_delay": _seconds("min_retry_delay", min_retry_delay),
        "max_retry_delay": _seconds("max_retry_delay", max_retry_delay),
        "message_retention_duration": _seconds("message_retention_duration", message_retention_duration),
        "enable_message_ordering": enable_message_ordering or None,
        "enable_exactly_once_delivery": enable_exactly_once_delivery or None,
        "message_filter": message_filter,
    }
    options = {name: value for name, value in options.items() if value is not None}
    account = asked_account(settings, service_account, roles_for, key_file)
    if printed is not None:
        print_plan(settings, options, account, printed)
        return
    running = _broker_runs(settings, start=not dry_run)
    made = provision(settings, options, account, dry_run=dry_run, repair=apply_drift) if running else unasked(settings)
    result = made.result
    render.show(result, format)
    for step in result.steps:
        if step.action == "differs":
            dead = step.name == settings.dead_letter_subscription_path
            option = "--dead-letter-subscription" if dead else "--subscription"
            raise BrokerError(
                f"{step.kind} {step.name} exists and can never become what is asked for; "
                f"delete it, or name another with {option}"
            )
    left = [grant for grant in result.grants if grant.action == "left"]
    for reason in dict.fromkeys(grant.reason for grant in left):
        note(f"not granted: {reason}")
    if left:
        note("somebody who may grant roles can run:")
        commands(*(grant.command for grant in left))
    if made.failure is not None:
        raise made.failure
    if result.store_left:
        note("the store is there; for its indexes and its TTL policy, once for a database:")
        commands(*result.store_left)
    if result.applied:
        note("next:")
        commands("pubsubctl worker start APP")
        note("and in another terminal:")
        commands("pubsubctl submit POST /path --wait")


def _seconds(option: str, value: str | None) -> float | None:
    return None if value is None else parsed(option, value)


def _broker_runs(settings: "Settings", *, start: bool) -> bool:
    """Start the emulator where one is the broker and none runs; False where that was not wanted."""
    if settings.broker == "cloud" or settings.emulator_host:
        return True
    from pubsubctl.emulator import daemon

    if daemon.find(settings.state):
        return True
    if start:
        running = daemon.start(settings.state, broker=settings.broker)
        note(f"started the emulator at {running.address} (pid {running.pid}); to stop it:")
        commands("pubsubctl emulator stop")
        if running.kind.caution:
            note(running.kind.caution)
    return start
