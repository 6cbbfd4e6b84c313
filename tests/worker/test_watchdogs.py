"""Streams that die without a word, each in a way of its own, are followed by another that works.

The broker that is stopped, frozen or started again under a stream is the embedded one: all tests share Google's.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud.pubsub_v1.subscriber._protocol import helper_threads, requests
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError
from project import HERE, Project, wait_for
from proxy import Proxy
from pulling import Rig

from pubsubctl import Client, JobState
from pubsubctl.emulator import daemon
from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker
from pubsubctl.exchange import Request
from pubsubctl.job import NewJob
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.store.messages import Published
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.scheduler import DirectScheduler, EagerQueue
from pubsubctl.worker.watchdog import Patience, StreamLost, StreamSilent, Watchdog, jobs_wait

HASTY = Patience(look_s=0.1, trouble_look_s=0.1, open_s=0.5, return_s=0.5, silent_s=0.5, most_silent_s=2.0, end_s=1.0)


def jobs_always_wait(_: float) -> bool:
    return True


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with EmbeddedBroker(tmp_path) as broker:
        rig = Rig(broker.address, tmp_path)
        yield rig
        rig.close()


@pytest.mark.parametrize("direction", [{}, {"to_broker": False}], ids=["both ways", "from the broker"])
def test_a_connection_that_carries_nothing_any_more_is_replaced(tmp_path, direction):
    with EmbeddedBroker(tmp_path) as broker, Proxy(broker.address) as proxy:
        rig = Rig(broker.address, tmp_path, pull_at=proxy.address)
        rig.pull(waiting=jobs_always_wait, patience=HASTY)
        rig.publish(b"before")
        rig.sink.next().ack()
        proxy.stall(**direction)
        rig.publish(b"after")
        while (message := rig.sink.next(40)).data != b"after":  # the ack may have been lost on the way
            message.ack()
        message.ack()
        rig.close()
    assert len(rig.sink.streams) >= 2
    assert rig.sink.abandoned[0] is rig.sink.streams[0]


def test_a_broker_that_was_frozen_is_pulled_from_again(tmp_path):
    project = Project(tmp_path)
    project.setup()
    running = daemon.find(project.state)
    assert running is not None
    rig = Rig(running.address, tmp_path)
    try:
        rig.pull(waiting=jobs_always_wait, patience=HASTY)
        rig.publish(b"before")
        rig.sink.next().ack()
        os.kill(running.pid, signal.SIGSTOP)
        wait_for(lambda: bool(rig.sink.abandoned), what="the silent stream is given up")
        os.kill(running.pid, signal.SIGCONT)
        rig.publish(b"after")
        while (message := rig.sink.next(40)).data != b"after":
            message.ack()
    finally:
        os.kill(running.pid, signal.SIGCONT)
        rig.close()
        project.close()


def test_an_idle_stream_is_left_alone(rig):
    asked: list[float] = []
    rig.pull(waiting=lambda seconds: bool(asked.append(seconds)), patience=HASTY)
    wait_for(lambda: len(asked) >= 3, what="the store was asked, again and again")
    assert rig.meters.streams == 1
    assert set(asked) == {0.5}


def test_a_stream_that_may_not_bring_more_is_not_silent(rig):
    asked: list[float] = []
    rig.pull(hold=2, waiting=lambda seconds: not asked.append(seconds), patience=HASTY)
    rig.publish(b"1", b"2", b"3")
    held = [rig.sink.next(), rig.sink.next()]
    # Whoever holds all that may be held asks nobody; the third comes by the same stream as soon as there is room.
    threading.Event().wait(1.5 * HASTY.silent_s)
    assert not asked
    for message in held:
        message.ack()
    assert rig.sink.next().data == b"3"
    assert rig.meters.streams == 1


def test_time_without_a_broker_is_no_silence():
    given = SimpleNamespace(now=0.0, is_open=True)
    scheduler = DirectScheduler(lambda _: None)
    scheduler.heard_at = given.now
    manager = SimpleNamespace(
        _rpc=SimpleNamespace(call=SimpleNamespace(is_active=lambda: given.is_open)),
        _consumer=SimpleNamespace(is_paused=False),
    )
    watchdog = Watchdog(
        manager, scheduler, patience=Patience(), silent_s=60.0, waiting=jobs_always_wait, clock=lambda: given.now
    )

    def look(now: float, *, answers: bool, is_open: bool) -> StreamLost | None:
        given.now, given.is_open = now, is_open
        return watchdog.look(answers=answers)

    for now in range(5, 300, 5):
        assert look(now, answers=False, is_open=False) is None
    assert look(300, answers=True, is_open=False) is None, "it has to be opened again first"
    for now in range(301, 360, 5):
        assert look(now, answers=True, is_open=True) is None
    assert isinstance(look(361, answers=True, is_open=True), StreamSilent)


def test_a_stream_is_opened_anew_more_and_more_seldom_while_nothing_comes(rig):
    asked: list[float] = []
    rig.pull(waiting=lambda seconds: not asked.append(seconds), patience=HASTY)
    wait_for(lambda: len(asked) >= 4, what="four streams were silent")
    assert asked[:4] == [0.5, 1.0, 2.0, 2.0]


def leaser_dies(manager: Any) -> None:
    manager._leaser._stop_event.set()


def dispatcher_dies(manager: Any) -> None:
    manager._scheduler.queue.put(helper_threads.STOP)


def heartbeater_dies(manager: Any) -> None:
    manager._heartbeater._stop_event.set()


def consumer_dies(manager: Any) -> None:
    def fail(_: object) -> None:
        raise SystemExit  # which threading says nothing about

    manager._consumer._on_response = fail


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the very point
@pytest.mark.parametrize("kill", [leaser_dies, dispatcher_dies, heartbeater_dies, consumer_dies])
def test_a_stream_whose_thread_has_died_is_replaced(rig, kill: Callable[[Any], None]):
    puller = rig.pull(patience=HASTY)
    rig.publish(b"before")
    rig.sink.next().ack()
    kill(rig.manager(puller))
    rig.publish(b"after")
    wait_for(lambda: bool(rig.sink.abandoned), what="the stream is given up")
    wait_for(lambda: rig.meters.streams == 2, what="there is another")
    while (message := rig.sink.next()).data != b"after":
        message.ack()


def test_a_stream_that_does_not_end_is_left_behind(rig, caplog):
    puller = rig.pull(patience=HASTY)
    rig.publish(b"before")
    rig.sink.next().ack()
    manager, hang = rig.manager(puller), threading.Event()
    manager.leaser.stop = hang.wait
    heartbeater_dies(manager)
    try:
        wait_for(lambda: rig.meters.streams == 2, what="another stream is open")
        rig.publish(b"after")
        assert rig.sink.next().data == b"after"
    finally:
        hang.set()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the stream from the broker has ended, another is opened: the client's heartbeater has died"
    ]


def test_a_stream_that_the_client_does_not_open_again_is_replaced(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        host, _, port = broker.address.rpartition(":")
        rig = Rig(broker.address, tmp_path)
        puller = rig.pull(patience=HASTY)
        rig.publish(b"before")
        rig.sink.next().ack()
        turn = threading.Lock()  # what the client waits for before it opens a stream again: by the clock, for hours
        turn.acquire()
        rig.manager(puller)._rpc._reopen_throttle = turn
    with EmbeddedBroker(tmp_path, host=host, port=int(port)):
        rig.publish(b"after")
        while (message := rig.sink.next(40)).data != b"after":
            message.ack()
        turn.release()
        rig.close()


# The client's leaser may die of it, which is what other tests are about.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_stream_that_cannot_extend_leases_ends_and_another_is_opened_when_the_broker_is_back(tmp_path, caplog):
    with EmbeddedBroker(tmp_path) as broker:
        host, _, port = broker.address.rpartition(":")
        rig = Rig(broker.address, tmp_path)
        rig.pull(patience=Patience(look_s=0.1, trouble_look_s=0.1, end_s=1.0, tries_s=1.0))
        rig.publish(b"running")
        message = rig.sink.next()
    message.ack()
    wait_for(lambda: bool(rig.sink.abandoned), what="the client gives the stream up", timeout_s=30)
    with EmbeddedBroker(tmp_path, host=host, port=int(port)):
        assert rig.sink.next(40).data == b"running"
        wait_for(lambda: "the broker is back" in caplog.text, what="that is told")
        rig.close()
    ours = [record.message for record in caplog.records if record.name == "pubsubctl.worker"]
    assert len(ours) == 2, ours


def test_whoever_waits_for_the_answer_to_an_ack_of_a_dead_stream_is_told():
    answer: Future[Any] = Future()
    late: Future[Any] = Future()
    acks = EagerQueue()
    acks.put(requests.AckRequest("1", 0, 0.0, "", answer))
    acks.put(helper_threads.STOP)
    acks.die()
    acks.put(requests.AckRequest("2", 0, 0.0, "", late))
    for future in (answer, late):
        with pytest.raises(AcknowledgeError):
            future.result(timeout=0)
    assert acks.get() == helper_threads.STOP
    with pytest.raises(queue.Empty):
        acks.get(block=False)


def test_only_published_jobs_of_the_topic_that_are_due_make_a_silence_suspicious(project):
    with project.client() as client:
        topic, subscription = project.settings.topic_path, project.settings.subscription_path
        ask = jobs_wait(client.store, topic, subscription, lease_s=60)
        assert not ask(0.0)
        client.submit("GET", "/noop", delay=3600)
        assert not ask(0.0)
        job = client.submit("GET", "/noop")
        assert ask(0.0)
        assert not ask(3600.0)
        dead_letters = project.settings.dead_letter_topic_path
        assert not jobs_wait(client.store, dead_letters, subscription, lease_s=60)(0.0)
        job.cancel()
        assert job.state is JobState.CANCELLED
        assert not ask(0.0)


def test_jobs_that_workers_hold_behind_long_ones_make_no_silence_suspicious(project):
    topic, subscription = project.settings.topic_path, project.settings.subscription_path
    with project.client() as client:
        store = client.store
        for number in range(3):
            client.submit("GET", f"/noop?n={number}")
        ask = jobs_wait(store, topic, subscription, lease_s=60)
        here, there = WorkerInfo("a", "h", 1, "app", subscription, 1), WorkerInfo("b", "h", 2, "app", subscription, 1)
        store.heartbeat(replace(here, held=2), [], lease_s=60)
        assert ask(0.0), "one is nowhere"
        store.heartbeat(replace(there, held=1, subscription="another"), [], lease_s=60)
        assert ask(0.0), "its messages are of another subscription"
        store.heartbeat(replace(there, held=1), [], lease_s=60)
        assert not ask(0.0)
        assert jobs_wait(store, topic, subscription, lease_s=0)(0.0), "what a dead worker held is to be sent again"


IMPATIENT = """
import functools
import pubsubctl.worker.puller as puller

