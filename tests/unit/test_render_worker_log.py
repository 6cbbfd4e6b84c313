"""What of the log reaches people, and what machines read of it."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from pubsubctl.render.jsonlog import JsonFormatter
from pubsubctl.render.secrets import redacted

SCRIPT = """
import logging, sys
from pubsubctl.render.worker import log_to_stderr
log_to_stderr(verbose=sys.argv[1] == "verbose")
for name in ("grpc._channel", "google.auth", "pubsubctl.worker"):
    logging.getLogger(name).error("from %s", name)
"""


def told(script: str, *arguments: str, **more: Any) -> list[str]:
    """What a process writes to stderr: the log of this one is pytest's."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more).stderr.splitlines()


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("plain", ["google.auth", "pubsubctl.worker"]),
        ("verbose", ["grpc._channel", "google.auth", "pubsubctl.worker"]),
    ],
)
def test_what_the_worker_gets_over_by_itself_is_told_only_to_those_who_ask(how: str, names: list[str]) -> None:
    assert [line.rpartition(" ")[2] for line in told(SCRIPT, how)] == names


ABOUT_JOBS = """
import logging
from pubsubctl.render.worker import log_to_stderr
log_to_stderr(verbose=False)
log = logging.getLogger("pubsubctl.worker")
log.info("it ended", extra={"job_id": "abc", "attempt": 1})
log.info("job abc ended", extra={"job_id": "abc", "attempt": 1})
log.info("sent Authorization: Bearer topsecret")
try:
    raise ValueError("cookie: topsecret")
except ValueError:
    log.exception("failed\\nbadly")
"""


def test_a_line_about_a_job_has_its_id_once_and_no_line_has_a_secret():
    lines = told(ABOUT_JOBS)
    assert [line[9:] for line in lines[:4]] == [
        "INFO    it ended (job abc)",
        "INFO    job abc ended",
        "INFO    sent Authorization: [redacted]",
        "ERROR   failed badly",
    ]
    assert lines[4] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: cookie: [redacted]"


EVERYTHING = """
import json, logging, sys, threading, warnings
from pubsubctl.render.output import note
from pubsubctl.render.worker import label, log_to_stderr
log_to_stderr(verbose=False, log_format="json")
label(worker="w-1")
log = logging.getLogger("pubsubctl.worker")
log.warning("two\\nlines", extra={"job_id": "abc", "attempt": 2, "folder": "/tmp"})
logging.getLogger("other").error("theirs", extra={"password": "topsecret"})
note("a note")
print("printed", file=sys.stderr)
warnings.warn("beware")
def fail(): raise ZeroDivisionError
thread = threading.Thread(target=fail, name="keeper"); thread.start(); thread.join()
log.info("%d", "no number")
raise RuntimeError("the end")
"""


def test_everything_on_stderr_is_a_line_of_json():
    entries = [json.loads(line) for line in told(EVERYTHING)]
    assert [(entry["severity"], entry["message"].splitlines()[0]) for entry in entries] == [
        ("WARNING", "two"),
        ("ERROR", "theirs"),
        ("INFO", "a note"),
        ("INFO", "printed"),
        ("WARNING", "<string>:12: UserWarning: beware"),
        ("ERROR", "the keeper thread failed: ZeroDivisionError()"),
        ("INFO", "%d ('no number',)"),
        ("CRITICAL", "RuntimeError: the end"),
    ]
    first, other = entries[:2]
    assert (first["message"], first["job_id"], first["attempt"], first["folder"]) == ("two\nlines", "abc", 2, "/tmp")
    assert first["logger"] == "pubsubctl.worker"
    assert first["time"].endswith("Z")
    assert first["logging.googleapis.com/labels"] == {"worker": "w-1"}
    assert "password" not in other
    assert entries[-1]["exception"] == "RuntimeError: the end"
    assert "Traceback" in entries[-1]["stack_trace"]


