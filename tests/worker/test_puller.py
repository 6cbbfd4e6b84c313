"""What a puller does with streams and leases, on a real broker that tells what it was asked.

The embedded emulator runs in this process, where it can be stopped, and where time can be moved on. Google's is shared
by all tests, and stands for brokers that heed no limit and do not notice that a stream was cancelled.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from project import wait_for
from pulling import BELIEVING, Rig, Watched

from pubsubctl.emulator.embedded.clock import MovableClock
from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker
from pubsubctl.emulator.embedded.status import unavailable
from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.gears import Tempo
from pubsubctl.worker.watchdog import Patience

SHORT, STALLED = Tempo(0.0001, 0.0), Tempo(5.0, 2.0)
HASTY = Patience(look_s=0.1, trouble_look_s=0.1)


@pytest.fixture
def clock() -> MovableClock:
    """The broker's."""
    return MovableClock()


@pytest.fixture
def watched() -> Watched:
    """What the broker is asked, and the faults that it has."""
    return Watched()


@pytest.fixture
def rig(tmp_path: Path, clock: MovableClock, watched: Watched) -> Iterator[Rig]:
    with EmbeddedBroker(tmp_path, clock=clock, faults=watched) as broker:
        rig = Rig(broker.address, tmp_path)
        yield rig
        rig.close()


@pytest.fixture
def google(gcloud_address: str, tmp_path: Path) -> Iterator[Rig]:
    """On Google's emulator."""
    rig = Rig(gcloud_address, tmp_path, project=f"p-{abs(hash(tmp_path))}")
    yield rig
    rig.close()


def left(rig: Rig, clock: MovableClock) -> list[bytes]:
    """What the broker still has to deliver, when no lease keeps any of it away."""
    clock.advance(700)
    return rig.waiting()


def next_ones(rig: Rig, count: int) -> list[Arrival]:
    return [rig.sink.next() for _ in range(count)]


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [b"%03d" % n for n in range(start, start + count)]


def until_renewed(watched: Watched) -> None:
    before = watched.calls["ModifyAckDeadline"]
    wait_for(lambda: watched.calls["ModifyAckDeadline"] > before, what="leases are renewed")


def test_no_more_than_what_may_be_held_is_delivered(rig):
    puller = rig.pull(hold=3)
    rig.publish(*numbers(10))
    held = next_ones(rig, 3)
    assert rig.waiting() == numbers(7, start=3)
    assert rig.sink.messages.empty()
    assert puller.held == len(held) == 3


def test_a_lease_is_kept_however_long_ago_the_message_came(rig, clock, watched):
    rig.pull(lease_s=10)
    rig.publish(b"long")
    rig.sink.next()
    for _ in range(5):
        until_renewed(watched)
        clock.advance(6)
        assert rig.waiting() == []


def test_the_lease_is_the_one_asked_for(rig, clock):
    rig.pull(lease_s=60)
    rig.publish(b"a")
    rig.sink.next().drop()
    clock.advance(58)
    assert rig.waiting() == []
    assert rig.sink.messages.empty()
    clock.advance(3)
    assert rig.sink.next().data == b"a"


def test_acks_reach_the_broker_and_many_of_them_go_together(rig, clock, watched):
    puller = rig.pull(hold=500)
    rig.publish(*numbers(500))
    for message in next_ones(rig, 500):
        message.ack()
    wait_for(lambda: puller.held == 0, what="all are acked")
    assert left(rig, clock) == []
    assert watched.calls["Acknowledge"] < 100


def test_a_message_is_not_leased_anew_as_it_comes(rig, watched):
    rig.pull(lease_s=60)
    for number in numbers(20):
        rig.publish(number)
        rig.sink.next().ack()
    assert watched.calls["ModifyAckDeadline"] == 0