puller.Patience = functools.partial(puller.Patience, look_s=0.2, trouble_look_s=0.2, silent_s=1.0, most_silent_s=2.0)
"""


@pytest.mark.on_every_broker
def test_a_worker_tells_what_it_holds_and_is_not_silent_for_that_but_for_what_nobody_holds(project):
    (project.folder / "sitecustomize.py").write_text(IMPATIENT)
    project.environment["PYTHONPATH"] = f"{project.folder}:{HERE}"
    project.worker("-p", "1", "--prefetch", "4")
    with project.client() as client:
        long = client.submit("GET", f"/until{project.folder}/end")
        wait_for(lambda: long.state is JobState.RUNNING, what="the long job runs")
        behind = [client.submit("GET", f"/noop?n={number}") for number in range(3)]
        wait_for(lambda: client.store.workers()[0].held == 3, what="it says that it holds three")
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 4, what="a silence would have been noticed")
        assert "no message has come" not in project.log()
        lose_a_message(project, client)
        wait_for(lambda: "no message has come" in project.log(), what="it is noticed where one is missing")
        (project.folder / "end").touch()
        for job in (long, *behind):
            assert job.wait(20).state is JobState.SUCCEEDED


def lose_a_message(project: Project, client: Client) -> None:
    """A job, published as far as the store knows, whose message the broker does not have."""
    client.store.add([NewJob("missing", Request.of("GET", "/noop"), project.settings.topic_path)])
    client.store.published([Published("missing", "a-message")])


def test_what_several_miss_is_told_once_and_again_when_the_last_has_found_it(caplog):
    caplog.set_level("WARNING")
    store = Presence("the store is back")
    store.missed_by("recorder", "the store is away")
    store.missed_by("keeper", "leases cannot be renewed")
    store.missed_by("recorder", "the store is still away")
    assert store.trouble == "the store is away"
    store.found_by("recorder")
    assert store.trouble == "leases cannot be renewed"
    store.found_by("keeper")
    store.found_by("keeper")
    assert store.trouble is None
    assert [record.message for record in caplog.records] == ["the store is away", "the store is back"]
