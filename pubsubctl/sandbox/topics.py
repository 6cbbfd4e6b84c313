"""Topics and subscriptions of a sandbox's own, whose names nobody else has; made, and deleted again."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

from pubsubctl.broker import subscriptions, topics
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Step, Wanted
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


class Topics:
    """The topics and subscriptions that settings name.

    Args:
        settings: as ``named`` makes them.
        tell: is told which could not be deleted, and why.
    """

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._tried: list[Step] = []

    def make(self) -> None:
        """Make them.

        Raises:
            BrokerUnreachable: no answer.
            BrokerError: the broker refused.
        """
        with Connection(self._settings) as connection:
            connection.check()
            provisioner = Provisioner(connection, self._settings, Wanted())
            plan = provisioner.plan()
            applied = provisioner.apply(plan)
            for step in plan.steps:
                self._tried.append(step)  # before it is: whatever comes of it, it may be there
                next(applied)

    def delete(self) -> None:
        """Delete those of them that there are, subscriptions before their topics."""
        left: list[str] = []
        reason, away = "", False
        with Connection(self._settings) as connection:
            for step in reversed(self._tried):
                try:
                    if not away:
                        _delete(connection, step)
                        continue
                except BrokerError as error:
                    reason = str(error)
                except BrokerUnreachable as error:
                    reason, away = str(error), True  # it is asked no more: each try takes its time
                left.append(step.name)
        if left:
            self._tell(f"could not delete {', '.join(left)} ({reason})")


def _delete(connection: Connection, step: Step) -> None:
    kind = topics.Topics(connection) if step.kind == "topic" else subscriptions.Subscriptions(connection)
    with contextlib.suppress(ResourceNotFound):
        kind.delete(step.name)
