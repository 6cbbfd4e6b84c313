"""The process tree of Google's emulator: it starts, ends and is told of as a whole, whoever dies first."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stand_in_sdk
from process_tree import alive, tree
from pubsub_kit import eventually

from pubsubctl.emulator import daemon
from pubsubctl.emulator.gcloud.process import OUTPUT
from pubsubctl.errors import EmulatorError, UsageError
from pubsubctl.state import State

STARTER = """
import sys
from pathlib import Path
from pubsubctl.emulator import daemon
from pubsubctl.state import State
daemon.start(State(Path(sys.argv[1])), broker="gcloud")
"""
FOREGROUND = """
import sys
from pathlib import Path
from pubsubctl.emulator import daemon
from pubsubctl.state import State
daemon.serve_foreground(State(Path(sys.argv[1])), broker="gcloud", on_ready=lambda it: print(it.address, flush=True))
"""


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of an installation that stands in for gcloud's."""
    programs = stand_in_sdk.install(tmp_path / "sdk")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path / "sdk"


@pytest.fixture
def state(sdk: Path, tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / ".pubsubctl")
    yield made
    daemon.stop(made)


def start(state: State) -> tuple[daemon.Running, dict[str, int]]:
    """The emulator, and its processes."""
    running = daemon.start(state, broker="gcloud")
    processes = tree(running.pid)
    assert set(processes) == {"guard", "leash", "gcloud", "java"}
    return running, processes


def all_end(processes: dict[str, int]) -> None:
    eventually(lambda: not alive(list(processes.values())), f"the end of {processes}")


def reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