def test_a_stream_that_has_died_is_followed_by_another_and_what_is_in_hand_stays(rig, clock, watched):
    puller = rig.pull()
    rig.publish(b"in hand")
    held = rig.sink.next()
    watched.disconnect(1)
    rig.publish(b"after")
    assert rig.sink.next().data == b"after"
    assert len(rig.sink.streams) == rig.meters.streams == 2
    assert puller.held == 2
    until_renewed(watched)
    assert rig.waiting() == []
    held.ack()
    wait_for(lambda: puller.held == 1, what="it is acked")
    assert rig.sink.messages.empty(), "and never came a second time"


def test_what_no_stream_brings_to_a_slot_is_given_back_when_the_next_one_ends_too(rig, watched):
    rig.pull()
    for number in range(3):
        rig.publish(b"%d" % number)
        rig.sink.next()
        watched.disconnect(1)
        rig.publish(b"next")
        assert rig.sink.next().data == b"next"
    assert rig.sink.spared == rig.sink.streams[:3], "of each that has ended, what itself brought stays"


def test_a_stream_that_breaks_now_and_then_is_nothing_to_tell(rig, watched, caplog):
    puller = rig.pull(patience=HASTY)
    for number in numbers(3):
        watched.disconnect(1)
        rig.publish(number)
        rig.sink.next().ack()
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert puller.trouble is None


def test_a_full_stream_that_breaks_is_noticed_though_nobody_reads_it(rig, watched):
    puller = rig.pull(hold=2, patience=HASTY)
    rig.publish(b"1", b"2")
    next_ones(rig, 2)
    wait_for(lambda: watched.calls["StreamingPull"] == 1, what="there is one stream")
    rig.connection.subscriber.delete_subscription(subscription=rig.settings.subscription_path)
    wait_for(lambda: puller.trouble is not None, what="it is noticed")


