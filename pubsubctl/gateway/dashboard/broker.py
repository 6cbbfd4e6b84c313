"""What there is at the broker, and a look at some messages of a subscription."""

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from flask import Blueprint, render_template, request

from pubsubctl import names
from pubsubctl.broker import listing, messages
from pubsubctl.broker.connection import Connection, answers
from pubsubctl.broker.naming import project_path
from pubsubctl.errors import BrokerError, BrokerUnreachable, PubsubctlError
from pubsubctl.gateway.dashboard.board import Board
from pubsubctl.gateway.dashboard.bodies import Preview, preview
from pubsubctl.gateway.dashboard.words import cut
from pubsubctl.render.figures import plural
from pubsubctl.render.secrets import masked

_LISTED = 200
_PEEKED = 5
_PEEKED_BYTES = 1 << 20
_DATA_SHOWN = 4096
_VALUE = 500
_WAIT_S = 1.0
_ANSWER_S = 0.5
_TURN_S = 1.0
"""How long a page waits until it may ask."""


@dataclass(frozen=True)
class Subscription:
    """A subscription as it is shown; ``backlog`` is None where nobody knows."""

    path: str
    name: str
    topic: str
    delivery: str
    ack_deadline_s: int
    dead_letters_to: str
    attempts: int
    backlog: int | None
    can_peek: bool


@dataclass(frozen=True)
class Peeked:
    """A message that was looked at."""

    message_id: str
    published: str
    ordering_key: str
    attempt: int
    attributes: Sequence[tuple[str, str]]
    data: Preview


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/broker", "broker", partial(_broker, board))
    blueprint.add_url_rule("/broker/peek", "peek", partial(_peek, board), methods=["POST"])


def _broker(board: Board) -> str:
    return render_template("dashboard/broker.html", **_found(board))


def _peek(board: Board) -> str:
    path = names.subscription_path(board.settings.project, request.form.get("subscription", ""))
    found: list[Peeked] = []
    trouble = ""
    try:
        with _connected(board) as connection:
            pulled, kept = _pulled(connection, path)
        found = [_peeked(one) for one in pulled]
        if kept:
            trouble = f"{plural(kept, 'message')} could not be given back: they come again after their ack deadline."
    except PubsubctlError as error:
        trouble = str(error)
    return render_template("dashboard/peek.html", path=path, messages=found, trouble=trouble, most=_PEEKED)


def _found(board: Board) -> dict[str, Any]:
    """What the broker has, as far as it tells; what it does not tell is said in its place."""
    told: dict[str, Any] = {"topics": [], "subscriptions": [], "topics_trouble": "", "subscriptions_trouble": ""}
    project = project_path(board.settings.project)
    told["project"] = project
    told["most"] = _LISTED
    found: list[Mapping[str, Any]] = []
    try:
        with _connected(board) as connection:
            told |= {"trouble": "", "place": connection.place, "kind": connection.address.kind}
            try:
                told["topics"] = [_topic(one) for one in islice(listing.topics(connection, project), _LISTED)]
            except BrokerError as error:
                told["topics_trouble"] = str(error)
            try:
                found = list(islice(listing.subscriptions(connection, project), _LISTED))
            except BrokerError as error:
                told["subscriptions_trouble"] = str(error)
    except PubsubctlError as error:  # it is away: nothing else is asked of it, which would take as long again
        return told | {"trouble": str(error), "place": ""}
    return told | {"subscriptions": [_subscription(one, board) for one in found]}


@contextmanager
def _connected(board: Board) -> Iterator[Connection]:
    """The connection to the broker, if it is there: a page is not to wait for one that is not.

    Raises:
        BrokerUnreachable: it is not, or others wait for it already.
    """
    if not board.at_broker.acquire(timeout=_TURN_S):
        raise BrokerUnreachable("other pages are waiting for the broker already; try again in a moment")
    try:
        connection = board.client.connection
        if not answers(connection.address, timeout_s=_ANSWER_S):
            raise BrokerUnreachable(f"no broker answers at {connection.place}; `pubsubctl emulator start` starts one")
        yield connection
    finally:
        board.at_broker.release()


def _topic(found: Mapping[str, Any]) -> dict[str, str]:
    return {
        "path": found["name"],
        "name": names.short(found["name"]),
        "retention": found.get("messageRetentionDuration", ""),
        "schema": names.short(found.get("schemaSettings", {}).get("schema", "")),
    }


def _subscription(found: Mapping[str, Any], board: Board) -> Subscription:
    policy = found.get("deadLetterPolicy", {})
    pushed = found.get("pushConfig", {}).get("pushEndpoint", "")
    exported = next((name for name in ("bigqueryConfig", "cloudStorageConfig", "bigtableConfig") if name in found), "")
    delivery = "detached" if found.get("detached") else "push" if pushed else exported.removesuffix("Config") or "pull"
    return Subscription(
        path=found["name"],
        name=names.short(found["name"]),
        topic=names.short(found.get("topic", "")),
        delivery=delivery,
        ack_deadline_s=int(found.get("ackDeadlineSeconds", 0)),
        dead_letters_to=names.short(policy.get("deadLetterTopic", "")),
        attempts=int(policy.get("maxDeliveryAttempts", 0)),
        backlog=_backlog(found, board),
        can_peek=delivery == "pull",
    )


def _backlog(found: Mapping[str, Any], board: Board) -> int | None:
    """Of the subscription that workers pull from, the jobs of its topic that have not ended and may run now.

    Pub/Sub itself does not tell.
    """
    settings = board.settings
    if (found["name"], found.get("topic")) != (settings.subscription_path, settings.topic_path):
        return None
    try:
        return board.store.pending(settings.topic_path, within_s=0.0)
    except PubsubctlError:
        return None


def _pulled(connection: Connection, path: str) -> tuple[Collection[Mapping[str, Any]], int]:
    """Some messages, one after another as they may be large; all are given back at once.

    Returns:
        The messages, and how many of them could not be given back.
    """
    taken: dict[str, Mapping[str, Any]] = {}
    size, kept = 0, 0
    try:
        while len(taken) < _PEEKED and size < _PEEKED_BYTES:
            received = messages.pull(connection, path, 1, wait_s=_WAIT_S)
            if not received or received[0]["ackId"] in taken:
                break
            taken[received[0]["ackId"]] = received[0]
            size += len(received[0].get("message", {}).get("data", ""))
    finally:
        if taken:
            kept = len(messages.give_back(connection, path, list(taken)))
    return taken.values(), kept


def _peeked(received: Mapping[str, Any]) -> Peeked:
    message = received.get("message", {})
    data = base64.b64decode(message.get("data", ""))
    attributes = sorted(message.get("attributes", {}).items())
    content_type = message.get("attributes", {}).get("content-type")
    body = preview(
        "text/plain" if (content_type or "").startswith("image/") else content_type, data[:_DATA_SHOWN], len(data)
    )
    return Peeked(
        message_id=str(message.get("messageId", "")),
        published=str(message.get("publishTime", "")),
        ordering_key=cut(message.get("orderingKey", "")),
        attempt=int(received.get("deliveryAttempt", 0)),
        attributes=[(cut(name), cut(value, _VALUE)) for name, value in masked(attributes)],
        data=body,
    )
