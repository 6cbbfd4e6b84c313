"""Publishing in as few calls as the limits allow, in order, with the ids in order, and each message for itself."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import MAX_BYTES, MAX_MESSAGES, Outgoing, Publisher, Rejected, Taken, in_calls
from pubsubctl.emulator.embedded import EmbeddedBroker, Faults
from pubsubctl.emulator.embedded.status import Refusal
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


class CountedPublishes(Faults):
    """Counts the calls, and refuses the one that is named."""

    def __init__(self) -> None:
        self.calls = 0
        self.refusals: dict[int, Refusal] = {}

    async def before_rpc(self, method: str) -> None:
        if method == "Publish":
            self.calls += 1
            if refusal := self.refusals.get(self.calls):
                raise refusal


class Topic:
    """A topic with a subscription, on a broker of its own."""

    def __init__(self, connection: Connection, path: str, faults: CountedPublishes) -> None:
        self.connection, self.path, self.faults = connection, path, faults
        self.subscription = path.replace("/topics/", "/subscriptions/")
        connection.publisher.create_topic(name=path)
        connection.subscriber.create_subscription(
            request={"name": self.subscription, "topic": path, "enable_message_ordering": True}
        )
        self.publisher = Publisher(connection, path, timeout_s=2.0)

    def answers(self, messages: list[Outgoing]) -> list[Taken | Rejected]:
        return [answer for answers in self.publisher.publish_each(messages) for answer in answers]

    def pulled(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            answer = self.connection.subscriber.pull(subscription=self.subscription, max_messages=1000, timeout=20)
            found.extend(received.message.data for received in answer.received_messages)
            ids = [received.ack_id for received in answer.received_messages]
            self.connection.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
        return found


@pytest.fixture
def topic(tmp_path: Path) -> Iterator[Topic]:
    faults = CountedPublishes()
    with EmbeddedBroker(tmp_path, faults=faults) as broker:
        settings = Settings.load({"emulator_host": broker.address}, environ={}, start=tmp_path)
        with Connection(settings) as connection:
            yield Topic(connection, settings.topic_path, faults)


def numbered(count: int, *, empty: set[int], ordering_key: str = "") -> list[Outgoing]:
    """Messages that hold their number; those without anything in them are refused by every broker."""
    return [Outgoing(b"" if number in empty else b"%d" % number, ordering_key=ordering_key) for number in range(count)]


@pytest.mark.parametrize("empty", [set(), {0}, {99}, {42, 43}, {0, 50, 99}, set(range(100))])
def test_a_message_that_is_refused_takes_no_other_with_it(topic, empty):
    answers = topic.answers(numbered(100, empty=empty))
    assert {number for number, answer in enumerate(answers) if isinstance(answer, Rejected)} == empty
    taken = [answer.message_id for answer in answers if isinstance(answer, Taken)]
    assert taken == sorted(set(taken), key=int)
    assert sorted(topic.pulled(100 - len(empty)), key=int) == [b"%d" % n for n in range(100) if n not in empty]


def test_whoever_is_refused_is_told_why(topic):
    (answer,) = topic.answers([Outgoing(b"")])
    assert isinstance(answer, Rejected)
    assert "refused: " in str(answer.error)


def test_what_is_good_takes_one_call_and_one_bad_message_few_more(topic):
    topic.answers(numbered(1000, empty=set()))
    assert topic.faults.calls == 1
    topic.answers(numbered(1000, empty={700}))
    assert topic.faults.calls <= 1 + 21


def test_the_order_of_a_key_is_kept_around_what_is_refused(topic):
    topic.answers(numbered(20, empty={3, 11}, ordering_key="key"))
    assert topic.pulled(18) == [b"%d" % number for number in range(20) if number not in {3, 11}]


def test_each_calls_answers_come_before_the_next_call(topic):
    topic.faults.refusals[2] = Refusal(grpc.StatusCode.INTERNAL, "away")
    answers = topic.publisher.publish_each([*numbered(1000, empty=set()), Outgoing(b"last")])
    assert len(next(answers)) == 1000
    with pytest.raises(BrokerUnreachable):
        next(answers)


def test_a_refusal_that_is_not_about_the_messages_is_not_looked_for_among_them(topic):
    topic.faults.refusals[1] = Refusal(grpc.StatusCode.PERMISSION_DENIED, "not you")
    with pytest.raises(BrokerError, match="not you"):
        topic.answers(numbered(100, empty={5}))
    assert topic.faults.calls == 1


def test_a_topic_that_is_gone_is_said_once(topic):
    topic.connection.publisher.delete_topic(topic=topic.path)
    with pytest.raises(ResourceNotFound, match=r"`pubsubctl setup` creates it"):
        topic.answers(numbered(100, empty=set()))
    assert topic.faults.calls == 1


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
