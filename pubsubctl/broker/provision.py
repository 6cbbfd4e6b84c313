"""The topics and subscriptions that pubsubctl needs: what there is, what is missing, what differs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from google.api_core import exceptions
from google.pubsub_v1 import types

from pubsubctl.broker import admin
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import SOURCE_SUBSCRIPTION, returned_path
from pubsubctl.broker.refusals import translated
from pubsubctl.settings import Settings

_DAY = 86400
LONGEST_RETENTION_S = 31 * _DAY
"""The most that Pub/Sub keeps a message. Google's emulator knows only ``USUAL_RETENTION_S``."""
USUAL_RETENTION_S = 7 * _DAY


@dataclass(frozen=True)
class Wanted:
    """How the subscription that workers pull from should be, beside its names. Durations are in seconds.

    Attributes:
        ack_deadline: for plain pulls; a worker's stream sets its own.
        max_delivery_attempts: of the broker's own dead-letter policy, which is only a backstop behind the
            worker's: every nack and every lapsed lease counts there.
        min_retry_delay: of the retry policy, as ``max_retry_delay``.
    """

    ack_deadline: int = 60
    max_delivery_attempts: int = 100
    min_retry_delay: float = 1.0
    max_retry_delay: float = 60.0
    message_retention_duration: float = LONGEST_RETENTION_S
    enable_message_ordering: bool = False
    enable_exactly_once_delivery: bool = False
    message_filter: str = ""


class Action(StrEnum):
    """What a step of a plan does."""

    CREATE = "create"
    EXISTS = "exists"
    UPDATE = "update"  # it differs, and can be changed
    DIFFERS = "differs"  # it differs in what can never be changed


