"""What PUBSUBCTL_FAULT may say, and what a process does that was told so."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pubsubctl.errors import InvalidSetting
from pubsubctl.faults import POINTS, VARIABLE, Fault

PASSES = "from pubsubctl.faults import point\nfor turn in range(3):\n    point('noted')\n    print(turn, flush=True)"


def passing(fault: str) -> subprocess.Popen[bytes]:
    """A process that comes by three times, and tells each time that it got past."""
    return subprocess.Popen(
        [sys.executable, "-c", PASSES],
        env=os.environ | {VARIABLE: fault},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(("fault", "passed"), [("noted:kill", b""), ("noted:kill:1", b""), ("noted:kill:3", b"0\n1\n")])
def test_a_process_dies_the_time_it_was_told_to(fault, passed):
    process = passing(fault)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (-signal.SIGKILL, passed)


def test_a_process_freezes_and_goes_on_when_it_is_let():
    process = passing("noted:stop:2")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=20) == (b"0\n1\n2\n", b"")


def test_a_process_waits_each_time():
    began = time.monotonic()
    assert passing("noted:wait:0.2").communicate(timeout=20) == (b"0\n1\n2\n", b"")
    assert time.monotonic() - began >= 0.6


@pytest.mark.parametrize("fault", ["", "recorded:kill"])
def test_where_it_is_not_armed_nothing_happens(fault):
    process = passing(fault)
    assert process.communicate(timeout=20) == (b"0\n1\n2\n", b"")
    assert process.returncode == 0


@pytest.mark.parametrize("action", ["kill", "kill:2", "stop", "stop:7", "wait:0", "wait:1.5"])
@pytest.mark.parametrize("point", POINTS)
def test_every_point_takes_every_action(point, action):
    assert Fault(f"{point}:{action}").point == point


@pytest.mark.parametrize("asked", ["here:kill", ":kill", "kill"])
def test_a_point_that_is_none_is_refused_with_those_that_are(asked):
    with pytest.raises(InvalidSetting, match=r"names no point.*; use one of inserted, published"):
        Fault(asked)


@pytest.mark.parametrize(
    "action",
    [
        "",
        ":",
        ":die",
        ":kill:x",
        ":kill:0",
        ":kill:-1",
        ":kill:1:2",
        ":kill:²",
        ":wait",
        ":wait:",
        ":wait:x",
        ":wait:-1",
        ":wait:inf",
        ":wait:nan",
        ":wait:1:2",
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(action):
    with pytest.raises(InvalidSetting, match=r"must be POINT:kill\[:N\], POINT:stop\[:N\] or POINT:wait:SECONDS"):
        Fault(f"noted{action}")


@pytest.mark.parametrize("command", [["submit", "/p"], ["worker", "start", "app:app"]])
def test_a_command_refuses_it_in_one_line(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pubsubctl", *command],
        cwd=tmp_path,
        env=os.environ | {VARIABLE: "noted:die"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "pubsubctl: PUBSUBCTL_FAULT must be POINT:kill[:N], POINT:stop[:N] or POINT:wait:SECONDS, not 'noted:die'\n"
    )
