"""Where delivery is exactly once, the caller hears of each ack that did nothing, however many these are."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, GoogleAPICallError, InvalidArgument
from google.cloud.pubsub_v1 import SubscriberClient
from pubsub_kit import Broker
from rest_kit import ask

from pubsubctl.emulator.embedded import EmbeddedBroker, MovableClock

MANY = 300
PERMANENT = "PERMANENT_FAILURE_INVALID_ACK_ID"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def embedded(tmp_path: Path, clock: MovableClock) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def broker(embedded: EmbeddedBroker) -> Iterator[Broker]:
    made = Broker("embedded", embedded.address)
    yield made
    made.close()


def told(call: Callable[[], Any]) -> tuple[type[GoogleAPICallError], dict[str, str]]:
    """The class of the refusal, and what it says of each ack id."""
    with pytest.raises(GoogleAPICallError) as caught:
        call()
    [info] = [detail for detail in caught.value.details if hasattr(detail, "reason")]
    assert info.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    return type(caught.value), dict(info.metadata)


def until_all_is_told(call: Callable[[Sequence[str]], Any], ack_ids: Sequence[str]) -> tuple[dict[str, str], int]:
    """All failures, as a client has them that does as it is told, and how often it had to call."""
    failures: dict[str, str] = {}
    calls = 0
    while True:
        calls += 1
        left = [one for one in ack_ids if one not in failures]
        kind, named = told(partial(call, left))
        assert named
        failures |= named
        if kind is InvalidArgument:
            return failures, calls
        assert kind is Aborted


def test_more_failures_than_a_client_takes_are_told_in_several_answers(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = broker.pull_all(name, MANY)
    clock.advance(11)
    again = broker.pull_all(name, MANY)
    ids = [one.ack_id for pair in zip(stale, again, strict=True) for one in pair]
    client = broker.subscriber

    failures, calls = until_all_is_told(
        lambda left: client.modify_ack_deadline(subscription=name, ack_ids=left, ack_deadline_seconds=60), ids
    )
    assert failures == dict.fromkeys((one.ack_id for one in stale), PERMANENT)
    assert 1 < calls < 10

    failures, _ = until_all_is_told(lambda left: client.acknowledge(subscription=name, ack_ids=left), ids)
    assert failures == dict.fromkeys((one.ack_id for one in stale), PERMANENT)
    clock.advance(61)
    assert broker.is_empty(name)


def test_good_nacks_among_many_others_are_not_called_failures(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = [one.ack_id for one in broker.pull_all(name, MANY)]
    clock.advance(11)
    good = [one.ack_id for one in broker.pull_all(name, MANY)][:5]
    modify = broker.subscriber.modify_ack_deadline
    failures, _ = until_all_is_told(
        lambda left: modify(subscription=name, ack_ids=left, ack_deadline_seconds=0), [*good, *stale]
    )
    assert failures == dict.fromkeys(stale, PERMANENT)
    assert len(broker.pull_all(name, 5)) == 5
    kind, named = told(lambda: modify(subscription=name, ack_ids=good, ack_deadline_seconds=0))
    assert (kind, named) == (InvalidArgument, dict.fromkeys(good, PERMANENT))


def test_a_late_ack_of_what_was_renewed_among_many_others_is_a_failure(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = [one.ack_id for one in broker.pull_all(name, MANY)]
    clock.advance(11)
    [renewed, *_] = [one.ack_id for one in broker.pull_all(name, MANY)]
    client = broker.subscriber
    failures, _ = until_all_is_told(
        lambda left: client.modify_ack_deadline(subscription=name, ack_ids=left, ack_deadline_seconds=60),
        [*stale, renewed],
    )
    assert failures == dict.fromkeys(stale, PERMANENT)
    clock.advance(61)
    assert told(lambda: client.acknowledge(subscription=name, ack_ids=[renewed])) == (
        InvalidArgument,
        {renewed: PERMANENT},
    )


def test_what_was_told_to_be_good_once_is_settled_for_good(broker: Broker, clock: MovableClock) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = [one.ack_id for one in broker.pull_all(name, MANY)]
    clock.advance(11)
    [good, *_] = [one.ack_id for one in broker.pull_all(name, MANY)]
    acknowledge = broker.subscriber.acknowledge
    assert told(lambda: acknowledge(subscription=name, ack_ids=[*stale, good]))[0] is Aborted
    acknowledge(subscription=name, ack_ids=[good])  # nobody has said that it counted: it may be sent again, once
    assert told(lambda: acknowledge(subscription=name, ack_ids=[good])) == (InvalidArgument, {good: PERMANENT})


def test_the_client_of_an_emulator_host_understands_it(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = [one.ack_id for one in broker.pull_all(name, MANY)]
    clock.advance(11)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", embedded.address)
    with SubscriberClient() as client:
        for _ in range(20):  # gRPC draws lots whether it takes what is between its two limits
            kind, named = told(lambda: client.acknowledge(subscription=name, ack_ids=stale))
            assert kind is Aborted
            assert len(named) > 50


def test_a_client_without_such_a_limit_hears_of_all_at_once(
    broker: Broker, embedded: EmbeddedBroker, clock: MovableClock
) -> None:
    topic, name = broker.pair(enable_exactly_once_delivery=True)
    broker.publish(topic, *[b"x"] * MANY)
    stale = [one.ack_id for one in broker.pull_all(name, MANY)]
    clock.advance(11)
    answer = ask(embedded.address, "POST", f"/v1/{name}:acknowledge", {"ackIds": stale})
    [info] = answer.json["error"]["details"]
    assert (answer.status, info["metadata"]) == (400, dict.fromkeys(stale, PERMANENT))
