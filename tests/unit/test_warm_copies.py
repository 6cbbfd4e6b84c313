"""What the tests start as a copy is as what is started afresh."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import warm_copies
from process_parts import open_files

COMMAND = [sys.executable, "-P", "-m", "pubsubctl"]
pytestmark = pytest.mark.skipif(
    subprocess._fork_exec.__module__ != warm_copies.__name__,  # type: ignore[attr-defined]
    reason="everything is started afresh here",
)


def is_copy(process: subprocess.Popen[bytes]) -> bool:
    return warm_copies.SERVER.name in Path(f"/proc/{process.pid}/cmdline").read_text()


def stat(pid: int) -> list[str]:
    """The fields after the name: state, parent, group, session."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def sockets(pid: int) -> set[str]:
    """Which it has open."""
    return {str(link) for link in open_files(pid) if str(link).startswith("socket:")}


@contextmanager
def emulator(folder: Path, **how: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", "log", "--host-port", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)  # type: ignore[call-overload]
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["no-such"], 2), (["status"], 5)])
def test_it_says_and_answers_the_same(tmp_path: Path, words: list[str], code: int) -> None:
    def ran(**environment: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            [*COMMAND, *words], cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    copy = ran()
    assert copy == ran(PUBSUBCTL_TEST_COPIES="0")
    assert copy[0] == code


def test_it_is_our_child_in_a_session_of_its_own_and_has_its_own_folder(tmp_path: Path) -> None:
    with emulator(tmp_path, start_new_session=True) as process:
        assert b"listening at" in process.stdout.readline()  # type: ignore[union-attr]
        assert is_copy(process)
        _, parent, _, session = stat(process.pid)[:4]
        assert (int(parent), int(session)) == (os.getpid(), process.pid)
        assert Path(f"/proc/{process.pid}/cwd").resolve() == tmp_path
        assert not sockets(process.pid) & sockets(os.getpid())
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL


def test_a_command_that_ran_in_our_own_process_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "NONE"):
        monkeypatch.setenv("GRPC_VERBOSITY", value) if value else monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
        with emulator(tmp_path) as process:
            assert b"listening at" in process.stdout.readline()  # type: ignore[union-attr]
            assert is_copy(process)


@pytest.mark.parametrize("value", [{}, {"PYTHONDONTWRITEBYTECODE": "1"}], ids=["writes", "writes none"])
def test_whether_compiled_modules_are_to_be_written_makes_no_difference(tmp_path: Path, value: dict[str, str]) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with emulator(tmp_path, env=environment | value) as process:
        assert is_copy(process)


@pytest.mark.parametrize(
    "unusual",
    [{"PUBSUBCTL_FAULT": "acked:kill"}, {"LC_ALL": "C"}, {"PYTHONPATH": "hooked"}, {"PUBSUBCTL_TEST_COPIES": "0"}],
)
def test_what_begins_otherwise_is_started_afresh(tmp_path: Path, unusual: dict[str, str]) -> None:
    (tmp_path / "hooked").mkdir()
    (tmp_path / "hooked" / "sitecustomize.py").touch()
    environment = {**os.environ, **unusual}
    if "PYTHONPATH" in unusual:
        environment["PYTHONPATH"] = str(tmp_path / "hooked")
    with emulator(tmp_path, env=environment) as process:
        assert not is_copy(process)


def test_another_takes_the_place_of_one_that_has_died(tmp_path: Path) -> None:
    warm = warm_copies.Warm()
    request = {
        "module": "pubsubctl",
        "arguments": ["--version"],
        "safe_path": True,
        "cwd": str(tmp_path),
        "environment": dict(os.environ),
        "session": False,
    }
    with Path(os.devnull).open("r+b") as nothing:
        streams = [nothing.fileno()] * 3
        assert os.waitpid(warm.copy(request, streams), 0)[1] == 0
        first = warm._process
        assert first is not None
        first.kill()
        first.wait(10)
        with pytest.raises(OSError, match=r"no copy|Broken pipe|reset"):
            warm.copy(request, streams)
        assert os.waitpid(warm.copy(request, streams), 0)[1] == 0
        assert warm._process is not first
    warm.close()
    assert warm._process.returncode == 0  # type: ignore[union-attr]
