"""What a worker shows when it is ready: all that somebody has set, and nothing that is as usual."""

import pytest

from pubsubctl.render import ready
from pubsubctl.render.ready import Ready
from pubsubctl.settings import Settings


@pytest.fixture
def shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def lines(*, ends=(), reload=False, host_port=None, **flags):
        settings = Settings.load({"store": "jobs.db", "processes": "2", **flags})
        return Ready(settings, "app:app", "embedded", "127.0.0.1:1", ends, reload, host_port, took_s=0.25)

    return lines


def told(view: Ready) -> dict[str, str]:
    return dict(ready.lines(view))


def test_what_is_as_usual_is_left_out(shown):
    assert told(shown()) == {
        "app": "app:app",
        "broker": "embedded at 127.0.0.1:1",
        "topic": "projects/pubsubctl-local/topics/pubsubctl-requests",
        "subscription": "projects/pubsubctl-local/subscriptions/pubsubctl-workers",
        "slots": "2 (2 processes by 1 thread), messages held beyond them as jobs are short or long",
        "store": "jobs.db",
    }


@pytest.mark.parametrize(
    ("flags", "limits"),
    [
        ({"job_timeout": "3"}, "3 s a job"),
        ({"job_timeout": "10m", "max_attempts": "1"}, "10 min 00 s a job, 1 failure a job"),
        ({"retry_on": "429,500-504,timeout"}, "retry on 429,500-504,timeout"),
        ({"retry_on": "none"}, "retry on none"),
        ({"max_jobs_per_child": "1000", "max_memory_per_child": "300M"}, "1,000 jobs a process, 300M a process"),
        ({"max_memory_per_child": "2G"}, "2G a process"),
        ({"max_memory_per_child": "150000000"}, "150.0 MB a process"),
        ({"drain_timeout": "8"}, "8 s to drain"),
    ],
)
def test_what_somebody_has_set_is_told(shown, flags, limits):
    assert told(shown(**flags))["limits"] == limits


def test_it_says_when_it_ends_what_it_follows_and_where_its_health_is(shown):
    view = told(shown(ends=("when no job is left", "after 3 attempts"), reload=True, host_port="127.0.0.1:8085"))
    assert view["ends"] == "when no job is left or after 3 attempts"
    assert view["app"] == "app:app, reloaded when its code changes"
    assert view["health"].startswith("http://127.0.0.1:8085/healthz, ")


def test_people_get_a_screen_of_it(shown, capsys):
    ready.show(shown())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:2] == ["worker ready in 0.2 s", "  app           app:app"]
    assert err.splitlines()[-1].startswith("Ctrl-C drains")


def test_a_log_for_programs_gets_a_line_of_it(shown, capsys):
    ready.show(shown(log_format="json"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("worker ready in 0.2 s; app app:app; broker embedded at 127.0.0.1:1; topic ")
