"""The emulator as a daemon of a state directory."""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from process_parts import open_files
from pubsub_kit import Broker, eventually

from pubsubctl.emulator import daemon, record
from pubsubctl.emulator.address import split
from pubsubctl.errors import EmulatorError, UsageError
from pubsubctl.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / ".pubsubctl")
    yield made
    daemon.stop(made)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_answers_rpcs_when_start_returns(state: State) -> None:
    running = daemon.start(state)
    assert running.started
    assert running.broker == "embedded"
    assert json.loads(state.emulator_json.read_text())["pid"] == running.pid
    broker = Broker("embedded", running.address)
    assert broker.topic()
    broker.close()


def test_it_is_detached(state: State) -> None:
    running = daemon.start(state)
    assert os.getsid(running.pid) == running.pid


def test_a_second_start_finds_the_first(state: State) -> None:
    first = daemon.start(state)
    second = daemon.start(state)
    assert (second.pid, second.address, second.started) == (first.pid, first.address, False)


def test_two_starts_at_once_end_with_one_daemon(state: State) -> None:
    with ThreadPoolExecutor(4) as pool:
        running = list(pool.map(lambda _: daemon.start(state), range(4)))
    assert len({one.pid for one in running}) == 1
    assert sum(one.started for one in running) == 1


def test_stop_ends_it_and_find_knows(state: State) -> None:
    running = daemon.start(state)
    assert daemon.find(state) is not None
    assert daemon.stop(state)
    assert not is_alive(running.pid)
    assert daemon.find(state) is None
    assert not state.emulator_json.exists()
    assert not daemon.stop(state)


def test_the_next_one_has_the_same_port_and_data(state: State) -> None:
    first = daemon.start(state)
    broker = Broker("embedded", first.address)
    topic = broker.topic()
    daemon.stop(state)
    second = daemon.start(state)
    assert second.address == first.address
    assert broker.publisher.get_topic(topic=topic)
    broker.close()


def test_another_port_is_taken_when_the_usual_one_is_not_free(state: State) -> None:
    first = daemon.start(state)
    daemon.stop(state)
    with socket.create_server(split(first.address)):
        assert daemon.start(state).address != first.address


def test_a_port_that_is_asked_for_and_taken_is_an_error_with_the_reason(state: State) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EmulatorError, match=rf"did not start: .*cannot listen at {address}"):
            daemon.start(state, host_port=address)
    assert daemon.find(state) is None


def test_a_killed_daemon_is_not_found_and_started_anew(state: State) -> None:
    first = daemon.start(state)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: daemon.find(state) is None, "the daemon is gone")
    second = daemon.start(state)
    assert second.started
    assert second.pid != first.pid


def test_a_file_that_names_a_process_of_someone_else_is_not_believed_but_the_lock_is(state: State) -> None:
    running = daemon.start(state)
    known = json.loads(state.emulator_json.read_text())
    state.write_json(state.emulator_json, {**known, "pid": os.getpid()})
    found = daemon.find(state)
    assert found is not None
    assert (found.pid, found.address) == (running.pid, running.address)
    assert daemon.stop(state)
    assert not is_alive(running.pid)


def test_a_file_of_a_process_that_has_ended_is_no_emulator(state: State, tmp_path: Path) -> None:
    running = daemon.start(state, data_dir=tmp_path / "elsewhere")
    known = state.emulator_json.read_text()
    daemon.stop(state)
    state.emulator_json.write_text(known)
    assert daemon.find(state) is None
    assert not daemon.stop(state)
    assert not is_alive(running.pid)


SENSIBLE = {"pid": 1, "address": "127.0.0.1:1", "broker": "embedded", "data_dir": "/nowhere"}
NONSENSE = [
    *("", "{}", "[]", "nonsense", "null"),
    *(json.dumps({**SENSIBLE, "pid": pid}) for pid in (0, -1, "1", True, None)),
    *(json.dumps({**SENSIBLE, "address": address}) for address in ("a", "a:b", 5, None, "a:99999")),
    *(json.dumps({**SENSIBLE, "data_dir": folder}) for folder in ("", 5, "\0")),
    *(json.dumps({**SENSIBLE, "broker": broker}) for broker in ("cloud", [], 1)),
    *(json.dumps({**SENSIBLE, "options": options}) for options in (3, "x", [1])),
    *(json.dumps({**SENSIBLE, "rest_address": address}) for address in ("a", 5)),
]


@pytest.mark.parametrize("content", [*NONSENSE, json.dumps(SENSIBLE)])
def test_a_file_that_makes_no_sense_is_no_emulator(state: State, content: str) -> None:
    state.create()
    state.emulator_json.write_text(content)
    assert daemon.find(state) is None
    assert not daemon.stop(state)


def test_the_data_may_lie_elsewhere(state: State, tmp_path: Path) -> None:
    daemon.start(state, data_dir=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "broker.db").exists()
    assert not state.broker_db.exists()
    assert daemon.stop(state)


def test_a_log_that_cannot_be_opened_is_the_reason_given(state: State) -> None:
    state.create()
    state.broker_db.write_text("no database")
    with pytest.raises(EmulatorError, match=r"did not start: .*is no message log"):
        daemon.start(state)


def test_a_frozen_daemon_is_killed_when_the_time_is_over(state: State) -> None:
    running = daemon.start(state)
    os.kill(running.pid, signal.SIGSTOP)
    assert daemon.stop(state, timeout_s=0.3)
    assert not is_alive(running.pid)


