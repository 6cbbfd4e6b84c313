"""init: what it writes passes the checks of others, runs as it stands, and nothing is ever written over."""

import json
import re
import shutil
import socket
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import yaml
from cli_project import CliProject, only_line, wait_for

FILES = {"app.py", "pubsubctl.toml", "requirements.txt", "Dockerfile", "compose.yaml", ".dockerignore"}
TOOLS = Path(sys.executable).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder with nothing in it, and what runs commands there."""
    project = CliProject(tmp_path)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    return project


def test_it_writes_a_project_and_says_what_comes_next(empty):
    done = empty.run("init", "My Thumbnails!")
    assert done.returncode == 0, done.stderr
    folder = empty.folder / "My Thumbnails!"
    assert {path.name for path in folder.iterdir()} == FILES
    assert set(done.stdout.splitlines()) == {f"My Thumbnails!/{name}" for name in FILES}
    assert "pubsubctl worker start" in done.stderr
    assert yaml.safe_load((folder / "compose.yaml").read_text())["name"] == "my-thumbnails"


def test_what_is_there_is_never_written_over(empty):
    (empty.folder / "Dockerfile").write_text("mine")
    (empty.folder / "compose.yaml").symlink_to("nowhere")
    done = empty.run("init")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Dockerfile, compose.yaml are in . already, and never written over" in only_line(done.stderr)
    assert {path.name for path in empty.folder.iterdir()} == {"Dockerfile", "compose.yaml"}
    assert (empty.folder / "Dockerfile").read_text() == "mine"


def test_an_app_that_there_is_is_named_and_left_alone(empty):
    (empty.folder / "app.py").write_text("web = 1")
    assert empty.run("init", "--app", "app:web").returncode == 0
    assert (empty.folder / "app.py").read_text() == "web = 1"
    assert 'app = "app:web"' in (empty.folder / "pubsubctl.toml").read_text()


def test_a_folder_that_cannot_be_written_is_told_in_one_line(empty):
    (empty.folder / "file").touch()
    done = empty.run("init", "file/below")
    assert done.returncode == 2
    assert "nothing can be written to file/below: Not a directory" in only_line(done.stderr)


def test_the_project_runs_as_it_stands(empty):
    assert empty.run("init").returncode == 0
    try:
        assert empty.run("setup").returncode == 0
        worker = empty.start_worker()
        done = empty.run("submit", "POST", "/predict", "--json", '{"x": 21}', "--wait", "--wait-timeout", "30")
        assert (done.returncode, json.loads(done.stdout or "null")) == (0, {"doubled": 42}), done.stderr
        assert empty.stop_worker(worker) == 0
    finally:
        empty.close()


def test_hadolint_finds_nothing_in_the_dockerfile(empty):
    empty.run("init")
    command = [TOOLS / "hadolint", "--no-color", "--failure-threshold", "info", "Dockerfile"]
    done = subprocess.run(command, cwd=empty.folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_compose_takes_its_file(empty):
    empty.run("init")
    command = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=empty.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    services = yaml.safe_load((empty.folder / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        help_of = [word for word in service["command"] if not word.startswith("-")][
            : 2 if name in {"emulator", "worker"} else 1
        ]
        known = empty.run(*help_of, "--help").stdout
        assert all(word in known for word in service["command"] if word.startswith("--")), name
        assert set(service.get("depends_on", {})) <= set(services)
    assert "PUBSUB_EMULATOR_HOST" not in services["emulator"]["environment"]


def test_the_services_of_compose_do_as_they_say(empty):
    """Each with its own command, environment and health check, but in no container."""
    empty.run("init")
    services = yaml.safe_load((empty.folder / "compose.yaml").read_text())["services"]
    dockerfile = (empty.folder / "Dockerfile").read_text()
    image = dict(word.split("=", 1) for word in re.findall(r"^ENV (PUBSUBCTL.*)$", dockerfile, re.MULTILINE)[0].split())
    healthy = json.loads(re.findall(r"^    CMD (\[.*\])$", dockerfile, re.MULTILINE)[0])
    emulator_port, health_port = free_port(), free_port()

    def here(text):
        places = {"emulator:8085": f"127.0.0.1:{emulator_port}", "0.0.0.0:8085": f"127.0.0.1:{emulator_port}"}
        places |= {"('127.0.0.1', 8085)": f"('127.0.0.1', {emulator_port})", "/data": str(empty.folder / "data")}
        places |= {"0.0.0.0:8080": f"127.0.0.1:{health_port}", "127.0.0.1:8080": f"127.0.0.1:{health_port}"}
        for there, place in places.items():
            text = text.replace(there, place)
        return text

    def started(name):
        environment = empty.environment | {key: here(value) for key, value in image.items()}
        environment |= {key: here(value) for key, value in services[name]["environment"].items()}
        log = (empty.folder / f"{name}.log").open("wb")
        with log:
            command = empty.command(*map(here, services[name]["command"]))
            return subprocess.Popen(command, cwd=empty.folder, env=environment, stdout=log, stderr=log)

    def log(name):
        return (empty.folder / f"{name}.log").read_text()

    def check(command):
        return (
            subprocess.run([sys.executable, *map(here, command[1:])], capture_output=True, check=False).returncode == 0
        )

    (empty.folder / "data").mkdir()
    emulator = started("emulator")
    worker = None
    try:
        wait_for(lambda: check(services["emulator"]["healthcheck"]["test"][1:]), "the emulator to be healthy")
        assert started("setup").wait(30) == 0, log("setup")
        assert not check(healthy)
        worker = started("worker")
        wait_for(lambda: check(healthy), "the worker to be healthy")
        assert started("submitter").wait(60) == 0, log("submitter")
        assert '{"doubled":42}' in log("submitter")
    finally:
        for process in filter(None, (worker, emulator)):
            process.terminate()
            assert process.wait(35) == 0


def test_nothing_secret_goes_into_the_image(empty):
    empty.run("init")
    ignored = (empty.folder / ".dockerignore").read_text().splitlines()
    assert {"*.json", "*.pem", ".env*", ".git", ".pubsubctl"} <= set(ignored)
    assert "USER 10001" in (empty.folder / "Dockerfile").read_text()


def test_the_files_are_in_the_package():
    there = {each.name for each in (resources.files("pubsubctl.scaffold") / "files").iterdir()}
    assert there == {f"{name.lstrip('.')}.template" for name in FILES}
