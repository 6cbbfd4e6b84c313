"""``pubsubctl setup``: create what is missing, show what differs."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption, parsed, with_settings
from pubsubctl.render import setup as render
from pubsubctl.render.output import Format, note

if TYPE_CHECKING:
    from pubsubctl.broker.provision import Step, Wanted
    from pubsubctl.settings import Settings

app = new()

_Attempts = Annotated[int, typer.Option(min=5, max=100, help="Deliveries before the broker itself dead-letters.")]
_MinDelay = Annotated[str, typer.Option(metavar="DURATION", help="Least wait before a nacked message comes again.")]
_MaxDelay = Annotated[str, typer.Option(metavar="DURATION", help="Longest such wait.")]
_Retention = Annotated[str, typer.Option(metavar="DURATION", help="How long a message waits that nobody takes.")]
_Ordering = Annotated[bool, typer.Option("--enable-message-ordering", help="Keep the order of ordering keys.")]
_Once = Annotated[bool, typer.Option("--enable-exactly-once-delivery", help="Exactly-once delivery.")]
_Filter = Annotated[str, typer.Option(metavar="FILTER", help="Which messages the subscription takes.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
_ApplyDrift = Annotated[bool, typer.Option("--apply-drift", help="Repair what differs from what is asked for.")]


@app.command(
    epilog="Example: pubsubctl setup --topic orders --subscription order-workers --ack-deadline 120",
)
@with_settings("dead_letter_topic", "dead_letter_subscription", "ack_deadline")
def setup(
    settings: "Settings",
    *,
    max_delivery_attempts: _Attempts = 100,
    min_retry_delay: _MinDelay = "1s",
    max_retry_delay: _MaxDelay = "60s",
    message_retention_duration: _Retention = "31d",
    enable_message_ordering: _Ordering = False,
    enable_exactly_once_delivery: _Once = False,
    message_filter: _Filter = "",
    dry_run: _DryRun = False,
    apply_drift: _ApplyDrift = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Create the topics, subscriptions and store that jobs need. It may be run as often as you like."""
    from pubsubctl.broker.provision import Wanted

    wanted = Wanted(
        ack_deadline=settings.ack_deadline,
        max_delivery_attempts=max_delivery_attempts,
        min_retry_delay=parsed("min_retry_delay", min_retry_delay),
        max_retry_delay=parsed("max_retry_delay", max_retry_delay),
        message_retention_duration=parsed("message_retention_duration", message_retention_duration),
        enable_message_ordering=enable_message_ordering,
        enable_exactly_once_delivery=enable_exactly_once_delivery,
        message_filter=message_filter,
    )
    running = _broker_runs(settings, start=not dry_run)
    result = _provision(settings, wanted, dry_run=dry_run, repair=apply_drift) if running else _unasked(settings)
    render.show(result, format)
    if result.applied:
        note("next: `pubsubctl worker start APP`, and in another terminal `pubsubctl submit POST /path --wait`")


def _broker_runs(settings: "Settings", *, start: bool) -> bool:
    """Start the embedded emulator where it is the broker and none runs; False where that was not wanted."""
    if settings.broker != "embedded" or settings.emulator_host:
        return True
    from pubsubctl.emulator import daemon

    if daemon.find(settings.state):
        return True
    if start:
        running = daemon.start(settings.state)
        note(f"started the emulator at {running.address} (pid {running.pid}); `pubsubctl emulator stop` stops it")
    return start


def _provision(settings: "Settings", wanted: "Wanted", *, dry_run: bool, repair: bool) -> render.SetupResult:
    from pubsubctl.broker.connection import Connection
    from pubsubctl.broker.provision import Provisioner
    from pubsubctl.store.opening import open_store

    with Connection(settings) as connection:
        connection.check()
        provisioner = Provisioner(connection, settings, wanted)
        plan = provisioner.plan()
        steps = plan.steps if dry_run else list(provisioner.apply(plan, repair_drift=repair))
        if not dry_run:
            open_store(settings.store_url).close()
        address = connection.address
    return render.SetupResult(
        address.kind, address.place, settings.store_url, list(map(_shown, steps)), applied=not dry_run, repaired=repair
    )


def _shown(step: "Step") -> render.SetupStep:
    return render.SetupStep(step.kind, step.name, str(step.action), step.differences)


def _unasked(settings: "Settings") -> render.SetupResult:
    """The plan where the emulator does not run: without its message log nothing exists, else nobody can tell."""
    action = "check" if settings.state.broker_db.exists() else "create"
    named = (
        ("topic", settings.topic_path),
        ("topic", settings.dead_letter_topic_path),
        ("subscription", settings.dead_letter_subscription_path),
        ("subscription", settings.subscription_path),
    )
    steps = [render.SetupStep(kind, name, action) for kind, name in named]
    return render.SetupResult(settings.broker, None, settings.store_url, steps, applied=False, repaired=False)
