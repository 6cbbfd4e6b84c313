"""What the worker demands of google-cloud-pubsub's subscriber: each test fails where the client is used otherwise.

The embedded emulator runs in this process, where it can be stopped: Google's is shared by all tests.
"""

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import wait_for
from pulling import Rig

from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker
from pubsubctl.worker.scheduler import EagerQueue


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with EmbeddedBroker(tmp_path) as broker:
        rig = Rig(broker.address, tmp_path)
        yield rig
        rig.close()


def test_acks_are_sent_without_waiting_for_more_of_them():
    # The client's dispatcher waits for more acks with a timed get; were it to wait here, this test would time out.
    waiting = EagerQueue()
    with pytest.raises(queue.Empty):
        waiting.get(timeout=3600)
    waiting.put("ack")
    assert waiting.get(timeout=3600) == "ack"


def test_the_dispatcher_of_an_open_stream_reads_the_eager_queue(rig):
    puller = rig.pull()
    rig.publish(b"a")
    rig.sink.next()
    assert isinstance(rig.manager(puller).dispatcher._queue, EagerQueue)


def test_deliveries_come_straight_through_in_the_clients_own_thread(rig):
    rig.pull()
    rig.publish(*(b"%d" % n for n in range(10)))
    for _ in range(10):
        rig.sink.next()
    assert not any("ThreadScheduler" in name for name in rig.sink.threads)
    assert not any("ThreadScheduler" in thread.name for thread in threading.enumerate())


def test_no_more_than_what_may_be_held_is_delivered(rig):
    rig.pull(hold=3)
    rig.publish(*(b"%d" % n for n in range(10)))
    held = [rig.sink.next() for _ in range(3)]
    assert sorted(rig.waiting()) == [b"%d" % n for n in range(3, 10)]
    assert rig.sink.messages.empty()
    assert len(held) == 3


def test_a_lease_is_kept_however_long_ago_the_message_came(rig):
    puller = rig.pull(lease_s=10)
    rig.publish(b"long")
    rig.sink.next()
    leaser = rig.manager(puller).leaser
    with leaser._add_remove_lock:
        for ack_id, item in leaser._leased_messages.items():
            leaser._leased_messages[ack_id] = item._replace(sent_time=time.time() - 7 * 86400)
    # A pass of the leaser comes at the latest after nine tenths of the ack deadline; a limit would drop the lease.
    leased_until = time.monotonic() + 11
    wait_for(lambda: leaser.message_count == 0 or time.monotonic() > leased_until, what="the leaser has passed")
    assert leaser.message_count == 1
    assert rig.waiting() == []


def test_the_lease_is_the_one_asked_for_whatever_the_client_has_measured(rig):
    puller = rig.pull(lease_s=60)
    rig.publish(b"a")
    rig.sink.next()
    manager = rig.manager(puller)
    for measured in (1, 600):  # which alone would make leases of 10 s, or of 600 s
        for _ in range(1000):
            manager.ack_histogram.add(measured)
        manager._last_histogram_size = 0
        assert manager._obtain_ack_deadline(maybe_update=True) == 60
    assert manager._stream_ack_deadline == 60


def test_a_stream_that_has_died_is_followed_by_another(rig):
    puller = rig.pull()
    rig.publish(b"before")
    rig.sink.next().ack()
    rig.manager(puller).close(reason=RuntimeError("the client gives up"))
    wait_for(lambda: bool(rig.sink.abandoned), what="the stream has ended")  # until then it may bring a message
    rig.publish(b"after")
    assert rig.sink.next().data == b"after"
    assert len(rig.sink.streams) == 2
    assert rig.sink.abandoned == [rig.sink.streams[0]]


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


def test_acks_given_while_draining_reach_the_broker(rig):
    puller = rig.pull()
    rig.publish(*(b"%d" % n for n in range(5)))
    held = [rig.sink.next() for _ in range(5)]

    def drain() -> None:
        for message in held:
            message.ack()

    rig.sink.on_drain = drain
    puller.stop()
    # What was not acked would be delivered again now.
    rig.connection.subscriber.modify_ack_deadline(
        subscription=rig.settings.subscription_path,
        ack_ids=[message.ack_id for message in held],
        ack_deadline_seconds=0,
    )
    assert rig.waiting() == []


def test_leases_are_kept_while_draining(rig):
    puller = rig.pull(lease_s=10)
    rig.publish(b"running")
    message = rig.sink.next()
    manager = rig.manager(puller)
    seen: list[bool] = []

    def drain() -> None:
        seen.append(manager.leaser is not None and manager.leaser._thread.is_alive())
        seen.append(manager.dispatcher._thread.is_alive())
        message.ack()

    rig.sink.on_drain = drain
    puller.stop()
    assert seen == [True, True]


def test_what_is_nacked_while_draining_is_given_to_others_before_the_drain_has_ended(rig):
    puller = rig.pull(lease_s=600)
    rig.publish(b"a", b"b")
    held = [rig.sink.next(), rig.sink.next()]
    received: list[bytes] = []

    def drain() -> None:
        for message in held:
            message.nack()
        wait_for(lambda: received.extend(rig.waiting()) or len(received) == 2, what="both are delivered again")

    rig.sink.on_drain = drain
    puller.stop()
    assert sorted(received) == [b"a", b"b"]


def test_a_subscription_that_does_not_exist_is_hopeless(rig):
    rig.pull(subscription=rig.settings.subscription_path + "-gone")
    wait_for(lambda: bool(rig.sink.hopeless), what="the puller gives up")