def test_how_it_was_started_is_recorded_and_stays_so(state: State) -> None:
    daemon.start(state, options={"durability": "memory", "chaos": "delay=1ms"})
    assert json.loads(state.emulator_json.read_text())["options"] == {"durability": "memory", "chaos": "delay=1ms"}
    assert not daemon.start(state).started
    assert not daemon.start(state, options={"durability": "memory"}).started
    with pytest.raises(
        EmulatorError, match=r"runs already at .*, --durability memory, --chaos delay=1ms\); stop it fir"
    ):
        daemon.start(state, options={"durability": "full"})


def test_what_is_usual_need_not_be_said(state: State) -> None:
    daemon.start(state)
    assert not daemon.start(state, options={"durability": "full", "chaos": "off"}).started
    with pytest.raises(EmulatorError, match="runs already"):
        daemon.start(state, options={"durability": "normal"})


def test_nonsense_is_refused_before_anything_is_started(state: State) -> None:
    for refused in ({"broker": "cloud"}, {"host_port": "nonsense"}, {"options": {"chaos": "nonsense"}}):
        with pytest.raises(UsageError):
            daemon.start(state, **refused)
    assert not state.directory.exists()


def test_its_rest_is_at_the_same_address_unless_the_file_says_otherwise(state: State) -> None:
    running = daemon.start(state)
    assert running.rest_address == running.address
    known = json.loads(state.emulator_json.read_text())
    del known["rest_address"]
    state.write_json(state.emulator_json, known)
    found = daemon.find(state)
    assert found is not None
    assert found.rest_address == running.address
    state.write_json(state.emulator_json, {**known, "rest_address": "127.0.0.1:9"})
    found = daemon.find(state)
    assert found is not None
    assert found.rest_address == "127.0.0.1:9"


def test_a_log_file_that_cannot_be_written_is_the_reason_given(state: State) -> None:
    state.create()
    state.emulator_log.mkdir()
    with pytest.raises(EmulatorError, match=r"cannot write .*emulator.log: Is a directory"):
        daemon.start(state)


def test_two_that_start_in_the_foreground_at_once_end_with_one(state: State) -> None:
    code = (
        "import sys; from pathlib import Path; from pubsubctl.state import State;"
        "from pubsubctl.emulator import daemon; from pubsubctl.errors import EmulatorError\n"
        "try: daemon.serve_foreground(State(Path(sys.argv[1])), on_ready=lambda _: print('serves', flush=True))\n"
        "except EmulatorError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(state.directory)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout is not None
        assert other.stdout is not None
        eventually(lambda: one.poll() is not None or other.poll() is not None, "the end of one of them")
        assert daemon.stop(state)
        said = sorted((one.stdout.read(), other.stdout.read()))
    assert said[0].startswith("serves")
    assert "runs already" in said[1]


def test_in_the_foreground_it_is_found_and_ends_at_sigterm(state: State) -> None:
    code = (
        "import sys; from pathlib import Path; from pubsubctl.state import State;"
        "from pubsubctl.emulator import daemon;"
        "daemon.serve_foreground(State(Path(sys.argv[1])), on_ready=lambda it: print(it.address, flush=True))"
    )
    command = [sys.executable, "-c", code, str(state.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        running = daemon.find(state)
        assert running is not None
        assert (running.pid, running.address) == (process.pid, address)
        assert daemon.start(state).pid == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not state.emulator_json.exists()


def test_without_its_file_it_is_found_and_stopped_by_its_lock(state: State) -> None:
    running = daemon.start(state)
    for content in ("", "{}"):
        state.emulator_json.write_text(content)
        found = daemon.find(state)
        assert found is not None
        assert (found.pid, found.address) == (running.pid, running.address)
    state.emulator_json.unlink()
    assert daemon.start(state, data_dir=state.directory).pid == running.pid
    assert daemon.stop(state)
    assert not is_alive(running.pid)


def test_one_that_could_not_be_recorded_does_not_stay(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = []

    def fail(_: State, running: daemon.Running) -> None:
        pids.append(running.pid)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(record, "write", fail)
        with pytest.raises(KeyboardInterrupt):
            daemon.start(state)
    assert not is_alive(pids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_inherits_no_open_file(state: State) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    running = daemon.start(state)
    pipe = Path(f"/proc/self/fd/{writing}").readlink()
    assert pipe not in open_files(running.pid)
    os.close(writing)
    os.close(reading)


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_nothing_is_warned_of(state: State) -> None:
    daemon.start(state)
    gc.collect()


def test_it_ends_when_its_directory_is_removed(state: State) -> None:
    running = daemon.start(state)
    shutil.rmtree(state.directory)
    with contextlib.suppress(ChildProcessError):
        eventually(lambda: os.waitpid(running.pid, os.WNOHANG)[0], "the end of the daemon")
    assert not is_alive(running.pid)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("pass", "it ended at once, and printed nothing"),
        ("import time; time.sleep(60)", "it took more than 0.5 s"),
    ],
)
def test_an_end_is_told_from_a_wait(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable} -S\n{code}\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(EmulatorError, match=reason):
        daemon.start(state, timeout_s=0.5)


def test_asking_imports_no_grpc(state: State) -> None:
    names = "{'grpc', 'google'}"
    code = f"import sys; from pubsubctl.emulator import daemon; sys.exit(bool({names} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
