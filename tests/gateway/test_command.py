"""``pubsubctl gateway start`` as it is typed."""

import os
import re
import subprocess
import sys

import pytest
from gateway_kit import Asking


def typed(surroundings, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pubsubctl", "gateway", "start", *arguments],
        cwd=surroundings.folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host-port", "0.0.0.0:0"], "set PUBSUBCTL_TOKEN to a secret of 16 characters or more"),
        (["--host-port", "127.0.0.1:0", "--token", "short"], "a token must have 16 ASCII characters or more"),
        (["--host-port", "8080"], "--host-port must be HOST:PORT"),
        (["--default-wait", "2m"], "the default wait of 120 s is longer than the longest, 60 s"),
        (["--max-wait", "soon"], "--max-wait must be a duration"),
        (["--max-body", "much"], "--max-body must be a size"),
        (["--rate", "-1"], "--rate"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(surroundings, arguments, said):
    run = typed(surroundings, *arguments)
    assert run.returncode == 2, run.stderr
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_told_in_one_line(surroundings, ask):
    run = typed(surroundings, "--host-port", ask.address)
    assert (run.returncode, len(run.stderr.splitlines())) == (1, 1)
    assert f"nothing can listen at {ask.address}" in run.stderr


def test_without_a_broker_it_does_not_start(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "pubsubctl", "gateway", "start", "--host-port", "127.0.0.1:0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 5, run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert "Traceback" not in run.stderr


def test_its_help_has_an_example(surroundings):
    run = typed(surroundings, "--help")
    assert run.returncode == 0
    assert "Example: pubsubctl gateway start" in run.stdout
    assert "PUBSUBCTL_TOKEN" in run.stdout


def test_the_dashboard_alone_is_served_until_sigterm_and_takes_no_jobs(surroundings):
    command = [sys.executable, "-m", "pubsubctl", "dashboard", "--host-port", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=surroundings.folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = re.search(r"http://([^/]+)/", process.stderr.readline())
        assert found
        ask = Asking(found[1])
        assert ask("GET", "/").header("location") == "/_dashboard/"
        page = ask("GET", "/_dashboard/")
        assert page.status == 200
        assert b"Jobs by state" in page.body
        assert ask("POST", "/echo/x", b"x").status == 404
        assert ask("GET", "/_dashboard/", headers={"Host": "rebound.example"}).status == 403
    finally:
        process.terminate()
        process.stderr.close()
        assert process.wait(20) == 0
