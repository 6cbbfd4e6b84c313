"""Topics and subscriptions: what is missing, what differs, what would expire, where dead letters would be lost."""

from collections.abc import Callable, Iterator
from functools import partial

from pubsubctl.broker import iam
from pubsubctl.broker.access import grant
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import returned_path
from pubsubctl.broker.provision import Action, Plan, Provisioner, Step, Wanted
from pubsubctl.broker.refusals import translated
from pubsubctl.cloud.grants import is_service_agent, of_service_agent
from pubsubctl.doctor.finding import Finding, note, ok, wrong
from pubsubctl.errors import AccessDenied
from pubsubctl.settings import Settings

_SETUP = "pubsubctl setup"
_REPAIR = "pubsubctl setup --apply-drift"


def resources(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """What ``setup`` makes, as it is."""
    provisioner = Provisioner(connection, settings, Wanted(ack_deadline=settings.ack_deadline), frozenset())
    try:
        steps = provisioner.plan().steps
    except AccessDenied as error:  # whoever only submits, or works, need not see what setup makes
        yield note("topic", f"topics and subscriptions cannot be seen: {str(error).partition('; ')[0]}")
        return
    for step in steps:
        yield _of(step, partial(_carry_out, provisioner, Plan([step])))


def are_there(connection: Connection, settings: Settings) -> bool:
    """Whether there is all that ``setup`` makes, as far as that can be seen."""
    provisioner = Provisioner(connection, settings, Wanted(), frozenset())
    try:
        return not provisioner.plan().changes
    except AccessDenied:
        return True


def permissions(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """What whoever asks may do: each command needs some of it, none all."""
    needed = (
        (settings.topic_path, ("pubsub.topics.publish",), "to submit, and for workers to publish retries"),
        (settings.subscription_path, ("pubsub.subscriptions.consume", "pubsub.subscriptions.get"), "for workers"),
        (settings.dead_letter_topic_path, ("pubsub.topics.publish", "pubsub.topics.get"), "for workers' dead letters"),
        (returned_path(settings), ("pubsub.subscriptions.consume",), "for workers, what the broker gave up"),
    )
    for resource, wanted, why in needed:
        lacking = iam.missing(connection, resource, wanted)
        if not lacking:
            yield ok("permission", f"{', '.join(wanted)} on {resource}")
        member = connection.identity.member if connection.identity else "user:YOUR-EMAIL"
        for permission in lacking:
            text = f"{permission} on {resource} is missing, which is needed {why}"
            yield note("permission", text, grant(permission, resource, member))


def service_agent(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether Pub/Sub itself may move to the dead letters what it gives up: without that it is delivered for ever."""
    for wanted in of_service_agent(settings, ""):
        what = f"{wanted.role} on {wanted.resource}"
        try:
            found = iam.members(connection, wanted.resource, wanted.role)
        except AccessDenied:
            yield note("service agent", f"whether Pub/Sub itself has {what} cannot be seen from here")
            continue
        if any(map(is_service_agent, found)):
            yield ok("service agent", f"Pub/Sub itself has {what}")
        else:
            text = f"Pub/Sub itself has no {what} by its policy, and cannot move dead letters"
            yield note("service agent", text, _SETUP)


def lost_dead_letters(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether the dead letters of the subscription go where nobody keeps them."""
    try:
        with translated(connection):
            found = connection.subscriber.get_subscription(subscription=settings.subscription_path)
            topic = found.dead_letter_policy.dead_letter_topic
            if topic and topic != settings.dead_letter_topic_path:
                if list(connection.publisher.list_topic_subscriptions(topic=topic)):
                    return
                text = f"{topic} has no subscription: what the broker dead-letters is lost"
                yield wrong("dead letters", text, f"pubsubctl subscriptions create NAME --topic {topic}")
    except AccessDenied:
        return
    if not topic:
        yield wrong("dead letters", "what the broker gives up is delivered for ever: no policy", _REPAIR)


def _carry_out(provisioner: Provisioner, plan: Plan) -> None:
    for _ in provisioner.apply(plan, repair_drift=True):
        pass


def _of(step: Step, fix: Callable[[], None]) -> Finding:
    if step.action is Action.EXISTS:
        return ok(step.kind, step.name)
    if step.action is Action.CREATE:
        return wrong(step.kind, f"{step.name} is missing", _SETUP, fix)
    differences = step.differences.items()
    shown = "; ".join(
        f"{name} is {was or 'empty'}, should be {wanted or 'empty'}" for name, (was, wanted) in differences
    )
    if step.action is Action.UPDATE:
        return wrong(step.kind, f"{step.name}: {shown}", _REPAIR, fix)
    return wrong(step.kind, f"{step.name}: {shown}, which can never be changed", "delete it, or name another")
