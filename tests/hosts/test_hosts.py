"""``scripts/hosts`` in its short form, and that it leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from partitioning import needs
from process_parts import children_of, open_files

SCRIPTS = Path(__file__).parents[2] / "scripts"
UP_S = 90


@pytest.fixture
def _hosts(lack):
    missing = needs.missing()
    if missing is not None:
        lack("hosts", f"no hosts can be made of this machine: {missing}")


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "partitioning", *flags]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join((str(SCRIPTS), str(SCRIPTS.parent)))}


@pytest.mark.timeout(360)
@pytest.mark.usefixtures("_hosts")
def test_whatever_the_network_does_each_job_has_its_one_result():
    flags = ["--jobs", "100", "--seconds", "20", "--every", "2", "--processes", "2", "--lease", "10", "--seed", "15"]
    done = subprocess.run(command(*flags), env=environment(), capture_output=True, text=True, timeout=340, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every job has its one result" in done.stdout
    assert "worker-3 disappears for good" in done.stderr
    assert done.stderr.count("reach") >= 2, "links were cut"


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("_hosts")
@pytest.mark.parametrize("whom", ["the run alone", "its caretaker too"])
def test_a_run_that_is_killed_leaves_nothing_for_long(whom):
    with _a_run_that_is_up() as (run, name):
        caretakers = [pid for pid in children_of(run.pid) if b"partitioning.leftovers" in _command_line(pid)]
        assert len(caretakers) == 1
        if whom == "its caretaker too":
            os.kill(caretakers[0], signal.SIGKILL)
        run.kill()
        run.wait()
        if whom == "its caretaker too":
            assert _left_of(name), "there is something to remove"
            subprocess.run([sys.executable, "-c", _REMOVE], env=environment(), check=True, timeout=60)
        deadline = time.monotonic() + 30
        while _left_of(name) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert _left_of(name) == []


def test_without_root_it_says_so_in_one_line():
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert "need root" in done.stdout or "missing" in done.stdout
    assert len(done.stdout.splitlines()) == 1


# What the next run does first; and what somebody else is told.
_REMOVE = "from partitioning.leftovers import remove_abandoned; remove_abandoned()"
_AS_NOBODY = "import os; os.geteuid = lambda: 65534; from partitioning import needs; print(needs.missing())"


@contextmanager
def _a_run_that_is_up() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    flags = ["--jobs", "50", "--seconds", "120", "--processes", "1"]
    with subprocess.Popen(command(*flags), env=environment(), stderr=subprocess.PIPE, text=True) as run:
        try:
            assert run.stderr is not None
            line = run.stderr.readline()
            assert "hosts are up" in line, line + run.stderr.read()
            (lock,) = (each for each in Path("/run/pubsubctl-hosts").iterdir() if _holds(run.pid, each))
            yield run, lock.name
        finally:
            run.kill()


def _holds(pid: int, path: Path) -> bool:
    return path.resolve() in open_files(pid)


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _left_of(name: str) -> list[str]:
    """Namespaces, processes that work in its folder, and files."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    processes = [entry.name for entry in Path("/proc").glob("[0-9]*") if name in _working_folder(entry)]
    files = [str(each) for folder in ("/run/pubsubctl-hosts", "/tmp") for each in Path(folder).glob(f"{name}*")]
    return [line for line in listed.splitlines() if name in line] + processes + files


def _working_folder(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""
