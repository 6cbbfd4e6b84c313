"""What a broker is told of the messages in hand, when, and how often. The broker is a list of calls."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.leases import Leases

LEASE_S = 0.6
"""Shorter than any broker would have it."""


class Broker:
    """Takes what it is told, unless ``refuse`` says which of these it must be told again."""

    def __init__(self) -> None:
        self.acks: list[list[str]] = []
        self.nacks: list[list[str]] = []
        self.leased_at: dict[str, list[float]] = {}
        self.renewals: list[int] = []
        self.refuse: Callable[[Sequence[str]], list[str]] = lambda _: []
        self.refuse_leases: Callable[[Sequence[str]], list[str]] = lambda _: []
        self.flows = threading.Event()
        self.flows.set()
        self.waited_for = threading.Event()

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        self.pass_()
        self.acks.append(list(ack_ids))
        return self.refuse(ack_ids)

    def lease(self, ack_ids: Sequence[str], seconds: float) -> list[str]:
        self.pass_()
        if not seconds:
            self.nacks.append(list(ack_ids))
            return self.refuse(ack_ids)
        refused = self.refuse_leases(ack_ids)
        self.renewals.append(len(ack_ids))
        for ack_id in set(ack_ids) - set(refused):
            self.leased_at.setdefault(ack_id, []).append(time.monotonic())
        return refused

    def pass_(self) -> None:
        if not self.flows.is_set():
            self.waited_for.set()
        assert self.flows.wait(20)

    def stall(self) -> None:
        self.waited_for.clear()
        self.flows.clear()


class Desk:
    """Leases, with messages that are told from each other by their ack ids."""

    def __init__(self, lease_s: float = LEASE_S, most: int = 1000, linger_s: float = 0.01) -> None:
        self.broker = Broker()
        # Whole seconds, but for a test.
        self.leases = Leases(self.broker, lease_s, most=most, linger_s=linger_s)  # type: ignore[arg-type]
        self.leases.start()

    def take(self, *ack_ids: str, stream: object = None, key: str = "") -> list[Arrival]:
        arrivals = [Arrival(received(each, key), self.leases, stream, time.monotonic()) for each in ack_ids]
        self.leases.take(arrivals)
        return arrivals


def received(ack_id: str, key: str) -> Any:
    message = SimpleNamespace(
        message_id=ack_id,
        data=b"",
        attributes={},
        ordering_key=key,
        publish_time=SimpleNamespace(seconds=1_700_000_000, nanos=500_000_000),
    )
    return SimpleNamespace(ack_id=ack_id, delivery_attempt=0, message=message)


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.broker.flows.set()
    desk.leases.close(5.0)


@pytest.fixture
def small() -> Iterator[Desk]:
    """One whose calls take no more than three ack ids."""
    desk = Desk(most=3)
    yield desk
    desk.broker.flows.set()
    desk.leases.close(5.0)


@pytest.fixture
def lingering() -> Iterator[Desk]:
    """One whose acks wait for others until there are three."""
    desk = Desk(lease_s=60.0, linger_s=60.0)
    desk.leases.urgent = 3
    yield desk
    desk.leases.close(5.0)


def test_a_few_acks_wait_for_more_of_them_and_go_in_one_call(lingering):
    first, second, third = lingering.take("a", "b", "c")
    first.ack()
    second.ack()
    assert lingering.leases.untold == 2
    assert lingering.broker.acks == []
    third.ack()
    wait_for(lambda: lingering.broker.acks == [["a", "b", "c"]])


def test_acks_wait_no_longer_than_a_moment():
    desk = Desk(lease_s=60.0, linger_s=0.05)
    desk.leases.urgent = 1000
    (only,) = desk.take("a")
    began = time.monotonic()
    only.ack()
    wait_for(lambda: desk.broker.acks == [["a"]])
    assert time.monotonic() - began >= 0.05
    desk.leases.close(5.0)


def test_what_is_given_back_waits_for_nothing_and_takes_acks_along(lingering):
    first, second = lingering.take("a", "b")
    first.ack()
    second.nack()
    wait_for(lambda: lingering.broker.acks == [["a"]])
    assert lingering.broker.nacks == [["b"]]


def test_acks_that_wait_are_sent_as_the_worker_ends(lingering):
    (only,) = lingering.take("a")
    only.ack()
    assert lingering.leases.close(5.0)
    assert lingering.broker.acks == [["a"]]


def largest_gap_s(times: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(times))


def test_leases_are_renewed_in_good_time_for_as_long_as_a_message_is_held(desk):
    began = time.monotonic()
    desk.take("1", "2")
    wait_for(lambda: time.monotonic() - began > 4 * LEASE_S)
    for ack_id in ("1", "2"):
        times = [began, *desk.broker.leased_at[ack_id]]
        assert largest_gap_s(times) < LEASE_S
        assert len(times) > 8


def test_what_was_settled_is_renewed_no_more(desk):
    acked, nacked, dropped, held = desk.take("1", "2", "3", "4")
    acked.ack()
    nacked.nack()
    dropped.drop()
    wait_for(lambda: len(desk.broker.leased_at.get("4", [])) >= 3)
    assert set(desk.broker.leased_at) == {"4"}
    assert (desk.leases.count, desk.leases.settled) == (1, 3)
    held.ack()
    wait_for(lambda: len(desk.broker.acks) == 2)
    assert desk.leases.count == 0


def test_what_is_settled_while_the_broker_is_told_goes_with_the_next_call(desk):
    arrivals = desk.take(*"abcdefgh")
    desk.broker.stall()
    arrivals[0].ack()
    assert desk.broker.waited_for.wait(10)
    for arrival in arrivals[1:]:
        arrival.ack()
    assert (desk.leases.count, desk.leases.untold) == (0, 8)
    desk.broker.flows.set()
    wait_for(lambda: len(desk.broker.acks) == 2)
    assert desk.broker.acks == [["a"], list("bcdefgh")]
    wait_for(lambda: desk.leases.untold == 0)


def test_an_ack_waits_for_no_timer():
    desk = Desk(lease_s=3600)
    for number in range(50):
        (arrival,) = desk.take(str(number))
        began = time.monotonic()
        arrival.ack()
        wait_for(lambda number=number: len(desk.broker.acks) == number + 1)  # type: ignore[misc]
        assert time.monotonic() - began < 1
    assert desk.leases.close(5.0)


def test_no_call_takes_more_than_it_may(small):
    arrivals = small.take(*"abcdefgh")
    wait_for(lambda: len(small.broker.leased_at) == 8)
    assert max(small.broker.renewals) <= 3
    small.broker.stall()
    arrivals[0].ack()
    small.leases.nack(arrivals[1:])
    small.broker.flows.set()
    wait_for(lambda: sum(map(len, small.broker.nacks)) == 7)
    assert small.broker.nacks == [list("bcd"), list("efg"), ["h"]]


def test_what_is_given_back_keeps_its_order_when_the_broker_must_be_told_again(desk):
    arrivals = desk.take(*"abcdef", key="k")
    desk.broker.refuse = list
    desk.leases.nack(arrivals[:3])
    wait_for(lambda: len(desk.broker.nacks) >= 2)
    desk.leases.nack(arrivals[3:])
    desk.broker.refuse = lambda _: []
    wait_for(lambda: desk.broker.nacks[-1][-1] == "f")
    assert desk.broker.nacks[-1] == list("abcdef")


def test_what_the_broker_did_not_take_it_is_told_again_until_it_does(desk):
    (arrival,) = desk.take("1")
    desk.broker.refuse = list
    arrival.ack()
    wait_for(lambda: len(desk.broker.acks) >= 4)
    assert desk.leases.untold == 1
    desk.broker.refuse = lambda _: []
    told = len(desk.broker.acks)
    wait_for(lambda: len(desk.broker.acks) > told)
    assert desk.leases.close(5.0)
    assert set(map(tuple, desk.broker.acks)) == {("1",)}


def test_an_ack_that_never_succeeds_keeps_neither_other_acks_nor_leases_waiting(desk):
    bad, good, held = desk.take("bad", "good", "held")
    began = time.monotonic()
    desk.broker.refuse = lambda ack_ids: [each for each in ack_ids if each == "bad"]
    bad.ack()
    wait_for(lambda: len(desk.broker.acks) >= 3)
    good.ack()
    wait_for(lambda: any("good" in acks for acks in desk.broker.acks))
    wait_for(lambda: time.monotonic() - began > 4 * LEASE_S)
    assert largest_gap_s([began, *desk.broker.leased_at["held"]]) < LEASE_S
    held.drop()


def test_while_no_ack_gets_through_leases_are_kept_all_the_same(desk):
    acked, _ = desk.take("acked", "held")
    began = time.monotonic()
    desk.broker.refuse = list
    acked.ack()
    wait_for(lambda: time.monotonic() - began > 4 * LEASE_S)
    assert largest_gap_s([began, *desk.broker.leased_at["held"]]) < LEASE_S
    assert len(desk.broker.acks) < 40, "and it does not spin"


def test_a_lease_that_could_not_be_renewed_is_tried_again_soon_and_the_others_are_renewed(small):
    refusing = {"b", "e"}
    small.broker.refuse_leases = lambda ack_ids: [each for each in ack_ids if each in refusing]
    began = time.monotonic()
    small.take(*"abcdef")
    wait_for(lambda: {"a", "c", "d", "f"} <= set(small.broker.leased_at))
    refusing.clear()
    wait_for(lambda: len(small.broker.leased_at) == 6)
    assert time.monotonic() - began < LEASE_S


def test_a_thousand_leases_are_kept_by_a_broker_that_takes_its_time():
    desk = Desk(lease_s=1.5)
    slow = desk.broker.pass_

    def take_time() -> None:
        slow()
        time.sleep(0.1)

    desk.broker.pass_ = take_time  # type: ignore[method-assign]
    arrivals = desk.take(*map(str, range(1000)))
    began = time.monotonic()
    for arrival in arrivals[::2]:
        arrival.ack()
    wait_for(lambda: time.monotonic() - began > 3.5)
    for arrival in arrivals[1::2]:
        assert largest_gap_s([began, *desk.broker.leased_at[arrival.ack_id]]) < 1.5
        arrival.drop()
    assert desk.leases.close(5.0)
    assert sum(map(len, desk.broker.acks)) == 500


def test_the_end_waits_until_all_is_told(desk):
    arrivals = desk.take("1", "2", "3")
    desk.broker.stall()
    for arrival in arrivals[:2]:
        arrival.ack()
    arrivals[2].nack()
    threading.Timer(0.2, desk.broker.flows.set).start()
    assert desk.leases.close(10.0)
    assert sorted(each for acks in desk.broker.acks for each in acks) == ["1", "2"]
    assert desk.broker.nacks == [["3"]]


def test_the_end_gives_up_in_time_on_a_broker_that_takes_nothing(desk):
    (arrival,) = desk.take("1")
    desk.broker.refuse = list
    arrival.ack()
    began = time.monotonic()
    assert not desk.leases.close(0.3)
    assert time.monotonic() - began < 2
    wait_for(lambda: not desk.leases._thread.is_alive())
    told = len(desk.broker.acks)
    assert told >= 1


def test_the_end_gives_up_in_time_on_a_broker_that_does_not_answer(desk):
    (arrival,) = desk.take("1")
    desk.broker.stall()
    arrival.ack()
    began = time.monotonic()
    assert not desk.leases.close(0.3)
    assert time.monotonic() - began < 2


def test_where_it_never_began_there_is_nothing_to_wait_for():
    leases = Leases(Broker(), 60)
    assert leases.close(60.0)


def waiting_for_room(desk: Desk, stream: object, most: int, needless: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=desk.leases.wait_for_room, args=(stream, most, needless.is_set), daemon=True)
    thread.start()
    return thread


def test_who_waits_for_room_goes_on_when_there_is_some_on_its_own_stream(desk):
    here, there, needless = object(), object(), threading.Event()
    desk.leases.wait_for_room(here, 2, needless.is_set)
    first, _ = desk.take("1", "2", stream=here)
    (other,) = desk.take("3", stream=there)
    assert (desk.leases.count_of(here), desk.leases.count_of(there), desk.leases.count) == (2, 1, 3)
    waiting = waiting_for_room(desk, here, 2, needless)
    other.ack()
    waiting.join(0.1)
    assert waiting.is_alive(), "what others hold is no matter"
    first.ack()
    waiting.join(5)
    assert not waiting.is_alive()


def test_who_waits_for_room_that_nobody_needs_any_more_goes_on(desk):
    stream, needless = object(), threading.Event()
    desk.take("1", stream=stream)
    waiting = waiting_for_room(desk, stream, 1, needless)
    desk.leases.wait_no_more()
    waiting.join(0.1)
    assert waiting.is_alive(), "it is still of use"
    needless.set()
    desk.leases.wait_no_more()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_message_that_comes_again_with_the_same_ack_id_is_held_once_and_kept_until_its_latest_is_settled(desk):
    stream = object()
    (earlier,) = desk.take("1", stream=stream)
    (later,) = desk.take("1", stream=stream)
    assert (desk.leases.count, desk.leases.count_of(stream)) == (1, 1)
    earlier.drop()
    assert desk.leases.count == 1
    later.ack()
    assert (desk.leases.count, desk.leases.count_of(stream)) == (0, 0)


def test_a_message_is_what_the_broker_sent(desk):
    (arrival,) = desk.take("1", key="k")
    assert (arrival.message_id, arrival.data, arrival.attributes, arrival.ordering_key) == ("1", b"", {}, "k")
    assert (arrival.published_at, arrival.delivery_attempt) == (1_700_000_000.5, 0)
