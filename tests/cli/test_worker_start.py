"""What ``worker start --help`` tells of each flag, and what is said of one that cannot be used."""

import re

import pytest
from cli_project import only_line

from pubsubctl.cli.entry import run
from pubsubctl.exchange import RetryOn
from pubsubctl.settings import USUAL_RETRY_ON, Settings
from pubsubctl.worker.gears import FEW, MANY

TOLD = {
    "--burst": "Stop when no job is left",
    "--max-jobs N": "Stop after so many attempts.",
    "--max-idle-time DURATION": "Stop when no job has run for so long.",
    "--reload": "for development.",
    "--threads N": "; 1 unless given.",
    "--job-timeout DURATION": "; no limit unless given.",
    "--max-attempts N": "; 5 unless given.",
    "--retry-on LIST": "timeout,crash unless given.",
    "--prefetch N": "; 32 unless given, and up to 1000 while jobs are short.",
    "--drain-timeout DURATION": "; 25s unless given.",
    "--max-jobs-per-child N": "; no limit unless given.",
    "--max-memory-per-child SIZE": "; 0 is no limit.",
    "--host-port HOST:PORT": "/healthz, /readyz, /metrics",
    "--log-format text|json": "; text unless given",
}

WRONG = {
    "a list of what to retry": (["--retry-on", "5x"], "a list of statuses, such as 429,500-504,5xx", "'5x'"),
    "an empty list": (["--retry-on", ""], "retry_on must not be empty", "--retry-on"),
    "a port without a host": (["--host-port", "8085"], "HOST:PORT, such as 127.0.0.1:8085", "'8085'"),
    "a port that is none": (["--host-port", "localhost:http"], "HOST:PORT, such as 127.0.0.1:8085", "--host-port"),
    "a log format": (["--log-format", "yaml"], "must be one of text, json", "'yaml'"),
    "a size": (["--max-memory-per-child", "lots"], "a size such as 300M or 2G", "'lots'"),
    "less than no jobs": (["--max-jobs-per-child", "-1"], "a whole number, 0 or more", "'-1'"),
    "no jobs": (["--max-jobs", "0"], "--max-jobs must be 1 or more", "0"),
    "a number of jobs": (["--max-jobs", "some"], "--max-jobs", "'some'"),
    "no idle time": (["--max-idle-time", "0"], "--max-idle-time must be longer than nothing", "'0'"),
    "an idle time": (["--max-idle-time", "soon"], "--max-idle-time must be a duration such as 90, 90s", "'soon'"),
    "a drain timeout": (["--drain-timeout", "x"], "drain_timeout must be a duration such as 90, 90s", "'x'"),
    "no time for a job": (["--job-timeout", "0"], "job_timeout must be longer than nothing", "--job-timeout"),
    "no attempts": (["--max-attempts", "0"], "a whole number, 1 or more", "'0'"),
    "a route": (["--route", "nowhere"], "'/path' or 'METHOD /path'", "'nowhere'"),
    "a mistyped flag": (["--brust"], "no such option: --brust", "did you mean --burst?"),
    "another mistyped flag": (["--max-idle", "5s"], "no such option: --max-idle", "--max-idle-time"),
}


@pytest.fixture
def shown(monkeypatch, capsys) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["worker", "start", "--help"]) == 0
    return capsys.readouterr().out


def test_help_fits_eighty_columns(shown):
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("flag", TOLD)
def test_help_tells_units_and_defaults(shown, flag):
    options = re.split(r"\n  (?=-)", shown)
    (option,) = [text for text in options if flag in text.splitlines()[0]]
    assert TOLD[flag] in re.sub(r"\s+", " ", option)


def test_the_defaults_that_help_tells_are_those_of_the_settings(shown):
    usual = Settings()
    assert (usual.threads, usual.max_attempts, usual.prefetch, usual.drain_timeout) == (1, 5, None, 25.0)
    assert (FEW, MANY) == (32, 1000)
    assert (usual.max_jobs_per_child, usual.max_memory_per_child, usual.log_format) == (0, 0, "text")
    listed = re.search(r"(\S+,timeout,crash) unless\s+given", shown)
    assert listed is not None
    assert RetryOn.of(listed[1]) == USUAL_RETRY_ON


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.replace(" ", "-"))
def test_a_value_that_cannot_be_used_is_one_line_and_exit_2(folder, case, monkeypatch, capsys):
    monkeypatch.chdir(folder.folder)
    arguments, *says = WRONG[case]
    assert run(["worker", "start", "app:app", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line = only_line(err)
    assert line.startswith("pubsubctl: ")
    assert all(words in line for words in says), line