@dataclass(frozen=True)
class Step:
    """One resource of a plan.

    Attributes:
        kind: ``topic`` or ``subscription``.
        name: its full name.
        differences: for each field that differs, what it is and what it should be.
    """

    kind: str
    name: str
    action: Action
    differences: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What setup would do, in order."""

    steps: list[Step]

    @property
    def changes(self) -> bool:
        """Whether anything is to be created."""
        return any(step.action is Action.CREATE for step in self.steps)

    @property
    def drift(self) -> list[Step]:
        """What exists and differs from what is wanted."""
        return [step for step in self.steps if step.action in (Action.UPDATE, Action.DIFFERS)]


class Provisioner:
    """Plans and applies; both may be repeated, and two may run at once.

    Args:
        connection: the broker.
        settings: the names.
        wanted: how the subscription that workers pull from should be.
        compared: what of an existing subscription is compared with that, and repaired: fields of ``Wanted`` by name,
            and ``dead_letter_topic``. What must be so in any case always is: its topic, that it never expires, and
            that it has a dead-letter policy. None: everything.
    """

    def __init__(
        self, connection: Connection, settings: Settings, wanted: Wanted, compared: frozenset[str] | None = None
    ) -> None:
        self._connection = connection
        self._compared = compared
        self._topics = wanted_topics(settings)
        self._subscriptions = wanted_subscriptions(settings, wanted)

    def plan(self) -> Plan:
        """Compare what there is with what is wanted; nothing is changed.

        Raises:
            BrokerUnreachable: no answer.
            BrokerError: the broker refused to tell.
        """
        with translated(self._connection):
            return Plan([*map(self._topic_step, self._topics), *map(self._subscription_step, self._subscriptions)])

    def apply(self, plan: Plan, *, repair_drift: bool = False) -> Iterator[Step]:
        """Carry a plan out; yields each step as it is done. What was created meanwhile counts as done.

        Raises:
            BrokerUnreachable: no answer.
            BrokerError: the broker refused.
        """
        wanted = {subscription.name: subscription for subscription in self._subscriptions}
        for step in plan.steps:
            with translated(self._connection):
                if step.action is Action.CREATE:
                    self._create(step, wanted)
                elif step.action is Action.UPDATE and repair_drift:
                    self._update(wanted[step.name], list(step.differences))
            yield step

    def _topic_step(self, name: str) -> Step:
        try:
            admin.get_topic(self._connection, name)
        except exceptions.NotFound:
            return Step("topic", name, Action.CREATE)
        return Step("topic", name, Action.EXISTS)

    def _subscription_step(self, wanted: types.Subscription) -> Step:
        try:
            found = admin.get_subscription(self._connection, wanted.name)
        except exceptions.NotFound:
            return Step("subscription", wanted.name, Action.CREATE)
        target = self._target(found, wanted)
        differences = {name: shown for name in _COMPARED if (shown := _difference(name, found, target))}
        if not differences:
            return Step("subscription", wanted.name, Action.EXISTS)
        fixed = any(name in _IMMUTABLE for name in differences)
        return Step("subscription", wanted.name, Action.DIFFERS if fixed else Action.UPDATE, differences)

    def _create(self, step: Step, wanted: dict[str, types.Subscription]) -> None:
        try:
            if step.kind == "topic":
                admin.create_topic(self._connection, step.name)
            else:
                self._create_subscription(wanted[step.name])
        except exceptions.AlreadyExists:
            return  # somebody else's setup was quicker

    def _create_subscription(self, wanted: types.Subscription) -> None:
        try:
            admin.create_subscription(self._connection, wanted)
        except exceptions.InvalidArgument as error:
            usual = types.Subscription(wanted, message_retention_duration=_seconds(USUAL_RETENTION_S))
            if "retention" not in str(error) or usual == wanted:
                raise
            admin.create_subscription(self._connection, usual)

    def _update(self, wanted: types.Subscription, paths: list[str]) -> None:
        found = admin.get_subscription(self._connection, wanted.name)
        admin.update_subscription(self._connection, self._target(found, wanted), paths)

    def _target(self, found: types.Subscription, wanted: types.Subscription) -> types.Subscription:
        """What an existing subscription should become: as it is in all that is not compared."""
        if self._compared is None:
            return wanted
        target = types.Subscription(found)
        target.topic, target.expiration_policy = wanted.topic, wanted.expiration_policy
        if "dead_letter_policy" not in wanted:
            return target  # those of the dead letters, for which there are no options
        for policy in ("dead_letter_policy", "retry_policy"):
            asked = policy == "dead_letter_policy" or any(_FIELDS[name].startswith(policy) for name in self._compared)
            if asked and policy not in found:
                setattr(target, policy, getattr(wanted, policy))
        for name in self._compared:
            *parents, last = _FIELDS[name].split(".")
            of, to = wanted, target
            for parent in parents:
                of, to = getattr(of, parent), getattr(to, parent)
            setattr(to, last, getattr(of, last))
        return target


def wanted_topics(settings: Settings) -> list[str]:
    """The full names of the topics that there should be."""
    return [settings.topic_path, settings.dead_letter_topic_path]


def wanted_subscriptions(settings: Settings, wanted: Wanted) -> list[types.Subscription]:
    """The subscriptions as they should be, in the order in which they are made."""
    return [
        _dead_letter_subscription(settings),
        _returned_subscription(settings),
        _work_subscription(settings, wanted),
    ]


def _work_subscription(settings: Settings, wanted: Wanted) -> types.Subscription:
    return types.Subscription(
        name=settings.subscription_path,
        topic=settings.topic_path,
        ack_deadline_seconds=wanted.ack_deadline,
        message_retention_duration=_seconds(wanted.message_retention_duration),
        expiration_policy={},  # without a ttl: never; the default forgets an idle subscription after 31 days
        enable_message_ordering=wanted.enable_message_ordering,
        enable_exactly_once_delivery=wanted.enable_exactly_once_delivery,
        filter=wanted.message_filter,
        dead_letter_policy={
            "dead_letter_topic": settings.dead_letter_topic_path,
            "max_delivery_attempts": wanted.max_delivery_attempts,
        },
        retry_policy={
            "minimum_backoff": _seconds(wanted.min_retry_delay),
            "maximum_backoff": _seconds(wanted.max_retry_delay),
        },
    )


def _dead_letter_subscription(settings: Settings) -> types.Subscription:
    """What other consumers and people pull from."""
    return _dead_letters(settings, settings.dead_letter_subscription_path)


def _returned_subscription(settings: Settings) -> types.Subscription:
    """What workers pull from: of the dead letters those that the broker itself has given up."""
    return _dead_letters(settings, returned_path(settings), f"attributes:{SOURCE_SUBSCRIPTION}")


def _dead_letters(settings: Settings, name: str, message_filter: str = "") -> types.Subscription:
    return types.Subscription(
        name=name,
        topic=settings.dead_letter_topic_path,
        ack_deadline_seconds=60,
        message_retention_duration=_seconds(LONGEST_RETENTION_S),
        expiration_policy={},
        filter=message_filter,
    )


_FIELDS = {
    "ack_deadline": "ack_deadline_seconds",
    "max_delivery_attempts": "dead_letter_policy.max_delivery_attempts",
    "dead_letter_topic": "dead_letter_policy.dead_letter_topic",
    "min_retry_delay": "retry_policy.minimum_backoff",
    "max_retry_delay": "retry_policy.maximum_backoff",
    "message_retention_duration": "message_retention_duration",
    "enable_message_ordering": "enable_message_ordering",
    "enable_exactly_once_delivery": "enable_exactly_once_delivery",
    "message_filter": "filter",
}
COMPARABLE = frozenset(_FIELDS)
"""What ``Provisioner`` may be told to compare."""

_IMMUTABLE = frozenset({"topic", "enable_message_ordering", "filter"})
_COMPARED: tuple[str, ...] = (
    "topic",
    "ack_deadline_seconds",
    "enable_message_ordering",
    "enable_exactly_once_delivery",
    "filter",
    "dead_letter_policy",
    "retry_policy",
    "message_retention_duration",
    "expiration_policy",
)


def _difference(name: str, found: types.Subscription, wanted: types.Subscription) -> tuple[str, str] | None:
    is_now, should_be = _shown(name, getattr(found, name)), _shown(name, getattr(wanted, name))
    if name == "message_retention_duration" and is_now == _period(USUAL_RETENTION_S):
        return None  # as much as some brokers allow
    return None if is_now == should_be else (is_now, should_be)


def _shown(name: str, value: Any) -> str:
    if name == "message_retention_duration":
        return _period(value.total_seconds())
    if name == "expiration_policy":
        return _period(value.ttl.total_seconds()) if value and value.ttl else "never"
    if name == "dead_letter_policy":
        return f"{value.dead_letter_topic}, {value.max_delivery_attempts} attempts" if value else "none"
    if name == "retry_policy":
        if not value:
            return "none"
        least, most = (back.total_seconds() if back else 0.0 for back in (value.minimum_backoff, value.maximum_backoff))
        return f"{_period(least)} to {_period(most)}"
    return str(value)


def _period(seconds: float) -> str:
    days, rest = divmod(seconds, _DAY)
    if days and not rest:
        return f"{days:.0f} days" if days > 1 else "1 day"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _seconds(seconds: float) -> dict[str, int]:
    return {"seconds": int(seconds), "nanos": round(seconds % 1 * 1e9)}
