"""What is wrong with what was typed: one line on stderr that says it, and the right exit code."""

import json
import subprocess
import sys

import pytest
from cli_project import only_line

from pubsubctl.cli.app import command
from pubsubctl.cli.entry import run

COMMANDS = (
    ("setup",),
    ("worker", "start"),
    ("submit",),
    ("status",),
    ("result",),
    ("cancel",),
    ("retry",),
    ("explain",),
    ("dlq", "list"),
    ("dlq", "show"),
    ("dlq", "replay"),
    ("emulator", "start"),
    ("emulator", "stop"),
    ("emulator", "status"),
    ("emulator", "env"),
    ("topics", "list"),
    ("subscriptions", "list"),
    ("snapshots", "list"),
    ("demo",),
    ("bench",),
)

TOO_MANY = [word for number in range(120) for word in ("-H", f"X-{number}: 1")]

USAGE = {
    "a command": (["statsu"], "there is no command 'statsu'; did you mean `pubsubctl status`?"),
    "an option": (["submit", "/", "--jsn", "{}"], "no such option: --jsn; did you mean --json?"),
    "a longer option": (["topics", "update", "orders", "--labels", "a=b"], "--labels; did you mean --update-labels?"),
    "an option like no other": (
        ["subscriptions", "update", "workers", "--filter", "x"],
        "no such option: --filter; see `pubsubctl subscriptions update --help`",
    ),
    "a limit": (["topics", "list", "--limit", "0"], "invalid value for '--limit': must be 1 to 2147483647, not 0"),
    "a missing argument": (["result"], "see `pubsubctl result --help`"),
    "no path": (["submit"], "name a path"),
    "a method that is none": (["submit", "FETCH", "/"], "unknown method 'FETCH'"),
    "method and path the wrong way round": (["submit", "/x", "POST"], "`pubsubctl submit POST /x`"),
    "a path without a slash": (["submit", "POST", "x"], "the path 'x' must begin with '/'"),
    "JSON that does not parse": (["submit", "/", "--json", '{\n"a": 1,\n}'], "--json is no JSON: line 3, column 1"),
    "JSON in a file": (["submit", "/", "-j", "@bad.json"], "bad.json is no JSON: line 2, column 1"),
    "a missing file": (["submit", "/", "-d", "@nowhere"], "cannot read nowhere: No such file or directory"),
    "a missing file of many": (["submit", "/", "--each", "app.py", "nowhere"], "cannot read nowhere: no such file"),
    "a folder of many": (["submit", "/", "--each", "app.py", "."], "cannot read .: is a folder"),
    "a constant that JSON has not": (["submit", "/", "-j", '{"a": NaN}'], "--json is no JSON: JSON has no NaN"),
    "a missing list": (["submit", "--from", "nowhere"], "cannot read nowhere: No such file or directory"),
    "two bodies": (["submit", "/", "-d", "1", "-j", "2"], "--json and --data cannot stand together"),
    "a header": (["submit", "/", "-H", "nonsense"], "write it as 'Name: value'"),
    "a field": (["submit", "/", "-F", "nonsense"], "write it as name=value"),
    "headers beyond the limit": (["submit", "/", *TOO_MANY], "at most 100"),
    "a duration": (["submit", "/", "--delay", "soon"], "--delay must be a duration such as 90, 90s, 10m, 2h or 7d"),
    "a number": (["submit", "/", "--count", "0"], "--count"),
    "a setting": (["worker", "start", "--threads", "none"], "threads must be a whole number, 1 or more, not 'none'"),
    "a broker": (["status", "--broker", "kafka"], "must be one of embedded, gcloud, cloud, not 'kafka'"),
    "a cloud without a store": (["status", "--broker", "cloud", "--project", "p"], "store must be named too"),
    "a format": (["status", "--format", "xml"], "--format"),
    "one key for many": (["submit", "/", "--count", "2", "--idempotency-key", "k"], "names one job"),
    "one key for many in a header": (["submit", "/", "--count", "2", "-H", "Idempotency-Key: k"], "names one job"),
    "two keys": (["submit", "/", "--idempotency-key", "a", "-H", 'Idempotency-Key: "b"'], "'a' is not that of the"),
    "no jobs to cancel": (["cancel"], "say which jobs: their ids, or --batch BATCH"),
    "no jobs to retry": (["retry"], "say which jobs: their ids, --failed or --batch BATCH"),
    "jobs to retry in two ways": (["retry", "x", "--failed"], "not both"),
    "a reason that is none": (["retry", "--failed", "--reason", "bad"], "must be one of status, timeout, crashed"),
    "a mistyped option of retry": (["retry", "--fialed"], "no such option: --fialed; did you mean --failed?"),
    "a mistyped option of explain": (["explain", "x", "--log"], "no such option: --log; did you mean --logs"),
    "a mistyped option of dlq": (["dlq", "list", "--raeson", "x"], "no such option: --raeson; did you mean --reason?"),
    "no job to explain": (["explain"], "see `pubsubctl explain --help`"),
    "a duration of dlq": (["dlq", "list", "--older-than", "old"], "--older-than must be a duration such as 90, 90s"),
    "an answer that is no dead letter": (["dlq", "list", "--reason", "status"], "must be one of timeout, crashed"),
    "no dead letters to replay": (["dlq", "replay"], "say which dead letters: their ids, --reason, --path and so on"),
    "dead letters in two ways": (["dlq", "replay", "x", "--all"], "one of these"),
    "one file for many results": (["submit", "/", "--count", "2", "-o", "x"], "-o takes one response"),
}


