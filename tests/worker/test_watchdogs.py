"""Streams that die without a word, each in a way of its own, are followed by another that works.

The broker that is stopped, frozen or started again under a stream is the embedded one: all tests share Google's.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from project import HERE, Project, wait_for
from proxy import Proxy
from pulling import Rig, Watched

from pubsubctl import Client, JobState
from pubsubctl.emulator import daemon
from pubsubctl.emulator.embedded.clock import MovableClock
from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker
from pubsubctl.exchange import Request
from pubsubctl.job import NewJob
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.store.messages import Published
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.watchdog import Patience, StreamSilent, Watchdog, jobs_wait

HASTY = Patience(look_s=0.1, trouble_look_s=0.1, silent_s=0.5, most_silent_s=2.0)


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
        # The broker sends them there; when their leases have lapsed, it gives each stream its share.
        rig.publish(b"after", b"after")
        while (message := rig.sink.next(40)).data != b"after":  # the ack may have been lost on the way
            message.ack()
        message.ack()
        rig.close()
    assert len(rig.sink.streams) >= 2


@pytest.mark.parametrize("direction", [{}, {"to_broker": False}], ids=["both ways", "from the broker"])
def test_leases_are_kept_and_acks_told_by_another_connection_where_theirs_carries_nothing_any_more(tmp_path, direction):
    clock, faults = MovableClock(), Watched()
    with EmbeddedBroker(tmp_path, clock=clock, faults=faults) as broker, Proxy(broker.address) as proxy:
        rig = Rig(broker.address, tmp_path, pull_at=proxy.address)
        puller = rig.pull(lease_s=10)
        rig.publish(b"running")
        message = rig.sink.next()
        wait_for(lambda: faults.calls["ModifyAckDeadline"] > 0, what="its lease was renewed")
        proxy.stall(**direction)
        stalled_at = time.monotonic()
        wait_for(lambda: time.monotonic() - stalled_at > 12, what="a lease that was not renewed has lapsed")
        assert rig.waiting() == []
        message.ack()
        wait_for(lambda: puller.held == 0, what="it is acked")
        rig.close()
        rig = Rig(broker.address, tmp_path)
        clock.advance(700)
        assert rig.waiting() == []
        rig.close()


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
        wait_for(lambda: bool(rig.sink.spared), what="the silent stream is given up")
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
    given = SimpleNamespace(now=0.0)
    stream = SimpleNamespace(is_open=True, heard_at=0.0)
    watchdog = Watchdog(
        stream, silent_s=60.0, full=lambda: False, waiting=jobs_always_wait, clock=lambda: float(given.now)
    )

    def look(now: float, *, answers: bool, is_open: bool) -> StreamSilent | None:
        given.now, stream.is_open = now, is_open
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


def test_only_published_jobs_of_the_topic_that_are_due_make_a_silence_suspicious(project):
    with project.client() as client:
        topic, subscription = project.settings.topic_path, project.settings.subscription_path
        ask = jobs_wait(client.store, topic, subscription, lease_s=60)
        assert not ask(0.0)
        client.submit("GET", "/noop", delay=3600)
        assert not ask(0.0)
        job = client.submit("GET", "/noop")
        assert job.history()  # by which its message is noted
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
            assert client.submit("GET", f"/noop?n={number}").history()  # by which its message is noted
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
