"""Topics and subscriptions of a sandbox's own, whose names nobody else has; made, and deleted again."""

import os
from collections.abc import Callable
from dataclasses import replace

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import returned_path
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.broker.subscriptions import Subscriptions
from pubsubctl.broker.topics import Topics
from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound
from pubsubctl.settings import Settings

PREFIX = "pubsubctl-bench"


def named(settings: Settings) -> Settings:
    """The settings with new names."""
    name = f"{PREFIX}-{os.urandom(6).hex()}"
    keys = ("topic", "subscription", "dead_letter_topic", "dead_letter_subscription")
    return replace(
        settings,
        topic=name,
        subscription=name,
        dead_letter_topic=f"{name}-dead",
        dead_letter_subscription=f"{name}-dead",
        sources={**settings.sources, **dict.fromkeys(keys, "the sandbox")},
    )


def make(settings: Settings) -> None:
    """Make them.

    Raises:
        BrokerUnreachable: no answer.
        BrokerError: the broker refused.
    """
    with Connection(settings) as connection:
        connection.check()
        provisioner = Provisioner(connection, settings, Wanted())
        for _ in provisioner.apply(provisioner.plan()):
            pass


def delete(settings: Settings, tell: Callable[[str], None]) -> None:
    """Delete those of them that there are; ``tell`` is told which could not be deleted, and why."""
    left: list[str] = []
    reason = ""
    with Connection(settings) as connection:
        for path, remove in _removals(settings, connection):
            if left and reason.startswith("away"):
                left.append(path)
                continue
            try:
                remove(path)
            except ResourceNotFound:
                pass
            except BrokerUnreachable as error:
                left, reason = [*left, path], f"away: {error}"  # it is asked no more: each try takes its time
            except BrokerError as error:
                left, reason = [*left, path], str(error)
    if left:
        tell(f"could not delete {', '.join(left)} ({reason})")


def _removals(settings: Settings, connection: Connection) -> list[tuple[str, Callable[[str], object]]]:
    subscriptions, topics = Subscriptions(connection), Topics(connection)
    return [
        (settings.subscription_path, subscriptions.delete),
        (returned_path(settings), subscriptions.delete),
        (settings.dead_letter_subscription_path, subscriptions.delete),
        (settings.topic_path, topics.delete),
        (settings.dead_letter_topic_path, topics.delete),
    ]
