"""What a stream brings is handed on in its order, no more than is of use, and to the last message."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.feed import Feed
from pubsubctl.worker.leases import Leases


class Stream:
    """Brings what the test puts into it: the ids of a response, an error, or None where the broker ends it."""

    def __init__(self, *, heeds: bool = True) -> None:
        self.coming: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.read = 0
        self.beats = 0
        self.is_open = True
        self._heeds = heeds

    def responses(self) -> Iterator[Any]:
        while (response := self.coming.get(timeout=20)) is not None:
            if isinstance(response, Exception):
                self.is_open = False
                raise response
            self.read += 1
            yield [received(each) for each in response]
        self.is_open = False

    def beat(self) -> None:
        self.beats += 1

    def part(self) -> None:
        if self._heeds:
            self.coming.put(None)

    def close(self) -> None:
        self.coming.put(ConnectionError("cancelled"))


class Calls:
    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        return []

    def lease(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        return []


def received(ack_id: str) -> Any:
    message = SimpleNamespace(
        message_id=ack_id,
        data=b"",
        attributes={},
        ordering_key="",
        publish_time=SimpleNamespace(seconds=0, nanos=0),
    )
    return SimpleNamespace(ack_id=ack_id, delivery_attempt=0, message=message)


class Reader:
    """A feed, and what it has handed on."""

    def __init__(self, stream: Stream, hold: int = 100) -> None:
        self.stream = stream
        self.leases = Leases(Calls(), 60)
        self.handed_on: list[list[Arrival]] = []
        self.ends = 0
        self.fault: Exception | None = None
        self.feed = Feed(stream, self.leases, self.take, hold=hold, on_end=self.end)
        self.feed.start()

    def take(self, arrivals: Sequence[Arrival], feed: Feed) -> None:
        if self.fault is not None:
            raise self.fault
        assert feed is self.feed
        assert self.leases.count_of(feed) >= len(arrivals), "their leases are kept before anybody sees them"
        self.handed_on.append(list(arrivals))

    def end(self) -> None:
        self.ends += 1

    @property
    def ids(self) -> list[list[str]]:
        return [[each.ack_id for each in arrivals] for arrivals in self.handed_on]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_each_response_is_handed_on_as_it_came():
    reader = Reader(Stream())
    for response in (["1", "2"], [], ["3"]):
        reader.stream.coming.put(response)
    wait_for(lambda: len(reader.handed_on) == 2)
    assert reader.ids == [["1", "2"], ["3"]]
    assert reader.feed.is_open
    reader.feed.end()
    assert (reader.feed.error, reader.ends) == (None, 1)


def test_it_tells_why_the_stream_has_ended():
    reader = Reader(Stream())
    error = ConnectionError("reset")
    reader.stream.coming.put(error)
    assert reader.feed.ended.wait(5)
    assert reader.feed.error is error
    wait_for(lambda: reader.ends == 1)
    assert not reader.feed.is_open


def test_nothing_more_is_read_while_as_much_as_may_be_held_is_in_hand():
    reader = Reader(Stream(), hold=3)
    for response in (["1", "2"], ["3", "4"], ["5"]):
        reader.stream.coming.put(response)
    wait_for(lambda: reader.feed.is_full)
    for arrival in reader.handed_on[0][:1]:
        arrival.ack()
    assert reader.stream.coming.qsize() == 1, "three are still in hand"
    reader.handed_on[0][1].ack()
    wait_for(lambda: len(reader.handed_on) == 3)
    assert reader.ids[-1] == ["5"]
    reader.feed.end()


def test_when_it_ends_what_is_on_its_way_is_taken_though_all_that_may_be_held_is():
    reader = Reader(Stream(), hold=1)
    for response in (["1"], ["2"], ["3"]):
        reader.stream.coming.put(response)
    wait_for(lambda: reader.feed.is_full)
    reader.feed.end()
    assert reader.feed.ended.is_set()
    assert reader.ids == [["1"], ["2"], ["3"]]


def test_a_stream_that_does_not_end_when_it_is_asked_to_is_ended():
    reader = Reader(Stream(heeds=False))
    began = time.monotonic()
    reader.feed.end()
    assert time.monotonic() - began < 2
    assert reader.feed.ended.is_set()


def test_a_stream_that_has_ended_can_be_ended():
    reader = Reader(Stream())
    reader.stream.coming.put(ConnectionError("reset"))
    assert reader.feed.ended.wait(5)
    began = time.monotonic()
    reader.feed.end()
    reader.feed.end()
    assert time.monotonic() - began < 0.2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the very point
def test_a_fault_in_handing_on_is_not_taken_for_the_end_of_a_stream(monkeypatch):
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    reader = Reader(Stream())
    reader.fault = ZeroDivisionError()
    reader.stream.coming.put(["1"])
    wait_for(lambda: bool(died))
    assert isinstance(died[0].exc_value, ZeroDivisionError)
    assert died[0].thread is not None
    assert died[0].thread.name == "stream"
    assert reader.feed.ended.is_set()


def test_it_shows_that_it_is_there_every_half_minute():
    reader = Reader(Stream())
    for _ in range(3):
        reader.feed.beat()
    assert reader.stream.beats == 0
    reader.feed._beat_at -= 30
    for _ in range(3):
        reader.feed.beat()
    assert reader.stream.beats == 1
    reader.feed.end()


def test_it_knows_when_something_came_last():
    reader = Reader(Stream())
    asked_at = reader.feed.heard_at
    assert 0 <= reader.feed.age_s < 5
    reader.stream.coming.put(["1"])
    wait_for(lambda: bool(reader.handed_on))
    assert reader.feed.heard_at > asked_at
    assert reader.handed_on[0][0].leased_at == reader.feed.heard_at
    reader.feed.end()
