"""What waits behind the first of its ordering key, as the client keeps it, and what of it is given back."""

import threading
from types import SimpleNamespace
from typing import Any

from google.cloud.pubsub_v1.subscriber._protocol.messages_on_hold import MessagesOnHold

from pubsubctl.worker.followers import Followers

SIZE = 10


def arrived(*keys: str, delivery_attempt: int | None = None) -> Any:
    """A manager to which these messages have come, and which has handed on what it could."""
    nacked: list[Any] = []
    manager = SimpleNamespace(
        _messages_on_hold=MessagesOnHold(),
        _on_hold_bytes=0,
        _pause_resume_lock=threading.RLock(),
        _dispatcher=SimpleNamespace(nack=nacked.append),
        nacked=nacked,
        leaser=SimpleNamespace(message_count=len(keys), ack_ids=[f"{key}-{number}" for number, key in enumerate(keys)]),
    )
    for number, key in enumerate(keys):
        message = SimpleNamespace(
            ordering_key=key,
            ack_id=f"{key}-{number}",
            size=SIZE,
            delivery_attempt=delivery_attempt,
            opentelemetry_data=None,
        )
        manager._messages_on_hold.put(message)
    while manager._messages_on_hold.get() is not None:
        pass
    manager._on_hold_bytes = manager._messages_on_hold.size * SIZE
    return manager


def given_back(manager: Any) -> list[str]:
    assert len(manager.nacked) <= 1, "in one call, or what is sent again in between is out of its order"
    taken = [each for call in manager.nacked for each in call]
    assert all(each.ordering_key is None for each in taken), "the client would hand on the next of the key"
    return [each.ack_id for each in taken]


def left(manager: Any) -> list[str]:
    lines = manager._messages_on_hold._pending_ordered_messages.values()
    return [message.ack_id for line in lines for message in line]


def test_they_are_in_the_way_only_where_nothing_more_may_be_held():
    assert Followers(arrived("a", "a", "b"), 3).are_in_the_way()
    assert not Followers(arrived("a", "a", "b"), 4).are_in_the_way()
    assert not Followers(arrived("a", "b", "c"), 3).are_in_the_way()


def test_they_are_stuck_when_nothing_was_settled_between_two_looks():
    manager = arrived("a", "a", "b")
    followers = Followers(manager, 3)
    assert not followers.are_stuck()
    assert followers.are_stuck()
    manager.leaser.ack_ids = ["a-1", "b-2", "b-3"]
    assert not followers.are_stuck()
    assert followers.are_stuck()
    manager.leaser = None
    assert not followers.are_stuck()


def test_the_half_that_is_furthest_from_its_turn_is_given_back_and_what_stays_has_no_hole():
    manager = arrived("a", "a", "a", "a", "b", "b", "c")
    Followers(manager, 7).give_back()
    assert given_back(manager) == ["a-2", "a-3"]
    assert left(manager) == ["a-1", "b-5"]
    assert (manager._messages_on_hold.size, manager._on_hold_bytes) == (2, 2 * SIZE)


def test_what_was_delivered_very_often_is_kept():
    manager = arrived("a", "a", "a", delivery_attempt=51)
    Followers(manager, 3, most_deliveries=50).give_back()
    assert given_back(manager) == []
    assert left(manager) == ["a-1", "a-2"]


def test_nothing_is_given_back_while_the_client_has_not_looked_at_all_that_came():
    manager = arrived("a", "a", "a")
    manager._messages_on_hold.put(SimpleNamespace(ordering_key="a", opentelemetry_data=None))
    Followers(manager, 4).give_back()
    assert given_back(manager) == [], "what stays would have a hole"


def test_a_stream_that_has_ended_keeps_what_it_has():
    manager = arrived("a", "a")
    manager._dispatcher = None
    Followers(manager, 2).give_back()
    assert left(manager) == ["a-1"]


def test_a_client_that_keeps_them_otherwise_keeps_them():
    manager = arrived("a", "a")
    del manager._pause_resume_lock
    Followers(manager, 2).give_back()
    assert left(manager) == ["a-1"]
    assert not Followers(SimpleNamespace(leaser=manager.leaser), 2).are_in_the_way()