@contextlib.contextmanager
def program(code: str, state: State) -> Iterator["subprocess.Popen[str]"]:
    """A Python program that is about ``state``; it is ended at the end."""
    command = [sys.executable, "-c", code, str(state.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_is_recorded_found_and_stopped_as_the_embedded_one_is(state: State) -> None:
    running, processes = start(state)
    assert (running.broker, running.started) == ("gcloud", True)
    assert running.data_dir == (state.directory / "gcloud").resolve()
    known = json.loads(state.emulator_json.read_text())
    assert (known["pid"], known["address"], known["broker"]) == (running.pid, running.address, "gcloud")
    again = daemon.start(state, broker="gcloud")
    assert (again.pid, again.address, again.started) == (running.pid, running.address, False)
    assert daemon.find(state) == again
    assert daemon.stop(state)
    assert not alive(list(processes.values()))
    assert daemon.find(state) is None
    assert not state.emulator_json.exists()


def test_the_next_one_has_the_same_address(state: State) -> None:
    first, _ = start(state)
    daemon.stop(state)
    assert daemon.start(state, broker="gcloud").address == first.address


def test_it_is_detached_and_its_own_tree_too(state: State) -> None:
    running, processes = start(state)
    assert os.getsid(running.pid) == running.pid
    assert os.getpgid(processes["java"]) == os.getpgid(processes["gcloud"]) == processes["gcloud"]
    assert os.getsid(processes["leash"]) == processes["leash"]


@pytest.mark.parametrize("victim", ["gcloud", "java"])
def test_when_a_part_of_it_is_killed_the_rest_ends(state: State, victim: str) -> None:
    running, processes = start(state)
    os.kill(processes[victim], signal.SIGKILL)
    all_end(processes)
    assert "Google's emulator" in state.emulator_log.read_text()
    reap(running.pid)
    assert daemon.find(state) is None


def test_when_the_process_that_watches_it_is_killed_all_of_it_ends_and_may_start_anew(state: State) -> None:
    running, processes = start(state)
    os.kill(running.pid, signal.SIGKILL)
    all_end(processes)
    reap(running.pid)
    assert daemon.find(state) is None
    assert daemon.start(state, broker="gcloud").address == running.address


def test_a_leash_that_was_killed_is_replaced(state: State) -> None:
    running, processes = start(state)
    os.kill(processes["leash"], signal.SIGKILL)
    renewed = eventually(
        lambda: (now := tree(running.pid)).get("leash", processes["leash"]) != processes["leash"] and now, "a new leash"
    )
    os.kill(running.pid, signal.SIGKILL)
    all_end(renewed)
    reap(running.pid)


def test_a_frozen_one_is_killed_with_all_that_it_has_started(state: State) -> None:
    running, processes = start(state)
    os.kill(running.pid, signal.SIGSTOP)
    assert daemon.stop(state, timeout_s=0.2)
    all_end(processes)


def test_it_ends_when_its_data_directory_is_removed(state: State) -> None:
    running, processes = start(state)
    shutil.rmtree(running.data_dir)
    all_end(processes)
    reap(running.pid)
    assert "was removed" in state.emulator_log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_in_the_foreground_nothing_is_left_whichever_signal_ends_it(state: State, number: signal.Signals) -> None:
    with program(FOREGROUND, state) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        running = daemon.find(state)
        assert running is not None
        assert (running.pid, running.address) == (process.pid, address)
        processes = tree(process.pid)
        os.killpg(process.pid, number)  # as a terminal does
        assert process.wait(10) == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    all_end(processes)
    assert daemon.find(state) is None
    assert state.emulator_json.exists() is (number is signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_start_in_the_foreground_that_is_cut_short_leaves_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("STAND_IN", "silent")
    with program(FOREGROUND, state) as process:
        processes = eventually(lambda: "java" in (now := tree(process.pid)) and now, "all of its processes")
        os.killpg(process.pid, number)
        assert process.wait(10) == (-signal.SIGKILL if number is signal.SIGKILL else 0)
        assert process.stdout is not None
        assert process.stdout.read() == ""
    all_end(processes)


def test_a_daemon_whose_starter_was_killed_does_not_stay(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "slow")
    monkeypatch.setenv("STAND_IN_GO", str(tmp_path / "go"))
    with program(STARTER, state) as starter:
        processes = eventually(lambda: "java" in (now := tree(starter.pid)) and now, "all of its processes")
        starter.kill()
        starter.wait(10)
    (tmp_path / "go").touch()
    all_end(processes)
    assert "is gone" in state.emulator_log.read_text()


def test_two_of_different_kinds_do_not_run_side_by_side(state: State) -> None:
    running, _ = start(state)
    with pytest.raises(EmulatorError, match=r"Google's emulator runs already at .*; stop it first with `pubsubctl em"):
        daemon.start(state)
    with pytest.raises(EmulatorError, match=r"Google's emulator runs already"):
        daemon.serve_foreground(state)
    daemon.stop(state)
    daemon.start(state)
    with pytest.raises(EmulatorError, match="the embedded emulator runs already"):
        daemon.start(state, broker="gcloud")
    assert not alive([running.pid])


def test_without_its_file_it_is_found_and_stopped_by_its_lock(state: State) -> None:
    running, processes = start(state)
    state.emulator_json.write_text("garbage")
    found = daemon.find(state)
    assert found is not None
    assert (found.pid, found.address, found.broker) == (running.pid, running.address, "gcloud")
    assert daemon.stop(state)
    assert not alive(list(processes.values()))


def test_a_taken_port_is_the_reason_given(state: State) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EmulatorError, match=rf"cannot listen at {address}: .*in use; name another --host-port"):
            daemon.start(state, broker="gcloud", host_port=address)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("hopeless", "Google's emulator cannot serve: Address already in use"),
        ("fail", "Google's emulator has ended: It does not work today."),
    ],
)
def test_what_gcloud_and_java_complain_of_is_the_reason_given(
    state: State, monkeypatch: pytest.MonkeyPatch, way: str, reason: str
) -> None:
    monkeypatch.setenv("STAND_IN", way)
    with pytest.raises(EmulatorError, match=reason):
        daemon.start(state, broker="gcloud")
    assert (state.directory / "gcloud" / OUTPUT).stat().st_size


def test_a_port_that_somebody_took_meanwhile_is_not_the_only_one(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "unlucky")
    monkeypatch.setenv("STAND_IN_GO", str(tmp_path / "go"))
    running, _ = start(state)
    daemon.stop(state)
    (tmp_path / "go").unlink()
    with pytest.raises(EmulatorError, match="cannot serve: Address already in use"):
        daemon.start(state, broker="gcloud", host_port=running.address)


def test_a_data_directory_that_cannot_be_used_is_named(state: State, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmulatorError, match=r"cannot use .*/file/data: Not a directory; name another --data-dir"):
        daemon.start(state, broker="gcloud", data_dir=tmp_path / "file" / "data")


def test_an_option_of_the_other_emulator_is_refused(state: State) -> None:
    with pytest.raises(UsageError, match="--durability is for the embedded emulator"):
        daemon.start(state, broker="gcloud", options={"durability": "full"})


def test_gcloud_asks_nobody_anything(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no-folder").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "no-folder"))
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)
    running = daemon.start(state, broker="gcloud", options={"project": "my-project"})
    seen = json.loads((running.data_dir / "seen.json").read_text())
    assert seen["args"] == [
        *("beta", "emulators", "pubsub", "start"),
        *(f"--host-port={running.address}", f"--data-dir={running.data_dir}", "--project=my-project"),
    ]
    quiet = {
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CONFIG": str(running.data_dir / "config"),
    }
    assert quiet.items() <= seen["environ"].items()
