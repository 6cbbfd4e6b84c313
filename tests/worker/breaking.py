"""Ways to break a worker, its children or its broker, and to look at what is left."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google.api_core import exceptions
from process_parts import children_of
from project import Project, wait_for

from pubsubctl import Client, names
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing, Publisher
from pubsubctl.emulator import control, daemon
from pubsubctl.job import FINISHED


def deliveries(project: Project, number: int = -1) -> int:
    """How many messages the log of a verbose worker says that it was sent."""
    return sum(int(number) for number in re.findall(r"messages received: (\d+)", project.log(number)))


def kill_with_children(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL for a worker and all its children, as when their machine dies."""
    for pid in (worker.pid, *children_of(worker.pid)):
        os.kill(pid, signal.SIGKILL)
    worker.wait()


def kill_the_broker(project: Project) -> str:
    """SIGKILL for the embedded emulator; its address."""
    running = daemon.find(project.state)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)  # this process started it
    return running.address


def is_frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def wait_until_frozen(worker: subprocess.Popen[bytes]) -> None:
    wait_for(lambda: is_frozen(worker.pid), what="the worker is frozen")


def freeze(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        wait_for(lambda pid=pid: is_frozen(pid), what=f"{pid} is frozen")


def thaw(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def make_chaos(project: Project, faults: str) -> None:
    running = daemon.find(project.state)
    assert running is not None
    control.make_chaos(running.rest_address, faults)


@contextmanager
def chaos(project: Project, faults: str) -> Iterator[None]:
    """Faults of the broker, for a while."""
    make_chaos(project, faults)
    try:
        yield
    finally:
        make_chaos(project, "off")


def publish(project: Project, *messages: Outgoing) -> list[str]:
    with Connection(project.settings) as connection:
        return Publisher(connection, project.settings.topic_path).publish(messages)


def pulled(project: Project, subscription_path: str, *, settle: str = "ack", timeout_s: float = 1.0) -> list[Outgoing]:
    """What a plain pull gets in time: messages that are in nobody's hands. They are acknowledged, or refused."""
    with Connection(project.settings) as connection:
        try:
            answer = connection.subscriber.pull(subscription=subscription_path, max_messages=1000, timeout=timeout_s)
        except exceptions.DeadlineExceeded:
            return []
        ack_ids = [received.ack_id for received in answer.received_messages]
        if ack_ids and settle == "ack":
            connection.subscriber.acknowledge(subscription=subscription_path, ack_ids=ack_ids)
        elif ack_ids:
            connection.subscriber.modify_ack_deadline(
                subscription=subscription_path, ack_ids=ack_ids, ack_deadline_seconds=0
            )
        return [Outgoing(item.message.data, dict(item.message.attributes)) for item in answer.received_messages]


def wait_until_lapsed(project: Project, job_ids: set[str]) -> None:
    """Wait until the leases of jobs at the broker have lapsed, and cut the streams of whoever held them.

    Otherwise the broker gives them to the frozen again, for as long as it takes it to notice.
    """
    seen: set[str] = set()

    def lapsed() -> bool:
        found = pulled(project, project.settings.subscription_path, settle="nack")
        seen.update(message.attributes["job-id"] for message in found)
        return seen >= job_ids

    with chaos(project, "disconnect=1"):
        wait_for(lapsed, what="the leases have lapsed", timeout_s=40)


def dead_letters(project: Project) -> list[Outgoing]:
    """Those that were mirrored and not looked at before."""
    return pulled(project, project.settings.dead_letter_subscription_path)


def left_over(project: Project, subscription: str) -> int:
    """How many messages of a subscription are in nobody's hands."""
    count = 0
    while found := pulled(project, names.subscription_path(project.settings.project, subscription)):
        count += len(found)
    return count


def wait_for_all(client: Client, *, ended: int, timeout_s: float = 60.0) -> None:
    """Wait until as many jobs as that have ended, and none has not."""

    def done() -> bool:
        counts = client.store.counts()
        return sum(n for state, n in counts.items() if state in FINISHED) == ended == sum(counts.values())

    wait_for(done, what=f"{ended} jobs have ended", timeout_s=timeout_s)
