"""Publishing in as few calls as the limits allow, in order, with the ids in order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import MAX_BYTES, MAX_MESSAGES, Outgoing, Publisher, in_calls
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound
from pubsubctl.settings import Settings

messages = st.builds(
    Outgoing, data=st.integers(0, 4_000_000).map(bytes), attributes=st.dictionaries(st.text(max_size=5), st.text())
)


@given(st.lists(messages, max_size=8))
def test_parts_keep_the_order_and_the_limits(published):
    parts = list(in_calls(published))
    assert [message for part in parts for message in part] == published
    assert all(parts)
    for part in parts:
        assert len(part) <= MAX_MESSAGES
        assert len(part) == 1 or sum(message.size for message in part) <= MAX_BYTES


def test_a_part_has_at_most_a_thousand_messages():
    assert [len(part) for part in in_calls([Outgoing(b"x")] * 2500)] == [1000, 1000, 500]


def test_a_part_has_one_ordering_key():
    keyed = [Outgoing(b"x", ordering_key=key) for key in ("a", "a", "b", "", "", "a")]
    assert [[message.ordering_key for message in part] for part in in_calls(keyed)] == [
        ["a", "a"],
        ["b"],
        ["", ""],
        ["a"],
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"emulator_host": "127.0.0.1:1"}, environ={}, start=tmp_path)


def test_ids_come_in_the_order_of_the_messages(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as connection:
            connection.publisher.create_topic(name=settings.topic_path)
            ids = Publisher(connection, settings.topic_path).publish([Outgoing(b"%d" % n) for n in range(1500)])
    assert len(set(ids)) == 1500
    assert ids == sorted(ids, key=int)


def test_a_topic_that_does_not_exist_is_a_refusal(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as connection, pytest.raises(ResourceNotFound):
            Publisher(connection, settings.topic_path).publish([Outgoing(b"x")])


def test_an_empty_message_is_refused_by_the_broker(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as connection:
            connection.publisher.create_topic(name=settings.topic_path)
            with pytest.raises(BrokerError):
                Publisher(connection, settings.topic_path).publish([Outgoing(b"")])


def test_a_broker_that_is_away_is_given_up_in_time(settings):
    with Connection(settings) as connection, pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1"):
        Publisher(connection, settings.topic_path, timeout_s=1.0).publish([Outgoing(b"x")])


def test_a_connection_finds_out_at_once_that_nothing_listens(settings):
    with Connection(settings) as connection, pytest.raises(BrokerUnreachable, match="no broker answers"):
        connection.check()
