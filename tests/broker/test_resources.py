"""Calls on single topics, subscriptions and snapshots: what their errors say, and what several come to."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from google.api_core import exceptions as api

from pubsubctl.broker import listing
from pubsubctl.broker.change import Change
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.refusals import translated
from pubsubctl.broker.resources import each
from pubsubctl.broker.snapshots import Snapshots
from pubsubctl.broker.subscriptions import Subscriptions
from pubsubctl.broker.topics import Topics
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound
from pubsubctl.settings import Settings

ORDERS = "projects/p-1/topics/orders"
WORKERS = "projects/p-1/subscriptions/workers"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as made:
            yield made


def test_an_error_names_what_it_is_about_and_where(connection):
    Topics(connection).create(ORDERS, Change())
    with pytest.raises(BrokerError, match=rf"^topic {ORDERS}: .*\(at {connection.address.place}\)$"):
        Topics(connection).create(ORDERS, Change())


def test_what_is_missing_is_compared_with_what_there_is(connection):
    Topics(connection).create(ORDERS, Change())
    Subscriptions(connection).create(WORKERS, Change({"topic": ORDERS}))
    for call in (
        lambda: Topics(connection).get("projects/p-1/topics/order"),
        lambda: list(Topics(connection).subscriptions("projects/p-1/topics/order")),
        lambda: Subscriptions(connection).create(
            "projects/p-1/subscriptions/new", Change({"topic": "projects/p-1/topics/order"})
        ),
    ):
        with pytest.raises(ResourceNotFound, match="did you mean 'orders'"):
            call()
    with pytest.raises(ResourceNotFound, match=r"there is no subscription .*/worker; did you mean 'workers'"):
        Snapshots(connection).create(
            "projects/p-1/snapshots/one", Change({"subscription": "projects/p-1/subscriptions/worker"})
        )


def test_what_exists_is_not_called_missing(connection):
    Topics(connection).create(ORDERS, Change())
    with pytest.raises(ResourceNotFound) as caught:
        Subscriptions(connection).create(
            WORKERS,
            Change({"topic": ORDERS, "dead_letter_policy": {"dead_letter_topic": "projects/p-2/topics/gone"}}),
        )
    assert str(caught.value).endswith("; there is no topic projects/p-2/topics/gone")


def test_an_update_sends_only_what_it_is_about(connection):
    topics = Topics(connection)
    topics.create(ORDERS, Change({"labels": {"a": "1"}, "message_retention_duration": "600s"}))
    found, changed = topics.update(ORDERS, Change({"labels": {"b": "2"}}))
    assert changed
    assert (found["labels"], found["messageRetentionDuration"]) == ({"a": "1", "b": "2"}, "600s")
    assert topics.update(ORDERS, Change({"labels": {"b": "2", "never": None}})) == (found, False)


def test_lists_are_read_page_by_page(connection):
    for number in range(7):
        Topics(connection).create(f"{ORDERS}-{number}", Change())
    names = [f"{ORDERS}-{number}" for number in range(7)]
    for page_size in (0, 1, 3, 7, 8):
        assert [one["name"] for one in listing.topics(connection, "projects/p-1", page_size)] == names


def test_each_is_tried_whatever_comes_of_the_others():
    def call(path: str) -> dict[str, str]:
        if path.startswith("bad"):
            raise BrokerError(path)
        return {"name": path}

    tried = each(["one", "bad-1", "two", "bad-2"], call)
    assert [one["name"] for one in tried.done] == ["one", "two"]
    assert list(map(str, tried.failures)) == ["bad-1", "bad-2"]


def test_once_the_broker_is_away_nothing_more_is_tried():
    asked = []

    def call(path: str) -> dict[str, str]:
        asked.append(path)
        raise BrokerUnreachable("away")

    assert len(each(["one", "two"], call).failures) == 1
    assert asked == ["one"]


class Broker(NamedTuple):
    place: str
    identity: None = None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (api.NotFound("Topic not found."), "topic t: Topic not found (at host:1)"),
        (api.AlreadyExists("Topic already exists"), "topic t: Topic already exists (at host:1)"),
        (api.MethodNotImplemented("No such method"), "topic t: the broker at host:1 cannot do this: No such method"),
        (api.ServiceUnavailable("gone"), "the broker at host:1 is not available: gone"),
    ],
)
def test_an_error_with_a_subject_begins_with_it(error, says):
    with (
        pytest.raises(BrokerUnreachable if "available" in says else BrokerError) as caught,
        translated(Broker("host:1"), "topic t"),
    ):
        raise error
    assert str(caught.value) == says