@pytest.mark.parametrize("case", USAGE, ids=lambda case: case.replace(" ", "-"))
def test_what_makes_no_sense_is_one_line_and_exit_2(folder, case, monkeypatch, capsys):
    (folder.folder / "bad.json").write_text("[1,\n]")
    monkeypatch.chdir(folder.folder)
    arguments, says = USAGE[case]
    code = run(arguments)  # in this process: there are many of these, and they do nothing
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    line = only_line(err)
    assert line.startswith("pubsubctl: ")
    assert says in line


def test_a_body_over_ten_megabytes_is_refused_with_the_limit(folder):
    (folder.folder / "large").write_bytes(bytes(10_000_001))
    done = folder.run("submit", "/", "-d", "@large")
    assert done.returncode == 2
    assert "10 MB" in only_line(done.stderr)


def test_a_key_of_the_file_that_is_none(folder):
    (folder.folder / "pubsubctl.toml").write_text('stor = "x.db"\n')
    done = folder.run("status")
    assert done.returncode == 2
    assert "did you mean 'store'?" in only_line(done.stderr)


UNREACHABLE = {
    "no broker": (["submit", "/", "-w"], "no emulator runs here; start one with"),
    "no subscription's broker": (["worker", "start"], "no emulator runs here; start one with"),
    "no store to look into": (["status"], "`pubsubctl setup` makes it"),
    "a store that cannot be made": (["submit", "/", "--store", "nowhere/jobs.db"], "cannot make the store"),
    "an address where nobody listens": (["setup"], "no broker answers at 127.0.0.1:1;"),
}


@pytest.mark.parametrize("case", UNREACHABLE, ids=lambda case: case.replace(" ", "-"))
def test_what_is_away_is_one_line_and_exit_5(folder, case):
    arguments, says = UNREACHABLE[case]
    away = {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"} if "address" in case else {}
    done = folder.run(*arguments, environment=away)
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert says in only_line(done.stderr)


def test_asking_makes_no_store(folder):
    folder.run("status")
    folder.run("result", "nope")
    folder.run("cancel", "nope")
    assert not list((folder.folder / ".pubsubctl").glob("jobs.db*"))


def test_debug_adds_the_traceback(folder):
    done = folder.run("status", "--debug")
    assert done.returncode == 5
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("pubsubctl: there is no store")


@pytest.mark.parametrize(("redirected", "reason"), [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left")])
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_one_line(idle, redirected, reason, unbuffered):
    for arguments in (["emulator", "status"], ["topics", "list", "--format", "json"], ["topics", "--help"]):
        done = subprocess.run(
            ["sh", "-c", f'"$@" {redirected}', "sh", *idle.command(*arguments)],
            cwd=idle.folder,
            env=idle.environment | unbuffered,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert only_line(done.stderr).startswith(f"pubsubctl: cannot write to stdout: {reason}")


def test_an_interrupt_before_anything_runs_is_one_line(folder):
    script = (
        "import sys, pubsubctl.cli\n"
        "class Interrupted:\n"
        "    def find_spec(self, *_): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "pubsubctl.cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder.folder,
        env=folder.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "pubsubctl: interrupted\n")


def _commands(group, *names):
    """Every command there is, with its path."""
    context = group.make_context("pubsubctl", ["--help"], resilient_parsing=True)
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        if hasattr(below, "commands"):
            yield from _commands(below, *names, name)
        else:
            yield (*names, name)


@pytest.mark.parametrize("path", list(_commands(command())), ids="-".join)
def test_an_example_can_be_pasted(path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "Example: " in shown[-1], "broken in two"
    assert "2147483647" not in "".join(shown)


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_every_command_has_help_with_an_example(folder, command):
    done = folder.run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Example: " in done.stdout or 'eval "$(pubsubctl emulator env)"' in done.stdout


def test_help_names_every_command(folder):
    done = folder.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert {command[0] for command in COMMANDS} <= {
        line.split()[0] for line in done.stdout.splitlines() if line.strip()
    }
    for also in ((), ("-h",), ("help",)):
        assert folder.run(*also).stdout == done.stdout
    one = folder.run("submit", "--help").stdout
    assert folder.run("submit", "-h").stdout == folder.run("help", "submit").stdout == one


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] != "emulator"], ids="-".join)
def test_debug_may_be_asked_for_wherever_it_is_advised(folder, command):
    assert "--debug" in folder.run(*command, "--help").stdout


def test_the_version(folder):
    assert folder.run("--version").stdout.startswith("pubsubctl 0.")


def test_an_app_that_does_not_import_stops_the_worker_with_its_own_line(idle):
    (idle.folder / "broken.py").write_text("import not_there\n")
    done = idle.run("worker", "start", "broken:app")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pubsubctl: ")
    assert "No module named 'not_there'" in last
    assert done.stderr.count("not_there") <= 3, "a crash loop"


def test_a_setting_of_the_environment_names_its_source(folder):
    done = folder.run("status", environment={"PUBSUBCTL_ACK_DEADLINE": "5"})
    assert done.returncode == 2
    assert "PUBSUBCTL_ACK_DEADLINE" in only_line(done.stderr)


def test_json_has_nothing_beside_it(idle):
    done = idle.run("status", "--format", "json")
    assert done.stderr == ""
    assert set(json.loads(done.stdout)) == {
        "broker",
        "topic",
        "subscription",
        "store",
        "backlog",
        "counts",
        "workers",
        "jobs",
        "dead_letters",
        "retrying",
    }