def test_a_broker_that_comes_back_is_pulled_from_again(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        host, _, port = broker.address.rpartition(":")
        rig = Rig(broker.address, tmp_path)
        rig.pull()
        rig.publish(b"before")
        rig.sink.next().ack()
    with EmbeddedBroker(tmp_path, host=host, port=int(port)):
        rig.publish(b"after")
        while (message := rig.sink.next(40)).data != b"after":
            message.ack()
        rig.close()


def test_an_ack_that_is_given_while_the_broker_is_away_reaches_it_when_it_is_back(tmp_path, clock):
    with EmbeddedBroker(tmp_path) as broker:
        host, _, port = broker.address.rpartition(":")
        rig = Rig(broker.address, tmp_path)
        puller = rig.pull(patience=HASTY)
        rig.publish(b"done")
        done = rig.sink.next()
    done.ack()
    assert puller.held == 1, "the broker does not know"
    wait_for(lambda: puller.trouble is not None, what="it is noticed that the broker is away")
    with EmbeddedBroker(tmp_path, host=host, port=int(port), clock=clock):
        rig.publish(b"after")
        while (message := rig.sink.next(40)).data != b"after":
            message.ack()  # that has forgotten its leases, and may have sent it once more
        message.ack()
        rig.close()
        rig = Rig(f"{host}:{port}", tmp_path)
        assert left(rig, clock) == []
        rig.close()


def test_acks_given_while_draining_reach_the_broker(rig, clock):
    puller = rig.pull()
    rig.publish(*numbers(5))
    held = next_ones(rig, 5)

    def drain() -> None:
        for message in held:
            message.ack()

    rig.sink.on_drain = drain
    puller.stop()
    assert left(rig, clock) == []


def test_leases_are_kept_while_draining(rig, clock, watched):
    puller = rig.pull(lease_s=10)
    rig.publish(b"running")
    message = rig.sink.next()

    def drain() -> None:
        for _ in range(3):
            until_renewed(watched)
            clock.advance(6)
            assert rig.waiting() == []
        message.ack()

    rig.sink.on_drain = drain
    puller.stop()
    assert left(rig, clock) == []


def test_what_is_nacked_while_draining_is_given_to_others_before_the_drain_has_ended(rig):
    puller = rig.pull(lease_s=600)
    rig.publish(b"a", b"b")
    held = next_ones(rig, 2)
    received: list[bytes] = []

    def drain() -> None:
        for message in held:
            message.nack()
        wait_for(lambda: received.extend(rig.waiting()) or len(received) == 2, what="both are delivered again")

    rig.sink.on_drain = drain
    puller.stop()
    assert sorted(received) == [b"a", b"b"]


def test_nothing_is_pulled_once_it_drains(rig):
    puller = rig.pull()
    rig.sink.on_drain = lambda: rig.publish(b"late")
    wait_for(lambda: puller.listens, what="the stream is open")
    puller.stop()
    assert rig.sink.messages.empty()
    assert rig.waiting() == [b"late"]
    assert not puller.listens


def test_a_drain_waits_for_a_broker_that_takes_no_acks_no_longer_than_it_may(rig, watched, caplog):
    puller = rig.pull(patience=Patience(acks_s=0.5))
    rig.publish(b"a")
    message = rig.sink.next()
    watched.refusals["Acknowledge"] = unavailable("not now")
    rig.sink.on_drain = message.ack
    began = time.monotonic()
    puller.stop()
    assert time.monotonic() - began < 5
    assert "does not take the last acks" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the very point
def test_it_drains_even_where_it_has_died_of_a_fault(rig, clock):
    puller = rig.pull(patience=HASTY)
    rig.publish(b"a")
    message = rig.sink.next()
    rig.sink.on_drain = message.ack
    rig.sink.pace = None  # which it cannot make anything of
    puller._thread.join(10)
    assert not puller._thread.is_alive()
    puller.stop()
    assert left(rig, clock) == []


def test_one_that_never_began_has_nothing_to_drain(rig):
    drained: list[None] = []
    rig.sink.on_drain = lambda: drained.append(None)
    puller = rig.make()
    puller.stop()
    assert drained == []


def test_a_subscription_that_does_not_exist_is_hopeless(rig):
    rig.pull(subscription=rig.settings.subscription_path + "-gone")
    wait_for(lambda: bool(rig.sink.hopeless), what="the puller gives up")


# --- more is held while jobs are short, and less again ---------------------------------------------------------------


def test_with_short_jobs_more_is_held_than_at_first_and_nothing_comes_twice(rig):
    rig.sink.pace = SHORT
    puller = rig.pull(hold=10, most=100, patience=HASTY)
    rig.publish(*numbers(80))
    assert sorted(message.data for message in next_ones(rig, 80)) == numbers(80)
    assert puller.held == 80
    assert rig.meters.streams == 2
    assert rig.waiting() == []
    assert None not in rig.sink.spared, "all of it is kept"


def test_with_stalled_slots_what_is_held_beyond_few_is_given_back_and_no_more_comes(rig):
    rig.sink.pace = SHORT
    puller = rig.pull(hold=10, most=100, patience=HASTY)
    rig.publish(*numbers(80))
    held = next_ones(rig, 80)
    rig.sink.on_spare = lambda stream: held[0].nack(*held[1:]) if stream is None else None
    rig.sink.pace = STALLED
    again = next_ones(rig, 10)
    assert [message.data for message in again] == numbers(10)
    assert rig.waiting() == numbers(70, start=10)
    wait_for(lambda: puller.held == 10, what="the broker has taken the rest")
    assert rig.meters.streams == 3


def test_what_is_held_beyond_few_is_given_back_though_no_other_stream_can_be_had_just_now(rig, watched):
    rig.sink.pace = SHORT
    rig.pull(hold=10, most=100, patience=HASTY)
    rig.publish(*numbers(80))
    next_ones(rig, 80)
    watched.refusals["StreamingPull"] = unavailable("not now")
    rig.sink.pace = STALLED
    wait_for(lambda: None in rig.sink.spared, what="it is given back")
    del watched.refusals["StreamingPull"]
    rig.publish(b"after")
    assert rig.sink.next().data == b"after"


def test_what_streams_of_before_have_left_behind_long_jobs_is_given_back_without_another_stream(rig, watched):
    rig.pull(hold=10, most=10, patience=HASTY)
    rig.publish(*numbers(10))
    held = next_ones(rig, 10)
    watched.disconnect(1)
    held[0].ack()
    rig.publish(*numbers(11, start=10))
    more = next_ones(rig, 10)
    spared = len(rig.sink.spared)
    rig.sink.pace = STALLED
    wait_for(lambda: len(rig.sink.spared) > spared, what="it is given back")
    assert rig.sink.spared[spared] is more[-1].stream is rig.sink.streams[-1]
    assert rig.meters.streams == len(rig.sink.streams) == 2


def test_a_stream_is_read_only_when_the_one_before_it_was_read_to_its_end(rig):
    go_on, begun = threading.Event(), threading.Event()

    def be_slow(messages: Sequence[Arrival], _: object) -> None:
        if messages[0].data == b"000":
            begun.set()
            assert go_on.wait(10)

    rig.sink.on_deliver = be_slow
    rig.sink.pace = SHORT
    rig.pull(hold=4, most=100, patience=HASTY)
    rig.publish(*numbers(4))
    assert begun.wait(10)
    wait_for(lambda: rig.meters.streams == 2, what="another stream is open")
    rig.publish(*numbers(4, start=4))
    # The broker has sent these by the second stream when it has none left; and then they would be here very soon.
    wait_for(lambda: rig.waiting() == [], what="they are under way")
    threading.Event().wait(0.2)
    assert rig.sink.messages.empty()
    go_on.set()
    assert [message.data for message in next_ones(rig, 8)] == numbers(8)
    assert len(rig.sink.streams) == 2


def test_room_is_made_where_nothing_moves_and_slots_are_free(rig):
    rig.sink.hungry = True
    rig.pull(hold=2, patience=HASTY)
    rig.publish(b"1", b"2")
    first, second = next_ones(rig, 2)
    wait_for(lambda: rig.sink.thinned > 0, what="it is asked for room")
    rig.sink.hungry = False
    first.ack()
    second.ack()
    rig.publish(b"3")
    rig.sink.next()
    thinned = rig.sink.thinned
    rig.sink.hungry = True
    threading.Event().wait(5 * HASTY.look_s)
    assert rig.sink.thinned == thinned, "one more may come"


# --- a broker that heeds no limit, and does not notice cancellations -------------------------------------------------


def test_no_more_than_one_response_beyond_what_may_be_held_is_taken_from_a_broker_that_sends_more(google):
    puller = google.pull(hold=5, lease_s=60)
    google.publish(*numbers(300))
    seen, most = [], 0
    while len(seen) < 300:
        message = google.sink.next()
        most = max(most, puller.held)
        seen.append(message.data)
        message.ack()
    assert sorted(seen) == numbers(300)
    assert most <= 5 + BELIEVING


def test_what_is_given_back_as_a_stream_ends_comes_soon_by_the_next_where_cancellations_are_not_noticed(google):
    google.sink.pace = SHORT
    puller = google.pull(hold=10, most=100, lease_s=60, patience=HASTY)
    google.publish(*numbers(40))
    held = next_ones(google, 40)
    wait_for(lambda: google.meters.streams == 2, what="more may be held")
    google.sink.on_spare = lambda stream: held[0].nack(*held[1:]) if stream is None else None
    google.sink.pace = STALLED
    began = time.monotonic()
    again: set[bytes] = set()
    while len(again) < 40:
        message = google.sink.next()
        again.add(message.data)
        message.ack()
    assert time.monotonic() - began < 10, "by a stream that is cancelled, it would take 20 to 41 s"
    wait_for(lambda: puller.held == 0, what="all are acked")