def entry(formatter: JsonFormatter | None = None, *, level: int = logging.INFO, text: Any = "", **extra: Any) -> Any:
    record = logging.LogRecord("pubsubctl.worker", level, __file__, 1, text, None, None)
    vars(record).update(extra)
    line = (formatter or JsonFormatter()).format(record)
    assert "\n" not in line
    return json.loads(line, parse_constant=lambda _: pytest.fail("that is no JSON"))


class Unprintable:
    def __str__(self) -> str:
        raise ValueError


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (object, "<class 'object'>"),
        (Unprintable(), "<Unprintable>"),
        (float("nan"), "nan"),
        (1.5, 1.5),
        (b"\xff", "b'\\xff'"),
        ({1: (None, True)}, {"1": [None, True]}),
        ("\ud800 alone", "� alone"),
        ("\U0001f600", "\U0001f600"),
        (LOOP, "{'loop': {...}}"),
    ],
)
def test_whatever_is_logged_can_be_read(value, as_json):
    assert entry(folder=value)["folder"] == as_json
    assert entry(text=value)["message"]


def test_a_text_is_cut_to_what_a_log_takes():
    assert entry(text="x" * 200_000)["message"].endswith("x... (150,000 more characters)")


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (5, "DEBUG"),
        (10, "DEBUG"),
        (20, "INFO"),
        (25, "INFO"),
        (30, "WARNING"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (99, "CRITICAL"),
    ],
)
def test_a_level_is_one_of_cloud_logging_s_severities(level, severity):
    assert entry(level=level)["severity"] == severity


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer TOP",
        "{'authorization': 'Bearer TOP'}",
        "('Cookie', 'session=TOP; b=TOP')",
        "set-cookie=TOP",
        "[('proxy-authorization', b'TOP')]",
        "HTTP_COOKIE: TOP",
        'Cookie: a="TOP"; b=TOP',
        r"{'Cookie': 'a=\'TOP\'; b=TOP', 'Host': 'x'}",
    ],
)
def test_what_lets_somebody_in_is_not_told(text):
    assert "TOP" not in redacted(text)
    assert "[redacted]" in redacted(text)


def test_what_only_speaks_of_it_is_left_alone():
    assert redacted("no authorization, no cookies: none") == "no authorization, no cookies: none"
    assert redacted("{'Cookie': 'TOP', 'Host': 'x'}") == "{'Cookie': '[redacted]', 'Host': 'x'}"


TRACED = """
import logging, os
from pubsubctl.exchange import Request
from pubsubctl.render.worker import log_to_stderr
from pubsubctl.tracing.attempts import attempts
log_to_stderr(verbose=False, log_format="json", project=os.environ.get("PROJECT"))
made = attempts(topic="projects/p/topics/t", broker="b:1", subscription="projects/p/subscriptions/s", worker="w")
request = made.begin(Request.of("GET", "/"), job_id="a", attempt=1, message_id="1", attributes={})
logging.getLogger("pubsubctl.worker").info(request.header("traceparent"), extra={"job_id": "a", "attempt": 1})
logging.getLogger("pubsubctl.worker").info("another", extra={"job_id": "a", "attempt": 2})
os._exit(0)
"""


def test_a_line_about_a_job_names_its_trace_in_the_way_of_cloud_logging():
    environment = {"OTEL_TRACES_EXPORTER": "otlp", "PROJECT": "the-project"}
    mine, other = (json.loads(line) for line in told(TRACED, env=environment))
    _, trace, span, _ = mine["message"].split("-")
    assert mine["logging.googleapis.com/trace"] == f"projects/the-project/traces/{trace}"
    assert mine["logging.googleapis.com/spanId"] == span
    assert mine["logging.googleapis.com/trace_sampled"] is True
    assert "logging.googleapis.com/trace" not in other


def test_without_a_project_a_trace_goes_by_its_plain_ids():
    mine, _ = (json.loads(line) for line in told(TRACED, env={"OTEL_TRACES_EXPORTER": "otlp"}))
    assert (mine["trace_id"], mine["span_id"]) == tuple(mine["message"].split("-")[1:3])
