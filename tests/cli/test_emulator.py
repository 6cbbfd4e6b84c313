"""``pubsubctl emulator``: what each of its commands says, and with which exit code."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from typing import NoReturn

import pytest
from cli_project import CliProject, only_line

from pubsubctl.emulator.gcloud.sdk import Sdk
from pubsubctl.errors import EmulatorError

SHOWN = {"pid", "address", "rest_address", "broker", "data_dir"}


@pytest.fixture
def gcloud(lack: Callable[[str, str], NoReturn]) -> None:
    """Skip where gcloud, its emulator or Java is missing; fail where they are asked for."""
    try:
        Sdk.find().check()
    except EmulatorError as error:
        lack("gcloud", str(error))


def test_start_status_and_stop_in_words(folder: CliProject) -> None:
    started = folder.run("emulator", "start")
    place = rf"at 127\.0\.0\.1:\d+ \(pid \d+, data in {re.escape(str(folder.folder))}/\.pubsubctl\)"
    assert re.fullmatch(f"embedded started {place}\n", started.stdout)
    assert started.stderr == ""
    assert re.fullmatch(f"embedded runs already {place}\n", folder.run("emulator", "start").stdout)
    assert re.fullmatch(f"embedded runs {place}\n", folder.run("emulator", "status").stdout)
    assert folder.run("emulator", "stop").stdout == "stopped\n"


def test_start_status_and_stop_as_json(folder: CliProject) -> None:
    started = folder.json("emulator", "start")
    assert set(started) == SHOWN
    assert folder.json("emulator", "start") == folder.json("emulator", "status") == started
    assert started["data_dir"] == str(folder.folder / ".pubsubctl")
    assert folder.json("emulator", "stop") == {"stopped": True}
    assert folder.json("emulator", "stop") == {"stopped": False}


@pytest.mark.parametrize("command", ["status", "env", "chaos"])
def test_where_none_runs_the_exit_code_is_1_and_the_line_says_what_starts_one(folder: CliProject, command: str) -> None:
    done = folder.run("emulator", command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "`pubsubctl emulator start` starts one" in only_line(done.stderr)


def test_env_is_for_any_client_and_for_gcloud(served: CliProject) -> None:
    address = served.json("emulator", "status")["address"]
    script = 'eval "$("$@")" && echo $PUBSUB_EMULATOR_HOST $PUBSUB_PROJECT_ID $CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *served.command("emulator", "env", "--project", "my-project")],
        cwd=served.folder,
        env=served.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [address, "my-project", f"http://{address}/"]


def test_env_has_an_address_that_can_be_connected_to(folder: CliProject) -> None:
    port = folder.json("emulator", "start", "--host-port", "0.0.0.0:0")["address"].rpartition(":")[2]
    lines = folder.run("emulator", "env", "--project", "my-project").stdout.splitlines()
    assert lines[0] == f"export PUBSUB_EMULATOR_HOST=127.0.0.1:{port}"
    assert lines[2] == f"export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:{port}/"
    assert lines[3].startswith("# for gcloud")
    assert lines[4] == "# export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT=my-project"


def test_a_lost_record_comes_back(served: CliProject) -> None:
    file = served.folder / ".pubsubctl" / "emulator.json"
    known = json.loads(file.read_text())
    file.unlink()
    assert served.run("topics", "list").returncode == 0
    assert json.loads(file.read_text())["address"] == known["address"]
    file.unlink()
    assert "runs already" in served.run("emulator", "start").stdout
    assert json.loads(file.read_text())["pid"] == known["pid"]


@pytest.mark.parametrize("command", ["stop", "status", "env", "chaos"])
def test_the_other_kind_is_neither_shown_nor_stopped(served: CliProject, command: str) -> None:
    done = served.run("emulator", command, "--broker", "gcloud")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the embedded emulator runs here, at 127.0.0.1:" in only_line(done.stderr)
    assert served.run("emulator", "status").returncode == 0


def test_an_address_in_the_environment_is_told_to_whoever_starts_an_emulator(folder: CliProject) -> None:
    folder.environment["PUBSUB_EMULATOR_HOST"] = "127.0.0.1:9"
    done = folder.run("emulator", "start")
    assert done.returncode == 0
    assert "PUBSUB_EMULATOR_HOST is set to 127.0.0.1:9: commands go there, not here" in only_line(done.stderr)


def test_a_start_with_other_faults_says_what_changes_them(folder: CliProject) -> None:
    folder.json("emulator", "start", "--chaos", "delay=5ms")
    assert folder.run("emulator", "start", "--chaos", "delay=5ms").returncode == 0
    done = folder.run("emulator", "start", "--chaos", "delay=6ms")
    assert done.returncode == 1
    assert "`pubsubctl emulator chaos delay=6ms`" in only_line(done.stderr)
    folder.run("emulator", "chaos", "off")
    assert folder.run("emulator", "start", "--chaos", "off").returncode == 0
    assert "--chaos off" in only_line(folder.run("emulator", "start", "--chaos", "delay=5ms").stderr)
    assert "another --durability was asked for" in folder.run("emulator", "start", "--durability", "memory").stderr


def test_chaos_of_one_that_is_frozen_is_away(served: CliProject) -> None:
    pid = served.json("emulator", "status")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = served.run("emulator", "chaos")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (done.returncode, done.stdout) == (5, "")
    assert "does not answer" in only_line(done.stderr)


def test_env_has_the_rest_address_that_is_recorded(served: CliProject) -> None:
    file = served.folder / ".pubsubctl" / "emulator.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "rest_address": "127.0.0.1:9"}))
    assert (
        "\nexport CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:9/\n" in served.run("emulator", "env").stdout
    )


def test_the_other_kind_is_not_started_beside_the_one_that_runs(served: CliProject) -> None:
    done = served.run("emulator", "start", "--broker", "gcloud")
    assert done.returncode == 1
    assert re.search(
        r"the embedded emulator runs already at .*; stop it first with `pubsubctl emulator stop`", done.stderr
    )
    done = served.run("submit", "/", "--broker", "gcloud")
    assert done.returncode == 5
    assert "runs here is embedded, not gcloud (from --broker); use `--broker embedded`" in only_line(done.stderr)


def test_how_much_is_kept_and_which_faults_are_made_is_passed_on(folder: CliProject) -> None:
    folder.json("emulator", "start", "--durability", "memory", "--chaos", "delay=5ms")
    known = json.loads((folder.folder / ".pubsubctl" / "emulator.json").read_text())
    assert known["options"] == {"durability": "memory", "chaos": "delay=5ms"}
    done = folder.run("emulator", "start", "--durability", "full")
    assert done.returncode == 1
    assert "--durability memory, --chaos delay=5ms); stop it first" in only_line(done.stderr)


def test_chaos_is_shown_and_changed_while_it_runs(served: CliProject) -> None:
    assert served.run("emulator", "chaos").stdout == "off\n"
    assert served.json("emulator", "chaos", "delay=1ms,seed=7") == {"chaos": "delay=1ms,seed=7"}
    assert served.run("emulator", "chaos").stdout == "delay=1ms,seed=7\n"
    done = served.run("emulator", "chaos", "nonsense")
    assert done.returncode == 2
    assert "chaos is " in only_line(done.stderr)
    assert served.run("emulator", "chaos", "off").stdout == "off\n"


USAGE = {
    "the cloud": (["--broker", "cloud", "--project", "p-1234"], "is no emulator; start one of"),
    "durability of Google's": (["--broker", "gcloud", "--durability", "normal"], "is for the embedded emulator"),
    "chaos of Google's": (["--broker", "gcloud", "--chaos", "nack=0.1"], "is for the embedded emulator"),
    "no faults": (["--chaos", "nonsense"], "chaos is "),
    "no faults, in the foreground": (["--chaos", "nonsense", "--foreground"], "chaos is "),
    "no durability": (["--durability", "some"], "'some' is not one of 'full', 'normal', 'memory'"),
    "no address": (["--host-port", "8085"], "--host-port must be HOST:PORT, such as 127.0.0.1:8085, not '8085'"),
}


@pytest.mark.parametrize(("flags", "said"), USAGE.values(), ids=USAGE)
def test_what_makes_no_sense_is_refused_in_one_line(folder: CliProject, flags: list[str], said: str) -> None:
    done = folder.run("emulator", "start", *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in only_line(done.stderr)
    assert not (folder.folder / ".pubsubctl" / "emulator.log").exists()


@pytest.mark.parametrize("command", ["start", "stop", "status", "env", "chaos"])
def test_every_command_has_help_with_an_example(folder: CliProject, command: str) -> None:
    done = folder.run("emulator", command, "--help")
    assert done.returncode == 0
    assert re.search(rf"Example: .*pubsubctl emulator {command}\b", done.stdout)


def test_ctrl_c_in_the_foreground_is_a_good_end(folder: CliProject) -> None:
    with subprocess.Popen(
        folder.command("emulator", "start", "--foreground"),
        cwd=folder.folder,
        env=folder.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Ctrl-C stops it" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == "stopped\n"


@pytest.mark.usefixtures("gcloud")
def test_a_job_runs_on_googles_emulator_from_start_to_stop(folder: CliProject) -> None:
    started = folder.run("emulator", "start", "--broker", "gcloud")
    assert re.match(r"gcloud started at 127\.0\.0\.1:\d+ \(pid \d+, data in .*/\.pubsubctl/gcloud\)\n", started.stdout)
    assert "keeps nothing" in only_line(started.stderr)
    shown = folder.json("emulator", "status")
    assert set(shown) == SHOWN
    assert shown["broker"] == "gcloud"
    done = folder.run("emulator", "chaos", "nack=0.1")
    assert (done.returncode, only_line(done.stderr)) == (
        2,
        "pubsubctl: Google's emulator makes no faults on demand; the embedded one does",
    )
    assert folder.json("setup", "--broker", "gcloud")["broker"]["kind"] == "gcloud"
    folder.start_worker("--broker", "gcloud")
    done = folder.run("submit", "POST", "/echo", "--data", "hello", "--wait", "--broker", "gcloud")
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    assert folder.json("status")["broker"]["kind"] == "gcloud"
    assert folder.run("emulator", "stop").stdout == "stopped\n"
    assert folder.run("emulator", "status").returncode == 1
