"""Google's own emulator, through gcloud, as a daemon of a state directory.

That its processes end together is in ``test_gcloud_tree``, for processes like these; here they are the real ones.
"""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from process_tree import alive, tree
from pubsub_kit import Broker, eventually

from pubsubctl.emulator import daemon
from pubsubctl.emulator.gcloud.sdk import Sdk
from pubsubctl.errors import EmulatorError
from pubsubctl.state import State

FOREGROUND = """
import sys
from pathlib import Path
from pubsubctl.emulator import daemon
from pubsubctl.state import State
daemon.serve_foreground(State(Path(sys.argv[1])), broker="gcloud", on_ready=lambda it: print(it.address, flush=True))
"""


@pytest.fixture(autouse=True)
def gcloud(lack: Callable[[str, str], NoReturn]) -> None:
    """Skip where gcloud, its emulator or Java is missing; fail where they are asked for."""
    try:
        Sdk.find().check()
    except EmulatorError as error:
        lack("gcloud", str(error))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / ".pubsubctl")
    yield made
    daemon.stop(made)


def test_it_answers_rpcs_when_start_returns_and_nothing_is_left_when_stop_does(state: State) -> None:
    running = daemon.start(state, broker="gcloud")
    broker = Broker("gcloud", running.address)
    assert broker.topic()
    broker.close()
    with urllib.request.urlopen(f"http://{running.rest_address}/v1/projects/any-project/topics") as response:
        assert response.status == 200
    processes = tree(running.pid)
    assert set(processes) == {"guard", "leash", "gcloud", "java"}
    assert os.getpgid(processes["java"]) == processes["gcloud"]
    assert daemon.stop(state)
    assert not alive(list(processes.values()))


def test_nothing_is_left_of_one_in_the_foreground_that_was_killed(state: State) -> None:
    command = [sys.executable, "-c", FOREGROUND, str(state.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        processes = tree(process.pid)
        process.send_signal(signal.SIGKILL)
    assert set(processes) == {"top", "leash", "gcloud", "java"}
    eventually(lambda: not alive(list(processes.values())), f"the end of {processes}")
    assert daemon.find(state) is None


def test_at_an_ipv6_address_it_answers_rpcs_too(state: State) -> None:
    running = daemon.start(state, broker="gcloud", host_port="[::1]:0")
    broker = Broker("gcloud", running.address)
    assert broker.topic()
    broker.close()
