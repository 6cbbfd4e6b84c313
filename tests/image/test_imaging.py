"""What ``scripts/image`` is made of: roots that nothing outlives or writes out of, and services as compose has them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from imaging import debian, pip
from imaging.image import Image
from imaging.services import Container, Services
from process_parts import children_of

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOBODY = "65534"


@pytest.fixture
def apart(lack):
    """Namespaces and roots can be made."""
    missing = debian.missing()
    if missing is not None:
        lack("debootstrap", missing)


def wait_for(condition, what, seconds=20):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"never: {what}"
        time.sleep(0.05)


def is_running(pid, program):
    try:
        return Path(f"/proc/{pid}/comm").read_text() == f"{program}\n"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("user", ["0", NOBODY])
def test_what_runs_in_a_root_ends_with_whoever_started_it(apart, user):
    process = subprocess.Popen(Image(Path("/"), user=user).entered(["sleep", "100"], {}))
    try:
        wait_for(lambda: any(is_running(child, "sleep") for child in children_of(process.pid)), "it runs")
        (child,) = children_of(process.pid)
        assert str(Path(f"/proc/{child}").stat().st_uid) == user
    finally:
        process.kill()
        process.wait()
    try:
        wait_for(lambda: not is_running(child, "sleep"), "it has ended", seconds=5)
    finally:
        if is_running(child, "sleep"):
            os.kill(child, signal.SIGKILL)


def test_only_a_volume_can_be_written_to(apart, tmp_path):
    here, there = tmp_path / "it's $here", tmp_path / "there"
    here.mkdir()
    there.mkdir()

    def touched(name, **seen):
        line = Image(Path("/")).entered(["touch", f"{there}/{name}"], {}, **{kind: {here: str(there)} for kind in seen})
        return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)

    refused = touched("a", mounts=True)
    assert refused.returncode == 1
    assert "Read-only file system" in refused.stderr
    assert touched("b", volumes=True).returncode == 0
    assert [path.name for path in here.iterdir()] == ["b"]
    assert not [*there.iterdir()]


def test_pip_is_never_given_all_of_this_machine(tmp_path):
    beside = tmp_path / "simple"
    told = {"PIP_CERT": "/", "PIP_FIND_LINKS": "file:///etc", "PIP_INDEX_URL": f"file://{beside}"}
    assert pip.paths(told) == [tmp_path]


class OnThisMachine(Services):
    """Services that are plain processes."""

    def _line(self, command, environment):
        return ["env", *(f"{name}={value}" for name, value in environment.items()), *command]


@pytest.fixture
def services(tmp_path):
    """Makes the services of a project, which end with the test."""
    (tmp_path / "etc").mkdir()
    made = []

    def of(**described):
        (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"services": described}))
        made.append(OnThisMachine(tmp_path, Image(tmp_path), "none", tmp_path))
        return made[-1]

    yield of
    for each in made:
        each.kill()


SLEEPING = {"command": ["sleep", "100"]}


def test_every_service_is_started_once_whether_another_needs_it_or_not(services):
    wants = {"depends_on": {"first": {"condition": "service_started"}}}
    started = services(second=SLEEPING | wants, first=SLEEPING, alone={"command": ["sh", "-c", "echo up"]})
    started.up_all()
    assert {name: len(several) for name, several in started.containers.items()} == {"first": 1, "second": 1, "alone": 1}
    (alone,) = started.containers["alone"]
    alone.process.wait(10)
    assert "--- alone-0\nup" in started.logs()


def test_a_condition_that_is_not_known_is_no_condition_that_holds(services):
    wants = {"depends_on": {"first": {"condition": "service_glad"}}}
    with pytest.raises(RuntimeError, match="first-0: the condition service_glad is not known here"):
        services(first=SLEEPING, second=SLEEPING | wants).up("second")


def test_to_stop_what_has_ended_gives_the_code_it_ended_with(tmp_path):
    process = subprocess.Popen(["sh", "-c", "exit 3"])
    process.wait(10)
    assert Container("a", process, tmp_path / "log", [], 1).stop("SIGTERM") == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_it_early_has_nothing_left_of_it(apart, tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "imaging"],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: [*tmp_path.glob("pubsubctl-image-*/*")], "it has begun")
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, told) == (130, "scripts/image: interrupted\n")
    assert not [*tmp_path.glob("pubsubctl-image-*")]
