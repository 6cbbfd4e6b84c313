"""The topics and subscriptions of a run: made one after another, remembered, and deleted again."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from google.api_core.exceptions import AlreadyExists

from pubsubctl.broker.change import Change
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Action, Provisioner, Wanted
from pubsubctl.broker.subscriptions import Subscriptions
from pubsubctl.broker.topics import Topics
from pubsubctl.errors import BrokerError, PubsubctlError, ResourceNotFound, Unreachable
from pubsubctl.names import short
from pubsubctl.sandbox.interrupts import deferred
from pubsubctl.settings import Settings
from smoking.inventory import ACK_DEADLINE_S, Inventory


class Thing(NamedTuple):
    """Something that was made, or may have been.

    Attributes:
        kind: ``topic`` or ``subscription``.
        path: its full name.
    """

    kind: str
    path: str

    @property
    def command(self) -> str:
        """What deletes it by hand."""
        return f"gcloud pubsub {self.kind}s delete {short(self.path)} --project={self.path.split('/')[1]}"


class Belongings:
    """What is ours in the project.

    Args:
        connection: the broker.
        settings: those of the jobs.
        inventory: what there is to be beside the jobs' own.

    Attributes:
        things: what was made, or may have been.
        failures: why something could not be deleted.
    """

    def __init__(self, connection: Connection, settings: Settings, inventory: Inventory) -> None:
        self._connection = connection
        self._settings = settings
        self._inventory = inventory
        self._topics, self._subscriptions = Topics(connection), Subscriptions(connection)
        self.things: list[Thing] = []
        self.failures: list[str] = []

    def make(self) -> None:
        """Make all of them, those that jobs need as `pubsubctl setup` does.

        Raises:
            BrokerUnreachable: no answer.
            BrokerError: the broker refused, or one of them is there already.
        """
        provisioner = Provisioner(self._connection, self._settings, Wanted(ack_deadline=ACK_DEADLINE_S))
        plan = provisioner.plan()
        for step in plan.steps:
            if step.action is not Action.CREATE:
                raise BrokerError(f"{step.name} is there already, and is somebody else's; run this again")
        applied = provisioner.apply(plan)
        for step in plan.steps:
            self._make(Thing(step.kind, step.name), lambda: next(applied))
        for box in self._inventory.boxes:
            self._make(Thing("topic", box.topic), partial(self._topics.create, box.topic, Change()))
            change = Change({"topic": box.topic, **box.values})
            make = partial(self._subscriptions.create, box.subscription, change)
            self._make(Thing("subscription", box.subscription), make)

    def delete(self) -> list[Thing]:
        """Delete them, subscriptions before their topics; returns those that could not be deleted.

        What is gone already is as it should be. A broker that is away is asked no more: each try takes its time.
        """
        left: list[Thing] = []
        away = False
        for thing in reversed(self.things):
            try:
                if not away:
                    self._delete(thing)
                    continue
            except PubsubctlError as error:
                self.failures.append(str(error))
                away = isinstance(error, Unreachable)
            left.append(thing)
        return left

    def _delete(self, thing: Thing) -> None:
        try:
            (self._topics if thing.kind == "topic" else self._subscriptions).delete(thing.path)
        except ResourceNotFound:
            return

    def _make(self, thing: Thing, make: Callable[[], object]) -> None:
        """Make one, as a whole: half of it could be left behind. It is ours before we know that it is there."""
        with deferred():
            self.things.append(thing)
            try:
                make()
            except BrokerError as error:
                if isinstance(error.__cause__, AlreadyExists):
                    return  # the first try had made it; no name of this run's was there before
                self.things.remove(thing)  # refused: nothing was made
                raise
